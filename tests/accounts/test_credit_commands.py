"""The commands that give and list credits, as an operator types them."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts import ledger
from accounts.models import AdminAct, AllowanceRule, GrantBatch, Team, User
from tests.factories import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> User:
    return person(credits=0, email="admin@easel.test", is_superuser=True)


@pytest.fixture
def ada() -> User:
    return person(credits=10, email="ada@easel.test")


def run(*command: Any) -> str:
    out = StringIO()
    call_command(*(str(word) for word in command), stdout=out)
    return out.getvalue()


def test_a_grant_says_what_the_person_has_now_and_is_recorded(ada: User) -> None:
    assert run("grant_credits", ada.email, 5, "--reason", "for March") == (
        "ada@easel.test was given 5 credits: 15 now.\n"
    )
    assert AdminAct.objects.get().reason == "for March"


def test_a_grant_with_a_key_gives_once(ada: User) -> None:
    command = ("grant_credits", "ADA@easel.test", 5, "--reason", "for March", "--key", "march", "--json")

    first, second = json.loads(run(*command)), json.loads(run(*command))

    assert first == second
    assert (first["balance"], ledger.available(ada), AdminAct.objects.count()) == (15, 15, 1)


@pytest.mark.parametrize("amount", [0, -5, 2**63])
def test_a_grant_of_what_is_no_amount_is_refused(amount: int, ada: User) -> None:
    with pytest.raises(CommandError, match="An amount is a whole number"):
        run("grant_credits", ada.email, f"{amount}", "--reason", "for March")
    assert ledger.available(ada) == 10


def test_nobody_is_no_person() -> None:
    with pytest.raises(CommandError, match="Nobody active has the e-mail address"):
        run("grant_credits", "nobody@easel.test", 5, "--reason", "for March")


def test_a_dry_run_shows_the_file_and_gives_nothing(admin: User, ada: User, tmp_path: Path) -> None:
    file = tmp_path / "march.csv"
    file.write_text("ada@easel.test,5,for March\n")

    assert run("import_grants", file, "--by", admin.email, "--dry-run") == (
        "ada@easel.test: 5 (for March)\nThis would give 5 credits to 1 people.\n"
    )
    assert (ledger.available(ada), GrantBatch.objects.count()) == (10, 0)


def test_a_file_is_given_once(admin: User, ada: User, tmp_path: Path) -> None:
    file = tmp_path / "march.csv"
    file.write_text("ada@easel.test,5\n")
    command = ("import_grants", file, "--by", admin.email, "--reason", "for March")

    assert run(*command) == "Gave 5 credits to 1 people.\n"
    assert run(*command) == "Given before: 5 credits to 1 people. Nothing was given now.\n"
    assert ledger.available(ada) == 15


def test_a_file_with_a_problem_gives_nothing_and_ends_with_1(admin: User, ada: User, tmp_path: Path) -> None:
    file, out = tmp_path / "march.csv", StringIO()
    file.write_text("ada@easel.test,5,for March\nada@easel.test,-5,x\n")

    with pytest.raises(SystemExit) as end:
        call_command("import_grants", str(file), "--by", admin.email, "--json", stdout=out)

    assert end.value.code == 1
    assert json.loads(out.getvalue())["problems"] == [
        {"line": 2, "detail": "-5 is negative. An amount is 1 or more."}
    ]
    assert ledger.available(ada) == 10


def test_who_may_not_grant_imports_nothing(ada: User, tmp_path: Path) -> None:
    file = tmp_path / "march.csv"
    file.write_text("ada@easel.test,5,for March\n")

    with pytest.raises(CommandError, match="You may not do this"):
        run("import_grants", file, "--by", person().email)


def test_a_file_that_is_not_there_is_said_plainly(admin: User, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="can't be read: No such file"):
        run("import_grants", tmp_path / "none.csv", "--by", admin.email)


def test_balances_are_listed_by_person_and_by_team(admin: User, ada: User) -> None:
    Team.objects.create(name="Atelier").memberships.create(user=ada)
    ledger.hold(user=ada, amount=4, key="1", reason="a gull")

    everybody = [json.loads(line) for line in run("list_balances", "--json").splitlines()]

    assert [one["email"] for one in everybody] == ["ada@easel.test", "admin@easel.test"]
    assert everybody[0] == {
        "email": "ada@easel.test",
        "team": "Atelier",
        "balance": 10,
        "held": 4,
        "available": 6,
    }
    assert run("list_balances", "--team", "atelier") == "ada@easel.test\t10\t4\t6\tAtelier\n"


def test_a_team_that_is_not_there_has_no_balances() -> None:
    with pytest.raises(CommandError, match="There is no team called Atelier"):
        run("list_balances", "--team", "Atelier")


def test_allowances_run_by_hand(admin: User, ada: User) -> None:
    AllowanceRule.objects.create(
        user=ada, kind="add", amount=5, period="day", reason="daily", created_by=admin
    )

    assert run("run_allowances") == "Gave to 1 people.\n"
    assert json.loads(run("run_allowances", "--json")) == {"people": 0}
