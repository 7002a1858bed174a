"""The audit of generations beside their holds, and the command that runs both audits."""

import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone
from model_bakery import baker

from accounts import ledger
from accounts.models import ApiKey, CreditAccount, Hold, Team
from generation import audit
from generation.models import Attempt, Generation, Output
from tests.accounts.books import without_rules
from tests.factories import generation, person

pytestmark = pytest.mark.django_db

DAMAGES: dict[str, Callable[[Generation, Generation], tuple[str, str]]] = {}


def damage(
    plant: Callable[[Generation, Generation], tuple[str, str]],
) -> Callable[[Generation, Generation], tuple[str, str]]:
    """A way to break a waiting or an ended generation; answers the rule and the row that must be named."""
    DAMAGES[plant.__name__] = plant
    return plant


def change(row: Attempt | Generation | Hold, **values: object) -> None:
    assert type(row).objects.filter(pk=row.pk).update(**values) == 1


def ended(status: str, *, outputs: int, count: int) -> Generation:
    """A generation that ended that way, with the money as it should be."""
    made = generation(count=count)
    for place in range(1, outputs + 1):
        attempt = baker.make(
            Attempt, generation=made, number=place, account_id=made.hold.account_id, model=made.model
        )
        baker.make(Output, generation=made, position=place, attempt=attempt)
    change(made, status=status, finished_at=timezone.now())
    if outputs:
        ledger.capture(hold=made.hold, amount=made.price * outputs, reason="a lighthouse")
    else:
        ledger.release(hold=made.hold)
    return made


def found(**later: Any) -> set[tuple[str, str]]:
    return {
        (finding.rule, finding.subject) for finding in audit.findings(timezone.now() + timedelta(**later))
    }


@damage
def output_gone(waiting: Generation, done: Generation) -> tuple[str, str]:
    done.outputs.first().delete()
    return "captured_is_price_times_outputs", f"generation {done.pk}"


@damage
def success_with_an_output_too_few(waiting: Generation, done: Generation) -> tuple[str, str]:
    done.outputs.first().delete()
    return "status_says_what_was_delivered", f"generation {done.pk}"


@damage
def captured_for_a_failure(waiting: Generation, done: Generation) -> tuple[str, str]:
    change(done, status="failed")
    return "captured_is_price_times_outputs", f"generation {done.pk}"


@damage
def failure_with_outputs(waiting: Generation, done: Generation) -> tuple[str, str]:
    change(done, status="failed")
    return "status_says_what_was_delivered", f"generation {done.pk}"


@damage
def ended_with_an_open_hold(waiting: Generation, done: Generation) -> tuple[str, str]:
    change(waiting, status="failed", finished_at=timezone.now())
    return "ended_with_its_hold", f"generation {waiting.pk}"


@damage
def waits_with_a_settled_hold(waiting: Generation, done: Generation) -> tuple[str, str]:
    ledger.release(hold=waiting.hold)
    return "ended_with_its_hold", f"generation {waiting.pk}"


@damage
def price_changed_after_the_hold(waiting: Generation, done: Generation) -> tuple[str, str]:
    change(waiting, price=waiting.price + 1)
    return "hold_is_the_quote", f"generation {waiting.pk}"


@damage
def hold_of_another_person(waiting: Generation, done: Generation) -> tuple[str, str]:
    change(waiting.hold, account=CreditAccount.objects.get(user=done.user))
    return "hold_is_its_person's", f"generation {waiting.pk}"


@damage
def hold_of_a_key_that_did_not_ask(waiting: Generation, done: Generation) -> tuple[str, str]:
    key = ApiKey.objects.create(user=waiting.user, name="script", key_id="abc", digest="d")
    change(waiting.hold, api_key=key)
    return "hold_is_its_person's", f"generation {waiting.pk}"


@damage
def attempt_of_nobody(waiting: Generation, done: Generation) -> tuple[str, str]:
    attempt = done.attempts.first()
    change(attempt, account=None)
    return "attempt_knows_whose_it_is", f"attempt {attempt.pk}"


@damage
def attempt_of_a_team_that_did_not_ask(waiting: Generation, done: Generation) -> tuple[str, str]:
    attempt = done.attempts.first()
    change(attempt, team=Team.objects.create(name="Studio Nord"))
    return "attempt_knows_whose_it_is", f"attempt {attempt.pk}"


@damage
def attempt_at_another_model(waiting: Generation, done: Generation) -> tuple[str, str]:
    attempt = done.attempts.first()
    change(attempt, model="another")
    return "attempt_knows_whose_it_is", f"attempt {attempt.pk}"


@damage
def hold_without_a_generation(waiting: Generation, done: Generation) -> tuple[str, str]:
    hold = ledger.hold(user=waiting.user, amount=1, key="lost", reason="lost")
    return "one_hold_a_generation", f"hold {hold.pk}"


def test_generations_as_the_product_makes_them_have_no_finding() -> None:
    generation()
    ended("succeeded", outputs=2, count=2)
    ended("partial", outputs=1, count=3)
    ended("failed", outputs=0, count=1)
    ended("canceled", outputs=0, count=4)

    assert audit.findings(timezone.now()) == []


@pytest.mark.parametrize("name", DAMAGES)
def test_the_audit_finds(name: str) -> None:
    waiting, done = generation(), ended("succeeded", outputs=2, count=2)

    with without_rules():
        rule, subject = DAMAGES[name](waiting, done)

    assert (rule, subject) in found()


def test_the_audit_finds_a_hold_that_nobody_ends() -> None:
    waiting = generation()

    assert found() == set()
    assert found(hours=1) == {("hold_not_stuck", f"hold {waiting.hold_id}")}


def run(*arguments: str) -> tuple[int, str]:
    out, code = StringIO(), 0
    try:
        call_command("audit_ledger", *arguments, stdout=out)
    except SystemExit as end:
        code = int(str(end.code))
    return code, out.getvalue()


def test_the_command_ends_with_0_and_one_line_over_right_books() -> None:
    before = json.loads(run("--json")[1])["totals"]
    ended("partial", outputs=1, count=3)

    code, line = run()

    assert (code, line.count("\n")) == (0, 1)
    assert line.startswith(
        f"The ledger is right: {before['accounts'] + 1} accounts, 1 holds and 2 entries checked"
    )


def test_the_command_ends_with_1_and_names_the_rows_at_fault() -> None:
    done = ended("succeeded", outputs=2, count=2)
    with without_rules():
        change(done.hold, captured=0, released=done.credits_quoted)

    code, lines = run()

    assert code == 1
    assert f"captured_is_one_entry: hold {done.hold_id} has captured 0; 1 capture entries" in lines
    assert f"captured_is_price_times_outputs: generation {done.pk} is succeeded with 2 outputs" in lines


def test_the_command_tells_programs_the_same() -> None:
    owner = person(credits=5)
    with without_rules():
        CreditAccount.objects.filter(user=owner).update(balance=6)

    code, report = run("--json")

    rules = {finding["rule"] for finding in json.loads(report)["findings"]}
    assert code == 1
    assert {"balance_is_sum_of_entries", "issued_is_accounted_for"} <= rules


@pytest.mark.django_db(transaction=True)
def test_the_command_changes_nothing_and_sees_one_moment() -> None:
    owner = person(credits=5)
    before = CreditAccount.objects.values_list("pk", "balance", "held").order_by("pk")

    rows = list(before)
    assert run()[0] == 0
    assert list(before.all()) == rows
    assert ledger.available(owner) == 5
