"""What a statement is asked to show: the kind, the period, the team and the key."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.db.models import Exists, OuterRef

from accounts import statement
from accounts.models import ApiKey, Hold, Team, User
from accounts.statement import Within


class StatementForm(forms.Form):
    """The filters of a person's statement; teams and keys are those the person ever spent with."""

    show = forms.ChoiceField(required=False, choices=[(name, name) for name in statement.FILTERS])
    since = forms.DateField(required=False, error_messages={"invalid": "Write a date as 2026-11-01."})
    until = forms.DateField(required=False, error_messages={"invalid": "Write a date as 2026-11-30."})
    team = forms.ModelChoiceField(required=False, queryset=Team.objects.none())
    key = forms.ModelChoiceField(required=False, queryset=ApiKey.objects.none(), to_field_name="key_id")

    def __init__(self, *args: Any, user: User, **options: Any) -> None:
        super().__init__(*args, **options)
        spent = Hold.objects.filter(team=OuterRef("pk"), account__user=user)
        self._field("team").queryset = Team.objects.filter(Exists(spent))
        self._field("key").queryset = ApiKey.objects.filter(user=user).order_by("name")

    def _field(self, name: str) -> Any:
        return self.fields[name]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        since, until = data.get("since"), data.get("until")
        if since and until and until < since:
            raise forms.ValidationError("The period ends before it begins.")
        if (since and since.year < 1971) or (until and until.year > 9000):
            raise forms.ValidationError("Choose dates of this century.")
        return data

    def within(self) -> Within:
        """What the filters say; all of it where they can't be read. Days are UTC, the last one whole."""
        if not self.is_valid():
            return statement.EVERYTHING
        data = self.cleaned_data
        until: date | None = data["until"]
        return Within(
            kind=data["show"] or "all",
            since=_midnight(data["since"]) if data["since"] else None,
            until=_midnight(until + timedelta(days=1)) if until else None,
            team_id=data["team"].pk if data["team"] else None,
            key_id=data["key"].pk if data["key"] else None,
        )

    def query(self, **changes: str) -> str:
        """The filters as a query string, with some of them changed."""
        asked = {name: self.data.get(name, "") for name in self.fields}
        return urlencode({name: value for name, value in {**asked, **changes}.items() if value})


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)
