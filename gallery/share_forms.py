"""The terms of a share link as they are filled in; each change is a whole form, saved at once."""

from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.formats import date_format

from gallery import link_terms
from gallery.link_terms import Terms
from gallery.models import ShareLink

KEEP = "keep"
EXPIRIES = (("1", "In a day"), ("7", "In 7 days"), ("30", "In 30 days"), ("date", "On a date"), ("", "Never"))
_DAYS = {"1": 1, "7": 7, "30": 30}


class LinkForm(forms.Form):
    """What a link's owner chooses. A password is only changed where one is given or its switch is off."""

    title = forms.CharField(
        required=False,
        max_length=link_terms.TITLE_MAX,
        error_messages={"max_length": f"A title has at most {link_terms.TITLE_MAX} characters."},
    )
    audience = forms.ChoiceField(choices=ShareLink.Audience.choices)
    expires = forms.ChoiceField(choices=[(KEEP, KEEP), *EXPIRIES], required=False)
    expires_on = forms.DateField(
        required=False, error_messages={"invalid": "Write a date such as 2027-01-31, or choose another."}
    )
    has_password = forms.BooleanField(required=False)
    password = forms.CharField(required=False, strip=False)
    download = forms.ChoiceField(choices=ShareLink.Download.choices)
    shows_prompt = forms.BooleanField(required=False)
    views_max = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=link_terms.VIEWS_MAX,
        error_messages={
            "invalid": "Write a whole number of views, or leave it empty for no limit.",
            "min_value": "A limit is at least one view. Leave it empty for none.",
            "max_value": f"A limit is at most {link_terms.VIEWS_MAX:,} views. Leave it empty for none.",
        },
    )
    is_live = forms.BooleanField(required=False)

    def __init__(self, data: Any = None, *, link: ShareLink, now: datetime) -> None:
        super().__init__(data, initial=_chosen(link))
        self.link, self.now = link, now

    @property
    def expiries(self) -> list[tuple[str, str]]:
        """The choices, the present end first."""
        ends = self.link.expires_at
        if ends is None:
            return list(EXPIRIES)
        return [(KEEP, f"{date_format(ends, 'j M Y')}, {_from_now(ends, self.now)}"), *EXPIRIES]

    def clean(self) -> dict[str, Any]:
        """A date that is chosen is given, and a password that is switched on too."""
        given: dict[str, Any] = super().clean() or {}
        day = given.get("expires_on")
        if given.get("expires") == "date" and "expires_on" not in self.errors:
            if day is None:
                self.add_error("expires_on", "Choose the last day it works.")
            elif day < self.now.date() or day.year > 9000:
                self.add_error("expires_on", "Choose a day that is still to come.")
        if given.get("has_password") and not given.get("password") and not self.link.password:
            self.add_error("password", "Write the password that opens it.")
        return given

    def terms(self) -> Terms:
        """What `links.change` takes."""
        given = self.cleaned_data
        terms: Terms = {
            "title": given["title"],
            "audience": given["audience"],
            "download": given["download"],
            "shows_prompt": given["shows_prompt"],
            "views_max": given["views_max"],
        }
        if self.link.collection_id is not None:
            terms["is_live"] = given["is_live"]
        if given["expires"] != KEEP:
            terms["expires_at"] = self._expires_at()
        if not given["has_password"]:
            terms["password"] = ""
        elif given["password"]:
            terms["password"] = given["password"]
        return terms

    def _expires_at(self) -> datetime | None:
        chosen = self.cleaned_data["expires"]
        if chosen == "date":
            last: date = self.cleaned_data["expires_on"]
            return timezone.make_aware(datetime.combine(last + timedelta(days=1), time.min))
        return self.now + timedelta(days=_DAYS[chosen]) if chosen in _DAYS else None


def _chosen(link: ShareLink) -> dict[str, Any]:
    """What the link's owner chose until now."""
    return {
        "title": link.title,
        "audience": link.audience,
        "expires": "" if link.expires_at is None else KEEP,
        "has_password": bool(link.password),
        "download": link.download,
        "shows_prompt": link.shows_prompt,
        "views_max": link.views_max,
        "is_live": link.is_live,
    }


def _from_now(moment: datetime, now: datetime) -> str:
    if moment <= now:
        return "over"
    days = -(-(moment - now) // timedelta(days=1))
    return "within a day" if days == 1 else f"in {days} days"
