"""Django's admin: who may see, grant, correct and set rules; and rules made and ended by their verbs."""

import uuid

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone
from zeal import zeal_ignore

from accounts import administration, keys, ledger
from accounts.models import AdminAct, AllowanceRule, Cap, Hold, Membership, Team, User
from tests import factories

pytestmark = pytest.mark.django_db
PEOPLE = "/admin/accounts/user/"
ALL = ("see_credits", "grant_credits", "adjust_credits", "set_rules")


@pytest.fixture
def boss() -> User:
    return factories.person(is_staff=True, is_superuser=True, name="Jonas Berg")


@pytest.fixture
def person() -> User:
    return factories.person(credits=100, name="Elif Vural")


@pytest.fixture
def signed_in(client: Client, boss: User) -> Client:
    client.force_login(boss)
    return client


def as_staff_with(client: Client, *names: str) -> Client:
    user = factories.person(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(user)
    return client


def moves(person: User, direction: str) -> dict[str, object]:
    form = {"direction": direction, "amount": "50", "reason": "x", "key": str(uuid.uuid4())}
    return {"action": "credits_action", "_selected_action": [person.pk]} | form


# Permissions


def test_who_sees_credits_sees_rows_and_has_no_action(client: Client, person: User) -> None:
    staff = as_staff_with(client, "see_credits")

    for name in ("user", "ledgerentry", "hold", "team", "cap", "allowancerule", "queuerule", "adminact"):
        assert staff.get(f"/admin/accounts/{name}/").status_code == 200
    staff.post(PEOPLE, moves(person, "give"))
    assert ledger.available(person) == 100
    assert staff.get("/admin/accounts/cap/add/").status_code == 403


def test_who_grants_does_not_correct(client: Client, person: User) -> None:
    staff = as_staff_with(client, "see_credits", "grant_credits")

    staff.post(PEOPLE, moves(person, "give"))
    staff.post(PEOPLE, moves(person, "up"))

    assert ledger.available(person) == 150


def test_who_corrects_does_not_grant(client: Client, person: User) -> None:
    staff = as_staff_with(client, "see_credits", "adjust_credits")

    staff.post(PEOPLE, moves(person, "give"))
    staff.post(PEOPLE, moves(person, "down"))

    assert ledger.available(person) == 50


def test_staff_without_any_sees_nothing(client: Client) -> None:
    staff = as_staff_with(client)

    assert staff.get(PEOPLE).status_code == 403
    assert staff.get("/admin/accounts/adminact/").status_code == 403


def test_who_may_change_people_makes_no_admins_and_touches_none(
    client: Client, person: User, boss: User
) -> None:
    staff = as_staff_with(client, "see_credits", "view_user", "change_user")
    form = {"email": person.email, "name": "New", "is_active": "on", "is_superuser": "on", "is_staff": "on"}

    # The person who asks and the person who is looked at are two rows, not one in a loop.
    with zeal_ignore([{"model": "accounts.User", "field": "get()"}]):
        staff.post(f"{PEOPLE}{person.pk}/change/", form)
        above = [staff.post(f"{PEOPLE}{boss.pk}/{part}/", form) for part in ("change", "password")]

    person.refresh_from_db()
    assert (person.name, person.is_superuser, person.is_staff) == ("New", False, False)
    assert [answer.status_code for answer in above] == [403, 403]


# Verbs


def test_a_refund_of_a_hold_is_recorded(signed_in: Client, person: User) -> None:
    hold = ledger.hold(user=person, amount=8, key="h", reason="x", by=person)
    ledger.capture(hold=hold, amount=8, reason="x")
    form = {"amount": "3", "reason": "Not what was asked for", "key": str(uuid.uuid4())}
    path, chosen = "/admin/accounts/hold/", {"action": "refund_action", "_selected_action": [hold.pk]}

    assert "Not what was asked for" not in signed_in.post(path, chosen).content.decode()
    for _ in range(2):
        signed_in.post(path, chosen | form)

    assert Hold.objects.get(pk=hold.pk).refunded == 3
    assert ledger.available(person) == 95
    assert AdminAct.objects.filter(verb="refund").count() == 1


def test_a_team_is_made_and_somebody_moved_into_it(signed_in: Client, person: User) -> None:
    signed_in.post("/admin/accounts/team/add/", {"name": "Campaigns", "time_zone": "Europe/Berlin"})
    team = Team.objects.get()
    member = {"user": person.pk, "team": team.pk, "role": "manager"}
    signed_in.post("/admin/accounts/membership/add/", member)
    signed_in.post("/admin/accounts/membership/add/", member | {"role": "member"})

    assert Membership.objects.get(user=person).role == "member"
    assert set(AdminAct.objects.values_list("verb", flat=True)) == {"create_team", "move_to_team"}


def test_an_allowance_made_here_replaces_the_one_of_before(signed_in: Client, person: User) -> None:
    form = {"user": person.pk, "kind": "add", "period": "month", "time_zone": "UTC", "reason": "x"}
    for amount in ("5", "7"):
        response = signed_in.post("/admin/accounts/allowancerule/add/", form | {"amount": amount})
        assert response.status_code == 302

    assert AllowanceRule.objects.get(ended_at__isnull=True).amount == 7
    assert AdminAct.objects.filter(verb="set_allowance").count() == 2


@pytest.mark.parametrize(
    "wrong", [{"amount": "0"}, {"amount": str(2**63)}, {"time_zone": "Mars"}, {"user": ""}, {"reason": ""}]
)
def test_an_impossible_allowance_is_refused(signed_in: Client, person: User, wrong: dict[str, str]) -> None:
    form = {"user": person.pk, "kind": "add", "amount": "5", "period": "month"}

    signed_in.post("/admin/accounts/allowancerule/add/", form | {"time_zone": "UTC", "reason": "x"} | wrong)

    assert not AllowanceRule.objects.exists()
    assert ledger.available(person) == 100


def test_an_allowance_for_oneself_is_refused_in_words(signed_in: Client, boss: User) -> None:
    form = {
        "user": boss.pk,
        "kind": "add",
        "amount": "5",
        "period": "month",
        "time_zone": "UTC",
        "reason": "x",
    }

    text = signed_in.post("/admin/accounts/allowancerule/add/", form, follow=True).content.decode()

    assert "Ask another admin" in text
    assert not AllowanceRule.objects.exists()


def test_a_cap_is_made_and_ended_with_a_reason(signed_in: Client, person: User) -> None:
    form = {"user": person.pk, "allowed": "9", "period": "day", "time_zone": "UTC", "reason": "Trial"}
    signed_in.post("/admin/accounts/cap/add/", form)
    cap = Cap.objects.get()
    end = {"action": "end_action", "_selected_action": [cap.pk]}

    signed_in.post("/admin/accounts/cap/", end)
    assert Cap.objects.get().ended_at is None
    signed_in.post("/admin/accounts/cap/", end | {"reason": "Trusted"})

    assert Cap.objects.get().ended_at is not None
    assert AdminAct.objects.latest("pk").reason == "Trusted"


@pytest.mark.parametrize("name", ["team", "cap", "allowancerule", "queuerule", "membership", "adminact"])
def test_no_rule_and_no_act_is_edited_or_deleted(
    signed_in: Client, person: User, boss: User, name: str
) -> None:
    now = timezone.now()
    team = administration.create_team(by=boss, name="T", now=now)
    administration.move_to_team(by=boss, user=person, team=team, now=now)
    rule = {"reason": "x", "now": now, "by": boss, "user": person, "period": "day"}
    rows = {
        "team": team,
        "membership": Membership.objects.get(),
        "cap": administration.set_cap(allowed=5, **rule),
        "allowancerule": administration.set_allowance(kind="add", amount=5, **rule),
        "queuerule": administration.set_queue_rule(by=boss, user=person, lane="express", reason="x", now=now),
        "adminact": AdminAct.objects.latest("pk"),
    }

    for act in ("change", "delete"):
        path = f"/admin/accounts/{name}/{rows[name].pk}/{act}/"
        assert signed_in.post(path, {"reason": "y", "post": "yes"}).status_code == 403


def test_the_secret_of_a_key_is_not_chosen_by_name_alone(signed_in: Client, person: User) -> None:
    made = keys.create(user=person, name="Figma", scopes=["read"], spend_limit=None, expires_at=None)
    query = "app_label=accounts&model_name=cap&field_name=api_key&term=Figma"

    text = signed_in.get(f"/admin/autocomplete/?{query}").content.decode()

    assert "Figma" in text
    assert made.secret not in text
