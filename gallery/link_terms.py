"""The terms of a share link: what may be chosen, checked in one place for pages and API."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypedDict

from django.contrib.auth.hashers import make_password

from accounts import teams
from accounts.models import User
from gallery.models import Collection, Image, ShareLink

USUAL_LIFE = timedelta(days=30)
TITLE_MAX = 120
PASSWORD_MIN, PASSWORD_MAX = 6, 128
VIEWS_MAX = 1_000_000


class InvalidTerms(Exception):
    """A link that can't be made or changed like that. `field` is at fault, `detail` a sentence for people."""

    code = "invalid_link_terms"

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field, self.detail = field, detail


class Terms(TypedDict, total=False):
    """What is left out stays as it is. None is no end and no limit, an empty `password` is none."""

    audience: str
    expires_at: datetime | None
    password: str
    download: str
    shows_prompt: bool
    views_max: int | None
    is_live: bool
    title: str


def ready(terms: Terms) -> Terms:
    """The terms with the password hashed: slow, so before any transaction.

    :raises InvalidTerms:
    """
    if not terms.get("password"):
        return terms
    given = terms["password"]
    if not PASSWORD_MIN <= len(given) <= PASSWORD_MAX:
        raise InvalidTerms("password", f"A password has {PASSWORD_MIN} to {PASSWORD_MAX} characters.")
    return {**terms, "password": make_password(given)}


def apply(link: ShareLink, terms: Terms, *, now: datetime) -> list[str]:
    """Put terms that are `ready` into the row, which isn't saved; the columns that may have changed.

    :raises InvalidTerms:
    """
    for name in terms:
        _SETTERS[name](link, terms, now)
    columns = set(terms)
    return sorted(columns | {"team"} if "audience" in columns else columns)


def usual_title(owner: User, images: Sequence[int], collection: Collection | None) -> str:
    """What is written over it unless its owner says otherwise. Never a file's own name."""
    if collection is not None:
        return collection.name
    if len(images) != 1:
        return ""
    made = Image.objects.filter(owner=owner, pk=images[0], origin=Image.Origin.GENERATED)
    return made.values_list("title", flat=True).first() or ""


def _set_audience(link: ShareLink, terms: Terms, now: datetime) -> None:
    link.audience, link.team = terms["audience"], None
    if link.audience not in ShareLink.Audience.values:
        raise InvalidTerms("audience", f"Choose one of {', '.join(ShareLink.Audience.values)}.")
    if link.audience == ShareLink.Audience.TEAM:
        link.team = teams.of(link.owner)
        if link.team is None:
            raise InvalidTerms("audience", "You aren't in a team, so there is nobody to show it to.")


def _set_expires_at(link: ShareLink, terms: Terms, now: datetime) -> None:
    link.expires_at = terms["expires_at"]
    if link.expires_at is not None and link.expires_at <= now:
        raise InvalidTerms("expires_at", "Choose a moment that is still to come.")


def _set_password(link: ShareLink, terms: Terms, now: datetime) -> None:
    link.password = terms["password"]


def _set_download(link: ShareLink, terms: Terms, now: datetime) -> None:
    link.download = terms["download"]
    if link.download not in ShareLink.Download.values:
        raise InvalidTerms("download", f"Choose one of {', '.join(ShareLink.Download.values)}.")


def _set_shows_prompt(link: ShareLink, terms: Terms, now: datetime) -> None:
    link.shows_prompt = terms["shows_prompt"]


def _set_views_max(link: ShareLink, terms: Terms, now: datetime) -> None:
    link.views_max = terms["views_max"]
    if link.views_max is not None and not 1 <= link.views_max <= VIEWS_MAX:
        raise InvalidTerms("views_max", f"A limit of views is a whole number from 1 to {VIEWS_MAX:,}.")


def _set_is_live(link: ShareLink, terms: Terms, now: datetime) -> None:
    link.is_live = terms["is_live"]
    if link.is_live and link.collection_id is None:
        raise InvalidTerms("is_live", "Only a link to a collection can show what is added later.")


def _set_title(link: ShareLink, terms: Terms, now: datetime) -> None:
    link.title = " ".join(terms["title"].split())
    if len(link.title) > TITLE_MAX or not link.title.isprintable():
        raise InvalidTerms("title", f"A title is one line of up to {TITLE_MAX} characters.")


_SETTERS = {
    "audience": _set_audience,
    "expires_at": _set_expires_at,
    "password": _set_password,
    "download": _set_download,
    "shows_prompt": _set_shows_prompt,
    "views_max": _set_views_max,
    "is_live": _set_is_live,
    "title": _set_title,
}
