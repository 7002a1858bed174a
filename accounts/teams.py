"""Teams and who is in them. A person is in one team at most, so that a credit is spent for one team."""

from datetime import datetime

from django.db import IntegrityError, transaction

from accounts import rule_terms
from accounts.models import Membership, Team, User
from accounts.rule_terms import InvalidRule

NAME_MAX = 80


def create(*, name: str, time_zone: str, now: datetime) -> Team:
    """Make a team without members. Names differ in more than capitals.

    :raises InvalidRule:
    """
    name = name.strip()
    if not 1 <= len(name) <= NAME_MAX or not name.isprintable():
        raise InvalidRule("name", f"Give the team a name of 1 to {NAME_MAX} characters.")
    rule_terms.check_zone(time_zone)
    try:
        with transaction.atomic():
            return Team.objects.create(name=name, time_zone=time_zone, created_at=now)
    except IntegrityError:
        raise InvalidRule("name", f"There is a team called {name} already.") from None


def of(user: User) -> Team | None:
    """The person's team."""
    membership = Membership.objects.filter(user=user).select_related("team").first()
    return membership.team if membership else None


def lock(*teams: Team | None) -> None:
    """Wait until nobody else sets a rule of these teams or moves a person into or out of them."""
    wanted = [team.pk for team in teams if team is not None]
    list(Team.objects.select_for_update(no_key=True).filter(pk__in=wanted).order_by("pk").values_list("pk"))


def put(user: User, team: Team | None, *, role: str, now: datetime) -> None:
    """Put a person into a team, out of the one before; None for no team. The caller holds the locks."""
    if team is None:
        Membership.objects.filter(user=user).delete()
        return
    current = Membership.objects.filter(user=user).first()
    if current is not None and current.team_id == team.pk:
        Membership.objects.filter(pk=current.pk).update(role=role)
        return
    Membership.objects.update_or_create(user=user, defaults={"team": team, "role": role, "joined_at": now})
