"""What every page's shell reads without the ORM is what the ORM would read."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, Permission
from django.utils import timezone

from accounts import ledger, notices
from accounts.models import Notice, User
from tests import factories

pytestmark = pytest.mark.django_db


def permission(codename: str) -> Permission:
    return Permission.objects.get(codename=codename)


def test_permissions_are_the_persons_own_and_their_groups() -> None:
    user, group = factories.person(credits=0), Group.objects.create(name="Bookkeeping")
    group.permissions.add(permission("see_credits"))
    user.groups.add(group)
    user.user_permissions.add(permission("change_user"))
    fresh = User.objects.get(pk=user.pk)

    assert fresh.has_perm("accounts.see_credits")
    assert fresh.has_perm("accounts.change_user")
    assert not fresh.has_perm("accounts.delete_user")
    assert fresh.get_all_permissions() == User.objects.get(pk=user.pk).get_all_permissions()


def test_who_is_not_active_may_nothing_and_a_superuser_all() -> None:
    user = factories.person(credits=0, is_active=False)
    user.user_permissions.add(permission("see_credits"))
    superuser = factories.person(credits=0, is_superuser=True)

    assert not User.objects.get(pk=user.pk).has_perm("accounts.see_credits")
    assert User.objects.get(pk=superuser.pk).has_perm("accounts.see_credits")


@pytest.mark.parametrize("sees", [False, True])
def test_open_notices_are_the_newest_of_those_for_the_person(sees: bool) -> None:
    user, other = factories.person(credits=0), factories.person(credits=0)
    if sees:
        user.user_permissions.add(permission("see_credits"))
    fresh = User.objects.get(pk=user.pk)
    now = timezone.now()
    for place, (whose, resolved) in enumerate(
        [(user, None), (None, None), (other, None), (user, now), (user, None), (user, None), (None, None)]
    ):
        Notice.objects.create(
            user=whose,
            kind="test",
            text=str(place),
            key=str(place),
            resolved_at=resolved,
            created_at=now + timedelta(place),
        )

    for number in (1, 3, 10):
        assert notices.newest_open(fresh, number) == list(notices.open_for(fresh)[:number])


def test_standing_is_what_is_owned_and_held() -> None:
    assert ledger.standing(factories.person(credits=7)) == ledger.Standing(7, 0)
    assert ledger.standing(factories.person(credits=0)) == ledger.Standing(0, 0)
