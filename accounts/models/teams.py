import zoneinfo
from functools import cache
from typing import ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone


@cache
def time_zones() -> frozenset[str]:
    """The names that the time-zone database has, read once in a process."""
    return frozenset(zoneinfo.available_timezones())


def check_time_zone(name: str) -> None:
    """:raises ValidationError: for a name that the time-zone database does not have."""
    if name not in time_zones():
        raise ValidationError(
            "%(name)s is no time zone. Take one such as Europe/Berlin.", params={"name": name[:60]}
        )


class Team(models.Model):
    """A group of people that credits and limits are given to, and that spending is reported by."""

    name = models.CharField(max_length=80)
    time_zone = models.CharField(max_length=60, default="UTC", validators=[check_time_zone])
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar[list[str]] = ["name"]
        constraints = [models.UniqueConstraint(Lower("name"), name="accounts_team_name_unique")]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """Which team a person is in: one at a time, so that every credit spent belongs to one team at most."""

    class Role(models.TextChoices):
        MEMBER = "member"
        MANAGER = "manager"

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="membership")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role, default=Role.MEMBER)
    joined_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.user} in {self.team}"
