"""What people fill in about their account."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.db.models import Q

from accounts.ledger import AMOUNT_MAX
from accounts.models import ApiKey, User

EXPIRIES = (("30", "In 30 days"), ("90", "In 90 days"), ("365", "In a year"), ("", "Never"))


class ApiKeyForm(forms.Form):
    """The terms of a new API key."""

    name = forms.CharField(max_length=80, error_messages={"required": "Give the key a name."})
    scopes = forms.MultipleChoiceField(
        choices=ApiKey.Scope.choices,
        initial=ApiKey.Scope.values,
        error_messages={"required": "Choose what the key may do."},
    )
    spend_limit = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=AMOUNT_MAX,
        error_messages={
            "invalid": "Write a whole number of credits, or leave it empty.",
            "min_value": "A limit is at least 1 credit. Leave it empty for none.",
        },
    )
    expires = forms.ChoiceField(choices=EXPIRIES, required=False, initial="90")

    def __init__(self, *args: Any, user: User, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user, self.now = user, now

    def clean_name(self) -> str:
        """Two live keys can't be told apart by one name; this also catches a form that is sent twice."""
        name = str(self.cleaned_data["name"]).strip()
        if not name.isprintable():
            raise forms.ValidationError("A name is one line of plain text.")
        alive = Q(revoked_at__isnull=True) & (Q(expires_at__isnull=True) | Q(expires_at__gt=self.now))
        if ApiKey.objects.filter(alive, user=self.user, name=name).exists():
            raise forms.ValidationError(f"You have a key called “{name}” already.")
        return name

    def terms(self) -> dict[str, Any]:
        """What `keys.create` takes."""
        days = self.cleaned_data["expires"]
        return {
            "name": self.cleaned_data["name"],
            "scopes": self.cleaned_data["scopes"],
            "spend_limit": self.cleaned_data["spend_limit"],
            "expires_at": self.now + timedelta(days=int(days)) if days else None,
        }


class LowBalanceForm(forms.Form):
    """Below how many credits to be told; empty for never."""

    amount = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=AMOUNT_MAX,
        error_messages={
            "invalid": "Write a whole number of credits, or leave it empty for never.",
            "min_value": "Write 1 or more, or leave it empty for never.",
        },
    )
