"""The admins' pages about people and credits: who sees them, what they show, and what they move."""

import re
import uuid
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import administration, ledger
from accounts.models import AdminAct, Cap, LedgerEntry, Notice, User
from tests import factories

pytestmark = pytest.mark.django_db
PAGES = ["/people/", "/people/teams/", "/people/import/", "/people/log/"]
HUGE = str(2**63)


def with_permissions(user: User, *names: str) -> User:
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    return User.objects.get(pk=user.pk)


@pytest.fixture
def boss() -> User:
    return factories.person(is_staff=True, is_superuser=True, name="Jonas Berg")


@pytest.fixture
def tomas() -> User:
    return factories.person(credits=38, name="Tomás Okafor")


@pytest.fixture
def admin(client: Client, boss: User) -> Client:
    client.force_login(boss)
    return client


def text_of(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200, response
    return re.sub(r"\s+", " ", response.content.decode())


def credits_form(**changed: Any) -> dict[str, Any]:
    return {"mode": "grant", "amount": "200", "reason": "Second round", "key": str(uuid.uuid4())} | changed


def names_on(text: str) -> list[str]:
    return re.findall(r'class="who-name" href="[^"]*">([^<]*)</a>', text)


# Who may


@pytest.mark.parametrize("path", PAGES)
def test_a_stranger_is_sent_to_sign_in(client: Client, path: str) -> None:
    assert client.get(path).headers["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("path", PAGES)
def test_a_person_without_the_permission_is_refused(client: Client, tomas: User, path: str) -> None:
    client.force_login(tomas)

    assert client.get(path).status_code == 403


def test_a_person_sees_no_admin_in_the_rail(client: Client, tomas: User) -> None:
    client.force_login(tomas)

    assert "/people/" not in text_of(client, "/credits/")


def test_who_may_only_look_is_offered_nothing_to_do(client: Client, tomas: User) -> None:
    looker = with_permissions(factories.person(), "see_credits")
    client.force_login(looker)

    text = text_of(client, "/people/") + text_of(client, f"/people/{tomas.pk}/")

    assert ">Grant<" not in text
    assert "Set cap" not in text
    assert client.post(f"/people/{tomas.pk}/credits/", credits_form()).status_code == 422
    assert ledger.available(tomas) == 38


def test_who_may_grant_may_not_correct(client: Client, tomas: User) -> None:
    client.force_login(with_permissions(factories.person(), "see_credits", "grant_credits"))

    granted = client.post(f"/people/{tomas.pk}/credits/", credits_form())
    corrected = client.post(f"/people/{tomas.pk}/correct/", credits_form(amount="5"))

    assert (granted.status_code, corrected.status_code) == (302, 422)
    assert ledger.available(tomas) == 238


# The list


def test_the_list_shows_available_held_spent_and_the_allowance(
    admin: Client, tomas: User, boss: User
) -> None:
    ledger.hold(user=tomas, amount=8, key="open", reason="x", by=tomas)
    spent = ledger.hold(user=tomas, amount=10, key="spent", reason="x", by=tomas)
    ledger.capture(hold=spent, amount=10, reason="x")
    administration.set_allowance(
        by=boss, user=tomas, kind="top_up", amount=20, period="month", reason="x", now=timezone.now()
    )

    text = text_of(admin, "/people/?q=okafor")

    assert '<span class="number warn">20</span>' in text or '<span class="number ">20</span>' in text
    assert '<td class="number people-held quiet">8</td>' in text
    assert "up to 20 a month" in text
    assert '<span class="number quiet">10</span>' in text


def test_the_figures_are_of_everybody(admin: Client, tomas: User) -> None:
    ledger.hold(user=tomas, amount=8, key="open", reason="x", by=tomas)

    text = text_of(admin, "/people/")

    assert "<dt>People</dt><dd>2</dd>" in text
    assert "<dt>Available to spend</dt><dd>1,030</dd>" in text
    assert "<dt>On hold</dt><dd>8</dd>" in text


def knows_all_capitals() -> bool:
    """Not so SQLite, nor a PostgreSQL whose locale is plain C: they know those of ASCII alone."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT UPPER('á')")
        return bool(cursor.fetchone()[0] == "Á")


@pytest.mark.parametrize("words", ["okafor", "TOMÁS", "okafor tom"])
def test_people_are_found_by_parts_of_their_name(admin: Client, tomas: User, words: str) -> None:
    if words == "TOMÁS" and not knows_all_capitals():
        words = "TOMáS"

    assert names_on(text_of(admin, f"/people/?q={words}")) == ["Tomás Okafor"]


def test_people_are_found_by_address_and_by_team(admin: Client, tomas: User, boss: User) -> None:
    team = administration.create_team(by=boss, name="Packaging", now=timezone.now())
    administration.move_to_team(by=boss, user=tomas, team=team, now=timezone.now())

    for query in (f"q={tomas.email}", "q=packag", f"team={team.pk}"):
        assert names_on(text_of(admin, f"/people/?{query}")) == ["Tomás Okafor"]


def test_nobody_found_says_what_was_looked_for(admin: Client) -> None:
    assert "has “zebra” in it" in text_of(admin, "/people/?q=zebra")


def test_what_makes_no_sense_in_the_address_is_left_out(admin: Client, tomas: User) -> None:
    text = text_of(admin, f"/people/?sort=drop&after=x&team=%F0%9F%90%A2&q={'a' * 0}")

    assert len(names_on(text)) == 2


@pytest.mark.parametrize(
    ("sort", "first"), [("least", "Poor"), ("most", "Rich"), ("held", "Busy"), ("name", "Amy")]
)
def test_the_order_is_chosen(admin: Client, sort: str, first: str) -> None:
    factories.person(name="Poor", credits=0)
    factories.person(name="Rich", credits=90_000)
    factories.person(name="Amy", credits=50)
    busy = factories.person(name="Busy", credits=60)
    ledger.hold(user=busy, amount=30, key="h", reason="x", by=busy)

    assert names_on(text_of(admin, f"/people/?sort={sort}"))[0] == first


def test_who_was_active_last_comes_first(admin: Client, tomas: User) -> None:
    for name in ("Never", "Long ago"):
        factories.person(name=name)
    hold = ledger.hold(user=tomas, amount=2, key="h", reason="x", by=tomas)
    ledger.capture(hold=hold, amount=2, reason="x")

    assert names_on(text_of(admin, "/people/?sort=active"))[0] == "Tomás Okafor"


@pytest.mark.parametrize("sort", ["name", "least", "most", "held", "active"])
def test_the_pages_show_everybody_once_in_any_order(admin: Client, sort: str) -> None:
    for number in range(60):
        factories.person(name=f"Person {number % 7}", credits=number % 5 * 10)

    seen: list[str] = []
    path = f"/people/?sort={sort}"
    while path:
        text = text_of(admin, path)
        seen += re.findall(r'name="person" value="(\d+)"', text)
        older = re.search(r'href="(\?[^"]*after=\d+)"', text)
        path = f"/people/{older[1].replace('&amp;', '&')}" if older else ""

    assert len(seen) == len(set(seen)) == 61


def test_a_long_list_costs_the_queries_of_a_short_one(admin: Client) -> None:
    def cost() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            text_of(admin, "/people/")
        return len(queries)

    factories.person(name="One")
    cost()
    few = cost()
    for number in range(20):
        person = factories.person(name=f"Person {number}")
        hold = ledger.hold(user=person, amount=2, key="h", reason="x", by=person)
        ledger.capture(hold=hold, amount=2, reason="x")

    assert cost() == few


def test_low_balances_can_be_shown_alone(admin: Client) -> None:
    factories.person(name="Poor", credits=5)
    factories.person(name="Told of nothing", credits=5, low_balance_at=None)

    assert names_on(text_of(admin, "/people/?low=1")) == ["Poor"]


def test_ones_own_row_says_so_and_asks_for_another_admin(admin: Client) -> None:
    text = text_of(admin, "/people/")

    assert ">You</span>" in text
    assert "Ask another admin" in text
    assert ">Grant</a>" not in text


def test_with_the_setting_an_admin_may_give_to_themselves(admin: Client, boss: User, settings: Any) -> None:
    settings.ADMINS_MAY_GRANT_THEMSELVES = True

    assert ">Grant</a>" in text_of(admin, "/people/")
    assert admin.post(f"/people/{boss.pk}/credits/", credits_form()).status_code == 302
    assert ledger.available(boss) == 1_200


def test_what_the_audit_found_stands_on_every_admins_page(admin: Client) -> None:
    Notice.objects.create(kind=Notice.Kind.AUDIT, key="audit", text="The audit of the ledger found one thing")

    assert all("The audit of the ledger found one thing" in text_of(admin, path) for path in PAGES)


def test_a_low_balance_is_told_to_the_person_alone(client: Client, admin: Client, tomas: User) -> None:
    ledger.capture(hold=ledger.hold(user=tomas, amount=30, key="h", reason="x"), amount=30, reason="x")

    assert "You have 8 credits left" not in text_of(admin, "/people/")
    client.force_login(tomas)
    assert "You have 8 credits left" in text_of(client, "/credits/")


# Moving one person's credits


def test_a_grant_is_previewed_before_it_is_made(admin: Client, tomas: User) -> None:
    response = admin.post(f"/people/{tomas.pk}/credits/", credits_form(preview="1"))

    text = response.content.decode()
    assert "<s data-preview-before>38</s>" in text
    assert "<b data-preview-after>238</b>" in text
    assert ledger.available(tomas) == 38


def test_a_grant_is_made_with_its_reason_and_recorded(admin: Client, tomas: User, boss: User) -> None:
    response = admin.post(f"/people/{tomas.pk}/credits/", credits_form(), HTTP_X_REQUEST_ID="req_42")

    assert response.headers["Location"] == f"/people/{tomas.pk}/"
    entry, act = LedgerEntry.objects.latest("pk"), AdminAct.objects.latest("pk")
    assert (entry.amount, entry.reason, entry.by) == (200, "Second round", boss)
    assert (act.verb, act.reason, act.by, act.request_id) == ("grant", "Second round", boss, "req_42")
    assert act.address == "127.0.0.1"


def test_a_form_sent_twice_grants_once(admin: Client, tomas: User) -> None:
    form = credits_form()
    for _ in range(2):
        admin.post(f"/people/{tomas.pk}/credits/", form)

    assert ledger.available(tomas) == 238


def test_taking_back_leaves_what_is_held_alone(admin: Client, tomas: User) -> None:
    ledger.hold(user=tomas, amount=8, key="h", reason="x", by=tomas)

    too_much = admin.post(f"/people/{tomas.pk}/credits/", credits_form(mode="take_back", amount="31"))
    fits = admin.post(f"/people/{tomas.pk}/credits/", credits_form(mode="take_back", amount="30"))

    assert too_much.status_code == 422
    assert "has 30 credits available; 8 on hold are not touched" in too_much.content.decode()
    assert fits.status_code == 302
    assert ledger.standing(tomas) == ledger.Standing(8, 8)


def test_set_monthly_makes_an_allowance(admin: Client, tomas: User) -> None:
    admin.post(f"/people/{tomas.pk}/credits/", credits_form(mode="monthly", amount="500", kind="add"))

    assert "+500 a month" in text_of(admin, f"/people/{tomas.pk}/")


@pytest.mark.parametrize("amount", ["", "0", "-5", "1.5", "1,5", HUGE, "ten", "²", "９" * 20])
@pytest.mark.parametrize("mode", ["grant", "take_back", "monthly"])
def test_a_wrong_amount_is_refused_and_nothing_moves(
    admin: Client, tomas: User, amount: str, mode: str
) -> None:
    response = admin.post(f"/people/{tomas.pk}/credits/", credits_form(amount=amount, mode=mode))

    assert response.status_code == 422
    assert 'id="id_amount_error"' in response.content.decode()
    assert ledger.available(tomas) == 38


@pytest.mark.parametrize(
    "wrong", [{"reason": ""}, {"reason": "  "}, {"reason": "x" * 501}, {"mode": "steal"}]
)
def test_a_wrong_form_moves_nothing(admin: Client, tomas: User, wrong: dict[str, str]) -> None:
    assert admin.post(f"/people/{tomas.pk}/credits/", credits_form(**wrong)).status_code == 422
    assert ledger.available(tomas) == 38


def test_an_admin_is_not_given_their_own_grant(admin: Client, boss: User) -> None:
    response = admin.post(f"/people/{boss.pk}/credits/", credits_form())

    assert "Ask another admin" in response.content.decode()
    assert ledger.available(boss) == 1_000


def test_a_correction_goes_either_way(admin: Client, tomas: User) -> None:
    for amount in ("12", "-20"):
        assert admin.post(f"/people/{tomas.pk}/correct/", credits_form(amount=amount)).status_code == 302

    assert ledger.available(tomas) == 30
    assert admin.post(f"/people/{tomas.pk}/correct/", credits_form(amount="0")).status_code == 422


# One person


def test_a_persons_page_shows_rules_statement_and_acts(admin: Client, tomas: User) -> None:
    admin.post(f"/people/{tomas.pk}/credits/", credits_form())
    admin.post(
        f"/people/cap/person/{tomas.pk}/",
        {"allowed": "40", "period": "day", "time_zone": "Europe/Berlin", "reason": "Trial"},
    )

    text = text_of(admin, f"/people/{tomas.pk}/")

    assert "40 credits a day" in text
    assert "0 used, 40 left" in text
    assert "Granted by Jonas Berg" in text
    assert "balance 38 → <b>238</b>" in text


def test_a_cap_of_a_key_is_set_and_ended(admin: Client, tomas: User) -> None:
    from accounts import keys

    key = keys.create(user=tomas, name="Figma", scopes=["generate"], spend_limit=None, expires_at=None).key
    form = {"allowed": "9", "period": "total", "time_zone": "UTC", "reason": "Trial"}
    admin.post(f"/people/cap/key/{key.pk}/", form)
    cap = Cap.objects.get(api_key=key)
    assert "Key Figma" in text_of(admin, f"/people/{tomas.pk}/")

    admin.post(f"/people/caps/{cap.pk}/end/", {"reason": "Trusted"})

    assert "Key Figma" not in text_of(admin, f"/people/{tomas.pk}/")


@pytest.mark.parametrize(
    "wrong",
    [
        {"time_zone": "Mars/Base"},
        {"period": "fortnight"},
        {"allowed": "-1"},
        {"allowed": HUGE},
        {"reason": ""},
    ],
)
def test_an_impossible_cap_is_refused(admin: Client, tomas: User, wrong: dict[str, str]) -> None:
    form = {"allowed": "9", "period": "day", "time_zone": "UTC", "reason": "x"} | wrong

    assert admin.post(f"/people/cap/person/{tomas.pk}/", form).status_code == 422
    assert not Cap.objects.exists()


def test_an_allowance_is_ended_with_a_reason(admin: Client, tomas: User) -> None:
    form = {"kind": "add", "amount": "5", "period": "week", "time_zone": "UTC", "reason": "x"}
    admin.post(f"/people/allowance/person/{tomas.pk}/", form)
    end = re.search(r"/people/allowances/\d+/end/", text_of(admin, f"/people/{tomas.pk}/"))
    assert end is not None

    assert admin.post(end[0], {"reason": ""}).status_code == 422
    assert admin.post(end[0], {"reason": "Left"}).status_code == 302
    assert "No credits come by themselves" in text_of(admin, f"/people/{tomas.pk}/")
    assert admin.get(end[0]).status_code == 404


@pytest.mark.parametrize(
    "path",
    ["/people/999999/", "/people/999999/credits/", "/people/cap/planet/1/", "/people/many/steal/"],
)
def test_what_is_not_there_is_not_found(admin: Client, path: str) -> None:
    assert admin.get(path).status_code == 404


def test_a_name_cannot_write_markup(admin: Client) -> None:
    person = factories.person(name="<script>alert(1)</script>")

    for path in ("/people/", f"/people/{person.pk}/", f"/people/{person.pk}/credits/"):
        assert "<script>alert" not in text_of(admin, path)
