"""What people fill in here: the composer (`generation.wishes` decides what can be had), refunds, periods."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils import timezone

from accounts.ledger_refusals import REASON_MAX
from generation import catalog, wishes
from generation.models import RoutingPolicy
from generation.wishes import InvalidWish, Wish


class ComposerForm(forms.Form):
    """The composer. `make` is another count, chosen by a button; `price` is the one shown for an image."""

    prompt = forms.CharField(required=False, strip=False)
    model = forms.CharField(required=False, max_length=80)
    aspect_ratio = forms.CharField(required=False, max_length=8)
    image_size = forms.CharField(required=False, max_length=8)
    count = forms.IntegerField(required=False, error_messages={"invalid": "Say how many images as a number."})
    make = forms.IntegerField(required=False)
    provider = forms.CharField(required=False, max_length=40)
    temperature = forms.FloatField(required=False)
    top_p = forms.FloatField(required=False)
    price = forms.IntegerField(required=False)
    key = forms.UUIDField(required=False)

    def wish(self, *, references: int, continues: bool = False) -> Wish | None:
        """The checked wish, or None with the reason among the form's errors.

        `continues` says that it goes on from a picture.
        """
        if not self.is_valid():
            return None
        try:
            return wishes.check(references=references, continues=continues, **self._asked())
        except InvalidWish as refusal:
            field = refusal.field if refusal.field in self.fields else None
            self.add_error(field, forms.ValidationError(refusal.detail, code=refusal.code))
            return None

    def _asked(self) -> dict[str, Any]:
        data: Mapping[str, Any] = self.cleaned_data
        count = data["make"] if data["make"] is not None else data["count"]
        return {
            # Browsers send every line break of a text field as two characters.
            "prompt": data["prompt"].replace("\r\n", "\n"),
            "model": data["model"],
            "aspect_ratio": data["aspect_ratio"] or catalog.DEFAULT_RATIO,
            "image_size": data["image_size"],
            "count": 1 if count is None else count,
            "temperature": data["temperature"],
            "top_p": data["top_p"],
            "provider": data["provider"],
        }


class RefundForm(forms.Form):
    """Credits to give back, and why. `key` makes a form that is sent twice one refund."""

    amount = forms.IntegerField(
        min_value=1,
        error_messages={
            "required": "Say how many credits.",
            "invalid": "Write a whole number of credits.",
            "min_value": "A refund is at least 1 credit.",
        },
    )
    reason = forms.CharField(
        max_length=REASON_MAX, error_messages={"required": "Say why; the person reads it in their statement."}
    )
    key = forms.UUIDField()


class PeriodForm(forms.Form):
    """A period by its name, or from one day to another."""

    DAYS_MAX = 1_830

    period = forms.ChoiceField(
        required=False,
        choices=[(name, name) for name in ("month", "last-month", "90-days", "year")],
        error_messages={"invalid_choice": "There is no such period."},
    )
    since = forms.DateField(required=False, error_messages={"invalid": "Write a date as 2026-11-01."})
    until = forms.DateField(required=False, error_messages={"invalid": "Write a date as 2026-11-30."})

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        since, until = data.get("since"), data.get("until")
        if until and not since and "since" not in self.errors:
            raise forms.ValidationError("Say from which day on.")
        until = until or timezone.now().date()
        if since and (until < since or since.year < 1971):
            raise forms.ValidationError("The period ends before it begins.")
        if since and (until - since).days > self.DAYS_MAX:
            raise forms.ValidationError("A period is five years at most.")
        return data


class RoutingForm(forms.Form):
    """How a provider is chosen where the person chose none."""

    policy = forms.ChoiceField(
        choices=RoutingPolicy.Policy.choices, error_messages={"invalid_choice": "Choose one of those shown."}
    )
    fail_over = forms.BooleanField(required=False)
