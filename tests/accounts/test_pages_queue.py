"""Where admins give lanes and limits, and where a person reads what holds for them."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from accounts import administration, queue_rules
from accounts.models import AdminAct, Membership, QueueRule, Team, User
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss() -> User:
    return factories.person(is_staff=True, is_superuser=True, name="Jonas Berg")


@pytest.fixture
def tomas() -> User:
    return factories.person(credits=38, name="Tomás Okafor")


@pytest.fixture
def team() -> Team:
    return Team.objects.create(name="Design")


@pytest.fixture
def admin(client: Client, boss: User) -> Client:
    client.force_login(boss)
    return client


@pytest.fixture
def given(boss: User) -> Any:
    def give(**terms: Any) -> QueueRule:
        return administration.set_queue_rule(
            **{"by": boss, "reason": "Pitch on Friday", "now": timezone.now()} | terms
        )

    return give


def text_of(client: Client, path: str) -> str:
    """What the page says, without its tags."""
    response = client.get(path)
    assert response.status_code == 200, response
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", response.content.decode()))


def asked(**changed: str) -> dict[str, str]:
    return {"lane": "express", "concurrency_max": "4", "reason": "Pitch on Friday"} | changed


# Who may


def addresses(tomas: User, team: Team, rule: QueueRule) -> list[str]:
    people = [f"/people/queue/person/{tomas.pk}/", f"/people/queue/team/{team.pk}/"]
    return [*people, f"/people/queue-rules/{rule.pk}/end/"]


def test_a_stranger_is_sent_to_sign_in(client: Client, tomas: User, team: Team, given: Any) -> None:
    for path in addresses(tomas, team, given(user=tomas, lane="express")):
        for answer in (client.get(path), client.post(path, asked())):
            assert answer.headers["Location"].startswith("/accounts/login/"), path


def test_a_person_without_the_permission_is_refused(
    client: Client, tomas: User, team: Team, given: Any
) -> None:
    rule = given(user=tomas, lane="background")
    client.force_login(tomas)

    for path in addresses(tomas, team, rule):
        assert [client.get(path).status_code, client.post(path, asked()).status_code] == [403, 403], path
    assert queue_rules.of(user=tomas) == rule


def test_who_may_only_look_reads_the_rule_and_changes_nothing(
    client: Client, tomas: User, team: Team, given: Any
) -> None:
    rule = given(user=tomas, lane="background")
    looker = factories.person()
    looker.user_permissions.set(Permission.objects.filter(codename="see_credits"))
    client.force_login(looker)

    text = text_of(client, f"/people/{tomas.pk}/")
    answers = [client.post(path, asked()).status_code for path in addresses(tomas, team, rule)]

    assert "Background lane" in text
    assert "Set lane and limit" not in text
    assert answers == [422, 422, 422]
    assert list(QueueRule.objects.filter(ended_at__isnull=True)) == [rule]


@pytest.mark.parametrize(
    "path",
    [
        "/people/queue/planet/1/",
        "/people/queue/key/1/",
        "/people/queue/person/999999/",
        "/people/queue/team/999999/",
        "/people/queue-rules/999999/end/",
    ],
)
def test_what_is_not_there_is_not_found(admin: Client, path: str) -> None:
    assert admin.get(path).status_code == 404


# Setting and ending


def test_a_person_is_given_a_lane_and_a_limit(admin: Client, tomas: User) -> None:
    response = admin.post(f"/people/queue/person/{tomas.pk}/", asked(), follow=True)

    rule = queue_rules.of(user=tomas)
    assert rule is not None
    assert (rule.lane, rule.concurrency_max, rule.reason) == ("express", 4, "Pitch on Friday")
    assert response.redirect_chain == [(f"/people/{tomas.pk}/", 302)]
    assert "Tomás Okafor: express lane, at most 4 at once from now on." in response.content.decode()


def test_a_team_is_given_a_limit_alone(admin: Client, team: Team) -> None:
    response = admin.post(f"/people/queue/team/{team.pk}/", asked(lane="", concurrency_max="12"))

    rule = queue_rules.of(team=team)
    assert rule is not None
    assert (rule.lane, rule.concurrency_max) == ("", 12)
    assert response.headers["Location"] == f"/people/teams/{team.pk}/"


def test_the_form_begins_with_what_is_in_force(admin: Client, tomas: User, given: Any) -> None:
    given(user=tomas, lane="background", concurrency_max=7)

    page = admin.get(f"/people/queue/person/{tomas.pk}/").content.decode()

    assert '<option value="background" selected>' in page
    assert 'name="concurrency_max" value="7"' in page
    assert "Pitch on Friday" not in page


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"reason": ""}, "Say why."),
        ({"reason": "x" * 501}, "at most 500 characters"),
        ({"lane": "", "concurrency_max": ""}, "Choose a lane, or how many at once, or both."),
        ({"lane": "overtaking"}, "Select a valid choice."),
        ({"concurrency_max": "0"}, "Write 1 or more, or nothing."),
        ({"concurrency_max": "-3"}, "Write 1 or more, or nothing."),
        ({"concurrency_max": "1.5"}, "Write a whole number, or nothing."),
        ({"concurrency_max": "many"}, "Write a whole number, or nothing."),
        ({"concurrency_max": "10001"}, "Write 10,000 or less, or nothing."),
    ],
)
def test_a_wrong_form_says_what_to_write_and_changes_nothing(
    admin: Client, tomas: User, wrong: dict[str, str], said: str
) -> None:
    response = admin.post(f"/people/queue/person/{tomas.pk}/", asked(**wrong))

    assert response.status_code == 422
    assert said in response.content.decode()
    assert not QueueRule.objects.exists()


def test_a_rule_is_ended_with_a_reason(admin: Client, tomas: User, given: Any) -> None:
    path = f"/people/queue-rules/{given(user=tomas, lane='express').pk}/end/"
    assert path in admin.get(f"/people/{tomas.pk}/").content.decode()
    assert "End “Express lane” for Tomás Okafor?" in admin.get(path).content.decode()

    without, ended = admin.post(path, {"reason": ""}), admin.post(path, {"reason": "Pitch is over"})

    assert (without.status_code, ended.status_code) == (422, 302)
    assert queue_rules.of(user=tomas) is None
    assert AdminAct.objects.latest("pk").reason == "Pitch is over"
    assert admin.get(path).status_code == 404


def test_a_teams_rule_is_ended_on_the_teams_page(admin: Client, team: Team, given: Any) -> None:
    rule = given(team=team, lane="express")

    response = admin.post(f"/people/queue-rules/{rule.pk}/end/", {"reason": "Over"})

    assert response.headers["Location"] == f"/people/teams/{team.pk}/"
    assert "No rule: the normal lane, any number at once." in text_of(admin, f"/people/teams/{team.pk}/")


def test_the_audit_log_says_it_and_finds_it_by_its_verb(admin: Client, tomas: User, given: Any) -> None:
    given(user=tomas, lane="express", concurrency_max=4)

    for path in (f"/people/{tomas.pk}/", "/people/log/", "/people/log/?verb=set_queue_rule"):
        text = text_of(admin, path)
        assert "queue – → express lane, at most 4 at once" in text, path
    assert "express lane" not in text_of(admin, "/people/log/?verb=end_queue_rule")


# What holds


def test_an_admin_reads_the_own_rule_the_teams_and_what_comes_of_both(
    admin: Client, tomas: User, team: Team, given: Any
) -> None:
    Membership.objects.create(user=tomas, team=team)
    given(user=tomas, concurrency_max=4)
    shared = given(team=team, lane="background", concurrency_max=12, reason="Product shots")

    text = text_of(admin, f"/people/{tomas.pk}/")

    assert "At most 4 at once Pitch on Friday · by Jonas Berg · since" in text
    assert "Background lane, at most 12 at once, all members together Team Design Product shots" in text
    assert "In force: background lane, at most 4 at once, within the team’s 12." in text
    assert f"/people/queue-rules/{shared.pk}/end/" not in admin.get(f"/people/{tomas.pk}/").content.decode()


def test_without_a_rule_the_setting_is_said(admin: Client, tomas: User, settings: Any) -> None:
    settings.PERSON_PLACES_MAX = 6

    assert "No rule: the normal lane, at most 6 at once like everybody." in text_of(
        admin, f"/people/{tomas.pk}/"
    )


def test_a_person_reads_what_holds_for_them(client: Client, tomas: User, team: Team, given: Any) -> None:
    client.force_login(tomas)
    assert "Your lane" not in text_of(client, "/credits/")

    given(user=tomas, lane="express", concurrency_max=4)
    assert "Your lane: express. At most 4 at once. Tell me below" in text_of(client, "/credits/")

    Membership.objects.create(user=tomas, team=team)
    given(team=team, concurrency_max=12)
    text = text_of(client, "/credits/")
    assert "Your lane: express. At most 4 at once. Design: at most 12 at once, all members together." in text


def test_a_name_cannot_write_markup(admin: Client, given: Any) -> None:
    team = Team.objects.create(name="<script>alert(1)</script>")
    user = factories.person(name="<script>alert(2)</script>")
    Membership.objects.create(user=user, team=team)
    given(team=team, concurrency_max=3, reason="<script>alert(3)</script>")
    given(user=user, lane="express", reason="<script>alert(4)</script>")

    for path in (f"/people/{user.pk}/", f"/people/teams/{team.pk}/", f"/people/queue/person/{user.pk}/"):
        assert "<script>alert" not in admin.get(path).content.decode()


# Django's admin


def test_a_rule_is_made_found_and_ended_in_djangos_admin(admin: Client, tomas: User) -> None:
    form = asked(user=str(tomas.pk), team="")
    made = admin.post("/admin/accounts/queuerule/add/", form)
    rule = QueueRule.objects.get()
    end = {"action": "end_action", "_selected_action": [rule.pk]}

    assert made.status_code == 302
    assert "Express lane, at most 4 at once" in admin.get("/admin/accounts/queuerule/").content.decode()
    admin.post("/admin/accounts/queuerule/", end)
    assert queue_rules.of(user=tomas) == rule
    admin.post("/admin/accounts/queuerule/", end | {"reason": "Pitch is over"})
    assert queue_rules.of(user=tomas) is None
    assert list(AdminAct.objects.order_by("pk").values_list("verb", "reason")) == [
        ("set_queue_rule", "Pitch on Friday"),
        ("end_queue_rule", "Pitch is over"),
    ]


@pytest.mark.parametrize(
    "wrong", [{"user": ""}, {"reason": ""}, {"concurrency_max": "0"}, {"lane": "", "concurrency_max": ""}]
)
def test_djangos_admin_refuses_what_cannot_be_in_words(
    admin: Client, tomas: User, wrong: dict[str, str]
) -> None:
    form = asked(user=str(tomas.pk), team="") | wrong

    response = admin.post("/admin/accounts/queuerule/add/", form, follow=True)

    assert response.status_code == 200
    assert re.search(r'class="error(note|list)?"|class="errorlist', response.content.decode())
    assert not QueueRule.objects.exists()
