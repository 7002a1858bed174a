"""The audit is clean over right books, and names the row of every kind of damage."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from accounts import audit, ledger_rules
from accounts.models import CreditAccount, Hold, LedgerEntry, Team
from tests.accounts.books import Books, books, without_rules

pytestmark = pytest.mark.django_db

Subject = str
DAMAGES: dict[str, Callable[[Books], tuple[str, Subject]]] = {}


def damage(plant: Callable[[Books], tuple[str, Subject]]) -> Callable[[Books], tuple[str, Subject]]:
    """A way to break the books; answers the rule and the row that the audit must name."""
    DAMAGES[plant.__name__] = plant
    return plant


def found() -> set[tuple[str, Subject]]:
    # A constraint taken away to plant the damage is not the damage.
    return {
        (finding.rule, finding.subject)
        for finding in audit.findings(timezone.now())
        if finding.rule != "constraint_in_place"
    }


def change(row: CreditAccount | Hold | LedgerEntry, **values: object) -> None:
    assert type(row).objects.filter(pk=row.pk).update(**values) == 1


def system(code: str) -> CreditAccount:
    return CreditAccount.objects.get(code=code)


@damage
def amount_of_nothing(b: Books) -> tuple[str, Subject]:
    change(b.refund, amount=0)
    return "amount_positive_whole", f"entry {b.refund.pk}"


@damage
def entry_to_itself(b: Books) -> tuple[str, Subject]:
    change(b.grant, source=b.account)
    return "amount_positive_whole", f"entry {b.grant.pk}"


@damage
def grant_out_of_the_spent(b: Books) -> tuple[str, Subject]:
    change(b.grant, source=system("spent"))
    return "entry_fits_accounts", f"entry {b.grant.pk}"


@damage
def capture_from_another_person(b: Books) -> tuple[str, Subject]:
    change(b.capture, source=CreditAccount.objects.get(user=b.other))
    return "entry_fits_accounts", f"entry {b.capture.pk}"


@damage
def refund_of_another_persons_hold(b: Books) -> tuple[str, Subject]:
    change(b.refund, destination=CreditAccount.objects.get(user=b.other))
    return "entry_fits_accounts", f"entry {b.refund.pk}"


@damage
def grant_with_a_hold(b: Books) -> tuple[str, Subject]:
    change(b.grant, hold=b.open)
    return "entry_fits_accounts", f"entry {b.grant.pk}"


@damage
def adjustment_without_reason(b: Books) -> tuple[str, Subject]:
    change(b.adjustment, reason=" ")
    return "entry_has_key_and_reason", f"entry {b.adjustment.pk}"


@damage
def entry_without_key(b: Books) -> tuple[str, Subject]:
    change(b.grant, key="")
    return "entry_has_key_and_reason", f"entry {b.grant.pk}"


@damage
def balance_raised(b: Books) -> tuple[str, Subject]:
    change(b.account, balance=1_000)
    return "balance_is_sum_of_entries", f"account {b.account.pk}"


@damage
def entry_deleted(b: Books) -> tuple[str, Subject]:
    LedgerEntry.objects.filter(pk=b.adjustment.pk).delete()
    return "balance_is_sum_of_entries", f"account {b.account.pk}"


@damage
def entry_deleted_and_balance_made_to_fit(b: Books) -> tuple[str, Subject]:
    LedgerEntry.objects.filter(pk=b.refund.pk).delete()
    change(b.captured, refunded=0)
    change(b.account, balance=b.account.balance - 5)
    return "stated_balances_follow", f"entry {b.adjustment.pk}"


@damage
def entry_changed_and_balance_made_to_fit(b: Books) -> tuple[str, Subject]:
    change(b.grant, amount=90)
    change(b.account, balance=b.account.balance - 10)
    return "stated_balances_follow", f"entry {b.grant.pk}"


@damage
def stated_balance_changed(b: Books) -> tuple[str, Subject]:
    change(b.capture, source_balance=1)
    return "stated_balances_follow", f"entry {b.capture.pk}"


@damage
def system_balance_cached(b: Books) -> tuple[str, Subject]:
    change(system("spent"), balance=15)
    return "system_balance_not_cached", f"account {system('spent').pk}"


@damage
def system_balance_stated(b: Books) -> tuple[str, Subject]:
    change(b.capture, destination_balance=20)
    return "system_balance_not_stated", f"entry {b.capture.pk}"


@damage
def account_of_two_kinds(b: Books) -> tuple[str, Subject]:
    change(b.account, code="bonus")
    return "account_has_one_owner", f"account {b.account.pk}"


@damage
def credits_from_nowhere(b: Books) -> tuple[str, Subject]:
    change(b.account, balance=b.account.balance + 1)
    return "issued_is_accounted_for", "all accounts"


@damage
def system_account_gone(b: Books) -> tuple[str, Subject]:
    CreditAccount.objects.filter(code="expired").delete()
    return "system_accounts", "account expired"


@damage
def held_lowered(b: Books) -> tuple[str, Subject]:
    change(b.account, held=0)
    return "held_is_sum_of_open_holds", f"account {b.account.pk}"


@damage
def open_hold_deleted(b: Books) -> tuple[str, Subject]:
    Hold.objects.filter(pk=b.open.pk).delete()
    return "held_is_sum_of_open_holds", f"account {b.account.pk}"


@damage
def held_beyond_the_balance(b: Books) -> tuple[str, Subject]:
    change(b.open, amount=1_000)
    change(b.account, held=1_000)
    return "held_within_balance", f"account {b.account.pk}"


@damage
def settled_hold_opened_again(b: Books) -> tuple[str, Subject]:
    change(b.captured, settled_at=None)
    return "hold_open_or_settled", f"hold {b.captured.pk}"


@damage
def captured_and_released_do_not_make_the_amount(b: Books) -> tuple[str, Subject]:
    change(b.released, released=6)
    return "hold_open_or_settled", f"hold {b.released.pk}"


@damage
def hold_on_the_systems_account(b: Books) -> tuple[str, Subject]:
    change(b.released, account=system("spent"))
    return "hold_open_or_settled", f"hold {b.released.pk}"


@damage
def captured_more_than_the_entry_says(b: Books) -> tuple[str, Subject]:
    change(b.captured, captured=25, released=5)
    return "captured_is_one_entry", f"hold {b.captured.pk}"


@damage
def captured_twice(b: Books) -> tuple[str, Subject]:
    change(b.capture, amount=10)
    LedgerEntry.objects.create(
        kind="capture",
        source=b.capture.source,
        destination=b.capture.destination,
        amount=10,
        hold=b.captured,
        key="2",
    )
    return "captured_is_one_entry", f"hold {b.captured.pk}"


@damage
def refunded_more_than_the_entries_say(b: Books) -> tuple[str, Subject]:
    change(b.captured, refunded=6)
    return "refunded_is_sum_of_refunds", f"hold {b.captured.pk}"


@damage
def refunded_more_than_captured(b: Books) -> tuple[str, Subject]:
    change(b.refund, amount=21)
    change(b.captured, refunded=21)
    return "refunded_is_sum_of_refunds", f"hold {b.captured.pk}"


@damage
def refund_to_another_team(b: Books) -> tuple[str, Subject]:
    change(b.captured, team=Team.objects.create(name="Studio"))
    change(b.refund, team=Team.objects.create(name="Print"))
    return "entry_is_of_its_holds_team_and_key", f"entry {b.refund.pk}"


@damage
def entry_of_tomorrow(b: Books) -> tuple[str, Subject]:
    change(b.grant, created_at=timezone.now() + timedelta(days=1))
    return "written_in_the_past", f"entry {b.grant.pk}"


@damage
def hold_of_tomorrow(b: Books) -> tuple[str, Subject]:
    change(b.open, created_at=timezone.now() + timedelta(days=1))
    return "written_in_the_past", f"hold {b.open.pk}"


def test_right_books_have_no_finding() -> None:
    books()

    assert audit.findings(timezone.now()) == []


@pytest.mark.parametrize("name", DAMAGES)
def test_the_audit_finds(name: str) -> None:
    right = books()

    with without_rules():
        rule, subject = DAMAGES[name](right)

    assert (rule, subject) in found()


@pytest.mark.parametrize("kind", ["entry", "hold"])
@pytest.mark.needs_postgres
def test_the_audit_finds_a_key_used_twice_where_the_database_no_longer_refuses_it(kind: str) -> None:
    right = books()
    model, rows = {
        "entry": (LedgerEntry, (right.grant, right.refund)),
        "hold": (Hold, (right.open, right.released)),
    }[kind]
    drop_unique(model._meta.db_table, "key")
    with without_rules():
        change(rows[0], key=rows[1].key)

    assert (f"{kind}_key_unique", f"{kind} {min(row.pk for row in rows)}") in found()


@pytest.mark.needs_postgres
def test_the_audit_finds_a_constraint_that_is_gone() -> None:
    drop_unique("accounts_hold", "key")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE accounts_ledgerentry DROP CONSTRAINT accounts_ledgerentry_two_accounts")

    subjects = {(finding.rule, finding.subject) for finding in audit.findings(timezone.now())}

    assert subjects == {
        ("constraint_in_place", "column accounts_hold.key"),
        ("constraint_in_place", "constraint accounts_ledgerentry_two_accounts"),
    }


def drop_unique(table: str, column: str) -> None:
    with connection.cursor() as cursor:
        held = connection.introspection.get_constraints(cursor, table)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for name, rule in held.items():
            if rule["unique"] and rule["columns"] == [column]:
                cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")


def test_the_audit_finds_each_trigger_that_is_gone() -> None:
    for name, rule in ledger_rules.rules(connection).items():
        with connection.cursor() as cursor:
            on_table = f" ON {rule.table}" if connection.vendor == "postgresql" else ""
            cursor.execute(f"DROP TRIGGER {name}{on_table}")

        assert found() == {("trigger_in_place", f"trigger {name}")}
        ledger_rules.keep(connection)


def test_the_audit_finds_a_trigger_that_does_nothing() -> None:
    name = "easel_entry_unchanged"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            nothing = "'BEGIN RETURN NEW; END'"
            cursor.execute(
                f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS {nothing}"
            )
        else:
            cursor.execute(f"DROP TRIGGER {name}")
            cursor.execute(f"CREATE TRIGGER {name} BEFORE UPDATE ON accounts_ledgerentry BEGIN SELECT 1; END")

    assert found() == {("trigger_in_place", f"trigger {name}")}


@pytest.mark.needs_postgres
def test_the_audit_finds_a_trigger_that_is_switched_off() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE accounts_hold DISABLE TRIGGER easel_hold_kept")

    assert found() == {("trigger_in_place", "trigger easel_hold_kept")}


def test_the_totals_say_where_the_credits_are() -> None:
    before = audit.totals()
    books()
    after = audit.totals()

    assert (after.issued - before.issued, after.balances - before.balances) == (147, 132)
    assert (after.spent - before.spent, after.expired, after.entries - before.entries) == (15, 0, 5)
