"""SQLite's own ways around a rule: OR REPLACE deletes without a DELETE, OR IGNORE skips a failed CHECK."""

import pytest
from django.db import connection
from django.utils import timezone

from accounts import audit
from accounts.models import Hold, LedgerEntry
from tests.accounts.books import books, refused, spent, sql

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(
        connection.vendor != "sqlite", reason="INSERT OR REPLACE is SQLite's alone; run without DATABASE_URL"
    ),
]


def test_sqlite_replaces_no_entry() -> None:
    right = books()
    kept = "kind, source_id, destination_id, key, reason, reference, created_at"

    message = refused(
        lambda b: sql(
            f"INSERT OR REPLACE INTO accounts_ledgerentry (id, amount, destination_balance, {kept})"
            f" SELECT id, 5, {b.account.balance + 5}, {kept}"
            f" FROM accounts_ledgerentry WHERE id = {b.grant.pk}"
        ),
        right,
    )

    assert "easel_entry_not_replaced" in message


def test_sqlite_replaces_no_hold() -> None:
    right = books()
    kept = "id, account_id, captured, released, refunded, key, reason, reference, created_at"

    message = refused(
        lambda b: sql(
            f"INSERT OR REPLACE INTO accounts_hold (amount, {kept})"
            f" SELECT 1, {kept} FROM accounts_hold WHERE id = {b.open.pk}"
        ),
        right,
    )

    assert "easel_hold_not_replaced" in message


def test_sqlite_replaces_no_account() -> None:
    right = books()

    message = refused(
        lambda b: sql(
            "INSERT OR REPLACE INTO accounts_creditaccount (kind, user_id, balance, held)"
            f" VALUES ('person', {b.owner.pk}, 0, 0)"
        ),
        right,
    )

    assert "easel_account_not_replaced" in message


def test_sqlite_replaces_no_act() -> None:
    right = books()

    message = refused(
        lambda b: sql(
            "INSERT OR REPLACE INTO accounts_adminact (id, verb, subject_kind, subject_id, subject_label,"
            " before, after, reason, request_id, at)"
            f" VALUES ({b.act.pk}, 'x', 'user', '1', 'x', '{{}}', '{{}}', '', '', '2026-01-01')"
        ),
        right,
    )

    assert "easel_act_not_replaced" in message


@pytest.mark.parametrize("name", ["a hold over what is available", "a capture over the hold"])
def test_ignoring_conflicts_ignores_no_rule(name: str) -> None:
    right = books()
    over = {
        "a hold over what is available": lambda b: Hold.objects.bulk_create(
            [Hold(account=b.account, amount=10_000, key="x", reason="x")], ignore_conflicts=True
        ),
        "a capture over the hold": lambda b: LedgerEntry.objects.bulk_create(
            [
                LedgerEntry(
                    kind="capture",
                    source=b.account,
                    destination=spent(),
                    amount=11,
                    source_balance=b.account.balance - 11,
                    hold=b.open,
                    key="x",
                )
            ],
            ignore_conflicts=True,
        ),
    }

    assert refused(over[name], right)
    assert audit.findings(timezone.now()) == []


@pytest.mark.parametrize("amount", ["1.5", "'many'"])
def test_sqlite_takes_no_amount_that_is_no_whole_number(amount: str) -> None:
    right = books()

    message = refused(
        lambda b: sql(
            "INSERT INTO accounts_hold"
            " (account_id, amount, captured, released, refunded, key, reason, reference, created_at)"
            f" VALUES ({b.account.pk}, {amount}, 0, 0, 0, 'x', 'x', '', '2026-01-01 00:00:00')"
        ),
        right,
    )

    assert "easel_hold_amount_whole" in message or "easel_hold_covered" in message
