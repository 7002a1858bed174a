"""What people choose filters from: names that change seldom, kept for a minute for everybody."""

from collections.abc import Callable, Iterable
from typing import Any

from django.core.cache import cache

from accounts.models import User
from gallery import provenance
from gallery.models import Image, Tag

CHOICES_MAX = 24
PEOPLE_MAX = 60
_KEPT_SECONDS = 60

Choice = tuple[str, str]
"""What stands in the address, and what is shown."""


def tags() -> list[Choice]:
    """The most used tags: their keys and names."""
    return _kept("tags", _most_used_tags)


def people() -> list[Choice]:
    """Who may have made a picture: their numbers and names."""
    return _kept("people", _people)


def providers() -> list[Choice]:
    """Who made pictures: their names in the address and for people."""
    return _kept("providers", _providers)


def names_of(numbers: Iterable[int]) -> dict[int, str]:
    """The names of these people."""
    known = {int(number): name for number, name in people()}
    found = {number: known[number] for number in numbers if number in known}
    missing = [number for number in numbers if number not in known]
    if missing:
        found |= {person.pk: person.get_full_name() for person in User.objects.filter(pk__in=missing)}
    return found


def _kept(name: str, make: Callable[[], list[Choice]]) -> list[Choice]:
    found: Any = cache.get_or_set(f"gallery:shelf:{name}", make, _KEPT_SECONDS)
    return list(found)


def _most_used_tags() -> list[Choice]:
    used = Tag.objects.filter(merged_into=None, uses__gt=0).order_by("-uses", "pk")
    return list(used.values_list("key", "name")[:CHOICES_MAX])


def _people() -> list[Choice]:
    active = User.objects.filter(is_active=True).order_by("name", "pk")[:PEOPLE_MAX]
    return [(str(person.pk), person.get_full_name()) for person in active]


def _providers() -> list[Choice]:
    # Among the newest pictures: to look through all of them would take long.
    newest = Image.objects.order_by("-pk").exclude(provider="").values_list("provider", flat=True)[:2_000]
    return [(name, provenance.provider_name(name)) for name in sorted(set(newest))]
