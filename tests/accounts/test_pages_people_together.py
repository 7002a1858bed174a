"""The admins' pages for many people at once: selections, teams, files, and the record of it."""

import re
import uuid
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from accounts import administration, ledger
from accounts.models import AllowanceRule, Cap, GrantBatch, Membership, Team, User
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss() -> User:
    return factories.person(is_staff=True, is_superuser=True, name="Jonas Berg")


@pytest.fixture
def admin(client: Client, boss: User) -> Client:
    client.force_login(boss)
    return client


@pytest.fixture
def pair() -> tuple[User, User]:
    return factories.person(credits=10, name="Elif Vural"), factories.person(credits=20, name="Agnes Rautio")


@pytest.fixture
def team(boss: User, pair: tuple[User, User]) -> Team:
    made = administration.create_team(by=boss, name="Campaigns", now=timezone.now())
    for user in pair:
        administration.move_to_team(by=boss, user=user, team=made, now=timezone.now())
    return made


def text_of(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200, response
    return re.sub(r"\s+", " ", response.content.decode())


def for_each(pair: tuple[User, ...], **changed: Any) -> dict[str, Any]:
    form = {"amount": "200", "reason": "Autumn", "key": str(uuid.uuid4())}
    return form | {"person": [user.pk for user in pair]} | changed


def send(client: Client, data: bytes, reason: str = "") -> Any:
    return client.post("/people/import/", {"file": SimpleUploadedFile("grants.csv", data), "reason": reason})


@pytest.fixture
def each_by_itself(settings: Any) -> None:
    """The verbs decide for each person under that person's own lock: their queries are no oversight."""
    models = ["accounts.CapUse", "accounts.Membership", "accounts.AllowanceRule", "accounts.Cap"]
    settings.ZEAL_ALLOWLIST = [*settings.ZEAL_ALLOWLIST, *({"model": model} for model in models)]


# A selection


def test_a_selection_is_shown_with_its_total_before_it_is_given(
    admin: Client, pair: tuple[User, User]
) -> None:
    response = admin.post("/people/many/grant/", for_each(pair))

    text = text_of(admin, response.headers["Location"])
    assert "Give 400 credits to 2 people" in text
    assert '<span class="faint">10 →</span> 210' in text
    assert [ledger.available(user) for user in pair] == [10, 20]


def test_a_selection_is_given_once(admin: Client, pair: tuple[User, User]) -> None:
    batch = admin.post("/people/many/grant/", for_each(pair)).headers["Location"]
    for _ in range(2):
        assert admin.post(batch).status_code == 302

    assert [ledger.available(user) for user in pair] == [210, 220]
    assert "The same file or form gives nothing more" in text_of(admin, batch)


def test_the_same_gift_in_another_month_is_another_batch(admin: Client, pair: tuple[User, User]) -> None:
    for _ in range(2):
        admin.post(admin.post("/people/many/grant/", for_each(pair)).headers["Location"])

    assert [ledger.available(user) for user in pair] == [410, 420]


def test_an_admin_among_those_chosen_stops_it_all(admin: Client, pair: tuple[User, User], boss: User) -> None:
    response = admin.post("/people/many/grant/", for_each((*pair, boss)))

    assert response.status_code == 422
    assert "Ask another admin" in response.content.decode()
    assert not GrantBatch.objects.exists()


def test_too_many_chosen_are_sent_to_the_import(
    admin: Client, pair: tuple[User, User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accounts.people_pages.bulk.PEOPLE_MAX", 1)

    response = admin.post("/people/many/grant/", for_each(pair), follow=True)

    assert "Choose at most 1 people at once, or import a file." in response.content.decode()
    assert not GrantBatch.objects.exists()


def test_nobody_chosen_goes_back_to_the_list(admin: Client) -> None:
    assert admin.get("/people/many/grant/?person=x").headers["Location"] == "/people/"


@pytest.mark.usefixtures("each_by_itself")
def test_an_allowance_is_set_for_each(admin: Client, pair: tuple[User, User]) -> None:
    form = for_each(pair, kind="top_up", period="month", time_zone="Europe/Berlin")

    assert admin.post("/people/many/allowance/", form).status_code == 302
    assert AllowanceRule.objects.filter(user__in=pair, amount=200, kind="top_up").count() == 2


@pytest.mark.usefixtures("each_by_itself")
def test_a_cap_is_set_for_each(admin: Client, pair: tuple[User, User]) -> None:
    form = for_each(pair, allowed="50", period="day", time_zone="UTC")

    assert admin.post("/people/many/cap/", form).status_code == 302
    assert Cap.objects.filter(user__in=pair, allowed=50).count() == 2


@pytest.mark.usefixtures("each_by_itself")
def test_those_chosen_move_to_a_team(admin: Client, team: Team, boss: User) -> None:
    newcomers = (factories.person(), factories.person())

    admin.post("/people/many/team/", for_each(newcomers, team=team.pk, role="member"))

    assert Membership.objects.filter(team=team).count() == 4


def test_an_allowance_for_oneself_among_others_is_set_for_nobody(
    admin: Client, pair: tuple[User, User], boss: User
) -> None:
    form = for_each((*pair, boss), kind="add", period="month", time_zone="UTC")

    assert admin.post("/people/many/allowance/", form).status_code == 422
    assert not AllowanceRule.objects.exists()


# A file


def test_a_file_is_read_shown_and_given_once(admin: Client, pair: tuple[User, User]) -> None:
    data = f"email,amount,reason\n{pair[0].email},5,Prize\n{pair[1].email},7,\n".encode()
    for _ in range(2):
        batch = send(admin, data, reason="Autumn").headers["Location"]
        admin.post(batch)

    assert [ledger.available(user) for user in pair] == [15, 27]
    assert GrantBatch.objects.count() == 1


def test_what_is_wrong_in_a_file_is_told_by_line_and_nothing_is_given(
    admin: Client, pair: tuple[User, User]
) -> None:
    lines = [f"{pair[0].email},5,a", "who@nowhere.test,5,a", f"{pair[1].email},-3,a", f"{pair[0].email},1,a"]

    response = send(admin, "\n".join(lines).encode())

    text = re.sub(r"\s+", " ", response.content.decode())
    assert response.status_code == 422
    assert re.findall(r'<td class="number">(\d+)</td>', text) == ["2", "3", "4"]
    assert "Nobody here has the address who@nowhere.test" in text
    assert [ledger.available(user) for user in pair] == [10, 20]
    assert not GrantBatch.objects.exists()


@pytest.mark.parametrize("data", [b"", "Zoë;5".encode("latin-1"), b"\x00\x01\x02", b"email\n"])
def test_a_file_that_is_no_table_is_refused(admin: Client, data: bytes) -> None:
    assert send(admin, data, reason="x").status_code == 422


def test_a_file_too_big_is_refused_before_it_is_read(admin: Client) -> None:
    response = send(admin, b"a" * (8 * 2**20 + 1))

    assert response.status_code == 422
    assert "too big" in response.content.decode()


def test_without_a_file_it_asks_for_one(admin: Client) -> None:
    assert "Choose a file." in admin.post("/people/import/", {}).content.decode()


def test_who_may_only_look_cannot_give_a_batch(admin: Client, pair: tuple[User, User]) -> None:
    from tests.accounts.test_pages_people import with_permissions

    batch = admin.post("/people/many/grant/", for_each(pair)).headers["Location"]
    admin.force_login(with_permissions(factories.person(), "see_credits"))

    assert admin.post(batch).status_code == 422
    assert ledger.available(pair[0]) == 10


# Teams


def test_a_team_is_made_and_somebody_added(admin: Client, pair: tuple[User, User]) -> None:
    place = admin.post("/people/teams/", {"name": "Packaging", "time_zone": "Europe/Berlin"}).headers[
        "Location"
    ]
    admin.post(place, {"email": pair[0].email.upper(), "role": "manager"})

    assert "Elif Vural" in text_of(admin, place)
    assert Membership.objects.get(user=pair[0]).role == "manager"


@pytest.mark.parametrize(
    "wrong", [{"name": ""}, {"name": "campaigns"}, {"time_zone": "Nowhere"}, {"time_zone": ""}]
)
def test_an_impossible_team_is_refused(admin: Client, team: Team, wrong: dict[str, str]) -> None:
    form = {"name": "Packaging", "time_zone": "UTC"} | wrong

    assert admin.post("/people/teams/", form).status_code == 422
    assert Team.objects.count() == 1


def test_an_unknown_address_joins_no_team(admin: Client, team: Team) -> None:
    response = admin.post(f"/people/teams/{team.pk}/", {"email": "who@nowhere.test", "role": "member"})

    assert response.status_code == 422
    assert "Nobody here has the address" in response.content.decode()


def test_a_team_is_given_to_as_a_whole(admin: Client, team: Team, pair: tuple[User, User]) -> None:
    form = {"of": team.pk, "amount": "3", "reason": "x", "key": str(uuid.uuid4())}

    admin.post(admin.post("/people/many/grant/", form).headers["Location"])

    assert [ledger.available(user) for user in pair] == [13, 23]


def test_a_teams_rules_are_shown_on_its_page_and_its_members(
    admin: Client, team: Team, pair: tuple[User, User]
) -> None:
    rule = {"kind": "add", "amount": "9", "period": "month", "time_zone": "UTC", "reason": "x"}
    admin.post(f"/people/allowance/team/{team.pk}/", rule)
    cap = {"allowed": "900", "period": "month", "time_zone": "UTC", "reason": "Budget"}
    admin.post(f"/people/cap/team/{team.pk}/", cap)

    for path in (f"/people/teams/{team.pk}/", f"/people/{pair[0].pk}/", "/people/teams/"):
        text = text_of(admin, path)
        assert "+9 a month" in text
        assert re.search(r"900 (credits )?a month", text)


def test_a_person_leaves_their_team(admin: Client, team: Team, pair: tuple[User, User]) -> None:
    admin.post(f"/people/{pair[0].pk}/team/", {"team": "", "role": "member"})

    assert not Membership.objects.filter(user=pair[0]).exists()


# The record


def test_the_audit_log_is_filtered_by_person_and_verb(
    admin: Client, team: Team, pair: tuple[User, User]
) -> None:
    admin.post(f"/people/{pair[0].pk}/credits/", for_each(pair, mode="grant"))

    def subjects(query: str) -> set[str]:
        return set(
            re.findall(r"(Granted|Moved|Made a team) · ([^<]*)</p>", text_of(admin, f"/people/log/?{query}"))
        )

    assert subjects("q=vural") == {("Granted", "Elif Vural"), ("Moved", "Elif Vural")}
    assert subjects("verb=grant") == {("Granted", "Elif Vural")}
    assert subjects("verb=create_team") == {("Made a team", "Campaigns")}
    assert "No act fits" in text_of(admin, "/people/log/?q=zebra")


def test_the_audit_log_goes_back_to_its_first_line(admin: Client, boss: User) -> None:
    person = factories.person()
    for number in range(60):
        administration.grant(by=boss, user=person, amount=1, reason=f"n{number}.", key=str(number))

    first = text_of(admin, "/people/log/")
    older = re.search(r'href="(\?[^"]*before=\d+)"', first)
    assert older is not None
    second = text_of(admin, f"/people/log/{older[1].replace('&amp;', '&')}")

    assert "n59." in first
    assert "n0." in second
    assert "before=" not in second


def test_a_command_is_named_as_who_did_it(admin: Client, pair: tuple[User, User]) -> None:
    administration.grant(by=None, user=pair[0], amount=1, reason="x", key="k")

    assert "A command on the server" in text_of(admin, "/people/log/")
