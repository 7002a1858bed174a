"""What the database itself refuses, whoever asks: through the ORM and in plain SQL, on both databases."""

from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from accounts import audit, ledger, ledger_rules
from accounts.ledger_triggers import Refusal
from accounts.models import AdminAct, CreditAccount, Hold, LedgerEntry, Team, User
from tests.accounts.books import Books, Write, books, refused, spent, sql, without_checks

pytestmark = pytest.mark.django_db


def entry(b: Books, **values: Any) -> LedgerEntry:
    """A grant of 5 that is right in all that `values` does not say."""
    right = {
        "kind": "grant",
        "source": CreditAccount.objects.get(code="issued"),
        "destination": b.account,
        "amount": 5,
        "destination_balance": b.account.balance + 5,
        "key": "forged",
        "reason": "forged",
    }
    return LedgerEntry.objects.create(**{**right, **values})


def capture(b: Books, hold: Hold, amount: int, **values: Any) -> LedgerEntry:
    of = {"kind": "capture", "source": b.account, "destination": spent(), "hold": hold, "amount": amount}
    balances = {"source_balance": b.account.balance - amount, "destination_balance": None}
    return entry(b, **{**of, **balances, **values})


def refund(b: Books, hold: Hold, amount: int) -> LedgerEntry:
    to = b.account.balance + amount
    return entry(b, kind="refund", source=spent(), hold=hold, amount=amount, destination_balance=to)


def a_team() -> Team:
    return Team.objects.create(name="Studio")


def rich(owner: User) -> None:
    for key in "12":
        ledger.grant(user=owner, amount=10**12, key=key, reason="rich", by=None)


def hold(b: Books, **values: Any) -> Hold:
    return Hold.objects.create(
        **{"account": b.account, "amount": 1, "key": "forged", "reason": "forged", **values}
    )


# The name of the rule that refuses → the write.
FORBIDDEN: dict[str, tuple[str, Write]] = {
    "change an admin's act": ("easel_act_unchanged", lambda b: AdminAct.objects.update(reason="x")),
    "delete an admin's act": ("easel_act_kept", lambda b: AdminAct.objects.all().delete()),
    "delete an admin's act in SQL": (
        "easel_act_kept",
        lambda b: sql("DELETE FROM accounts_adminact WHERE id = %s", b.act.pk),
    ),
    "change an entry": ("easel_entry_unchanged", lambda b: LedgerEntry.objects.update(amount=1)),
    "change an entry in SQL": (
        "easel_entry_unchanged",
        lambda b: sql("UPDATE accounts_ledgerentry SET reason = %s WHERE id = %s", "x", b.grant.pk),
    ),
    "delete an entry": ("easel_entry_kept", lambda b: b.grant.delete()),
    "delete entries in SQL": ("easel_entry_kept", lambda b: sql("DELETE FROM accounts_ledgerentry")),
    "delete a hold": ("easel_hold_kept", lambda b: Hold.objects.filter(pk=b.released.pk).delete()),
    "delete a hold in SQL": (
        "easel_hold_kept",
        lambda b: sql("DELETE FROM accounts_hold WHERE id = %s", b.released.pk),
    ),
    "delete an account": (
        "easel_account_kept",
        lambda b: sql("DELETE FROM accounts_creditaccount WHERE id = %s", b.account.pk),
    ),
    "an entry over the largest amount": (
        "easel_entry_amount_whole",
        lambda b: entry(b, amount=10**12 + 1, destination_balance=b.account.balance + 10**12 + 1),
    ),
    "a grant without a reason": ("easel_entry_has_reason", lambda b: entry(b, reason=" ")),
    "a grant out of what was spent": ("easel_entry_fits", lambda b: entry(b, source=spent())),
    "an entry of no known kind": ("easel_entry_fits", lambda b: entry(b, kind="gift")),
    "a second capture": ("easel_entry_fits", lambda b: capture(b, b.captured, 1)),
    "a capture of a released hold": ("easel_entry_fits", lambda b: capture(b, b.released, 1)),
    "a capture over the hold": ("easel_entry_fits", lambda b: capture(b, b.open, 11)),
    "a capture of another person's hold": (
        "easel_entry_fits",
        lambda b: capture(b, b.open, 1, source=CreditAccount.objects.get(user=b.other), source_balance=49),
    ),
    "a refund over what was captured": ("easel_entry_fits", lambda b: refund(b, b.captured, 16)),
    "an adjustment into what is held": (
        "easel_entry_fits",
        lambda b: entry(
            b,
            kind="adjustment",
            source=b.account,
            destination=CreditAccount.objects.get(code="issued"),
            amount=b.account.available + 1,
            source_balance=b.account.held - 1,
            destination_balance=None,
        ),
    ),
    "an entry that states a wrong balance": (
        "easel_entry_states_balance",
        lambda b: entry(b, destination_balance=1_000),
    ),
    "an entry that states no balance": (
        "easel_entry_states_balance",
        lambda b: entry(b, destination_balance=None),
    ),
    "a hold over what is available": (
        "easel_hold_covered",
        lambda b: hold(b, amount=b.account.available + 1),
    ),
    "a hold on the system's account": ("easel_hold_covered", lambda b: hold(b, account=spent())),
    "a hold over the largest amount": (
        "easel_hold_amount_whole",
        lambda b: [rich(b.owner), hold(b, amount=10**12 + 1)],
    ),
    "a hold that begins settled": (
        "easel_hold_begins_open",
        lambda b: hold(b, released=1, settled_at=timezone.now()),
    ),
    "another amount for a hold": (
        "easel_hold_terms_unchanged",
        lambda b: Hold.objects.filter(pk=b.open.pk).update(amount=1),
    ),
    "another key for a hold": (
        "easel_hold_terms_unchanged",
        lambda b: sql("UPDATE accounts_hold SET key = 'x' WHERE id = %s", b.open.pk),
    ),
    "another team for a hold": (
        "easel_hold_terms_unchanged",
        lambda b: Hold.objects.filter(pk=b.captured.pk).update(team=a_team()),
    ),
    "a capture for another team": (
        "easel_entry_fits",
        lambda b: capture(b, b.open, 1, team=a_team()),
    ),
    "another model for what was spent": (
        "easel_entry_unchanged",
        lambda b: LedgerEntry.objects.filter(pk=b.capture.pk).update(model="x"),
    ),
    "a settled hold opened again": (
        "easel_hold_ends_once",
        lambda b: Hold.objects.filter(pk=b.released.pk).update(settled_at=None, released=0),
    ),
    "a second end of a hold": (
        "easel_hold_ends_once",
        lambda b: sql("UPDATE accounts_hold SET settled_at = created_at WHERE id = %s", b.released.pk),
    ),
    "a capture without an entry": (
        "easel_hold_captured_by_entry",
        lambda b: Hold.objects.filter(pk=b.open.pk).update(captured=10, settled_at=timezone.now()),
    ),
    "a refund without an entry": (
        "easel_hold_refunded_by_entries",
        lambda b: Hold.objects.filter(pk=b.captured.pk).update(refunded=6),
    ),
    "a balance without an entry": (
        "easel_account_balance_by_entries",
        lambda b: CreditAccount.objects.filter(pk=b.account.pk).update(balance=1_000),
    ),
    "held without a hold": (
        "easel_account_held_by_holds",
        lambda b: sql("UPDATE accounts_creditaccount SET held = 0 WHERE id = %s", b.account.pk),
    ),
    "an account for another person": (
        "easel_account_keeps_owner",
        lambda b: CreditAccount.objects.filter(pk=b.account.pk).update(user=None, kind="system", code="x"),
    ),
    "an account that begins with credits": (
        "easel_account_begins_empty",
        lambda b: CreditAccount.objects.create(kind="system", code="bonus", balance=5),
    ),
    "an amount of nothing": (
        "accounts_ledgerentry_amount_positive",
        lambda b: entry(b, amount=0, destination_balance=b.account.balance),
    ),
    "a negative amount": (
        "accounts_ledgerentry_amount_positive",
        lambda b: entry(b, amount=-5, destination_balance=b.account.balance - 5),
    ),
    "a hold of nothing": ("accounts_hold_amount_positive", lambda b: hold(b, amount=0)),
    "a grant with a hold": ("accounts_ledgerentry_hold_where_spent", lambda b: entry(b, hold=b.open)),
    "an account of nobody": (
        "accounts_creditaccount_one_owner",
        lambda b: CreditAccount.objects.create(kind="person"),
    ),
    "an end that loses credits": (
        "accounts_hold_open_or_settled",
        lambda b: Hold.objects.filter(pk=b.open.pk).update(released=9, settled_at=timezone.now()),
    ),
}

# Refused by a CHECK, when the triggers before it are gone.
CHECKED: dict[str, Write] = {
    "accounts_creditaccount_held_within_balance": lambda b: CreditAccount.objects.filter(
        pk=b.account.pk
    ).update(held=1_000),
    "accounts_creditaccount_system_uncached": lambda b: CreditAccount.objects.filter(code="spent").update(
        balance=1
    ),
    "accounts_creditaccount_one_owner": lambda b: CreditAccount.objects.filter(pk=b.account.pk).update(
        code="x"
    ),
    "accounts_hold_refunded_within_captured": lambda b: Hold.objects.filter(pk=b.captured.pk).update(
        refunded=21
    ),
    "accounts_hold_open_or_settled": lambda b: Hold.objects.filter(pk=b.captured.pk).update(captured=30),
    "accounts_hold_amount_positive": lambda b: Hold.objects.filter(pk=b.open.pk).update(amount=0),
    "accounts_ledgerentry_amount_positive": lambda b: LedgerEntry.objects.update(amount=0),
    "accounts_ledgerentry_two_accounts": lambda b: LedgerEntry.objects.filter(pk=b.grant.pk).update(
        source=b.account
    ),
    "accounts_ledgerentry_hold_where_spent": lambda b: LedgerEntry.objects.filter(pk=b.capture.pk).update(
        hold=None
    ),
}


@pytest.mark.parametrize("name", FORBIDDEN)
def test_the_database_refuses(name: str) -> None:
    right = books()
    rule, write = FORBIDDEN[name]

    assert rule in refused(write, right)
    assert audit.findings(timezone.now()) == []


@pytest.mark.parametrize("rule", CHECKED)
def test_a_check_refuses_when_the_triggers_are_gone(rule: str) -> None:
    right = books()
    ledger_rules.remove(connection)

    assert rule in refused(CHECKED[rule], right)


@pytest.mark.parametrize("rule", CHECKED)
def test_without_the_check_the_write_goes_through_and_the_audit_finds_it(rule: str) -> None:
    right = books()
    ledger_rules.remove(connection)

    with without_checks():
        assert refused(CHECKED[rule], right) == ""

    ledger_rules.install(connection)
    rules = {finding.rule for finding in audit.findings(timezone.now())}
    assert rules - {"constraint_in_place"}


def test_every_trigger_that_refuses_is_seen_refusing() -> None:
    seen = {rule for rule, _ in FORBIDDEN.values()}
    here = {name for name, rule in ledger_rules.rules(connection).items() if isinstance(rule, Refusal)}

    assert here - seen == {name for name in here if name.endswith(("_not_replaced", "_not_truncated"))}


def test_a_key_is_used_once() -> None:
    right = books()

    assert refused(lambda b: entry(b, key=right.grant.key), right)
    assert refused(lambda b: hold(b, key=right.open.key), right)


@pytest.mark.needs_postgres
@pytest.mark.parametrize("table", ledger_rules.TABLES)
def test_postgresql_empties_no_table_of_the_ledger(table: str) -> None:
    right = books()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    assert "not_truncated" in refused(lambda _: sql(f"TRUNCATE {table} CASCADE"), right)


def test_migrate_puts_back_what_is_gone() -> None:
    ledger_rules.remove(connection)

    call_command("migrate", verbosity=0)

    assert ledger_rules.missing(connection) == set()
