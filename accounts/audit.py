"""Proof of the ledger: each rule asked of all rows at once, by the database, changing nothing.

A rule is a query for the rows at fault. `audit_rules` asks the same of caps and allowances, and
`generation.audit` of what was paid for.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import UniqueConstraint

from accounts import audit_rules, ledger_rules
from accounts.audit_checks import Check, Finding, found_by
from accounts.models import (
    AllowanceGiven,
    AllowanceRule,
    Cap,
    CapUse,
    CountedHold,
    CreditAccount,
    Hold,
    LedgerEntry,
)

__all__ = ["CHECKS", "Check", "Finding", "Totals", "findings", "found_by", "snapshot", "totals"]

_LEDGER = (CreditAccount, Hold, LedgerEntry)
_RULES = (AllowanceRule, AllowanceGiven, Cap, CapUse, CountedHold)

CLOCKS_DIFFER_BY = timedelta(hours=1)


@dataclass(frozen=True)
class Totals:
    """What was looked at, in rows, and where the credits are: issued = balances + spent + expired."""

    accounts: int
    holds: int
    entries: int
    issued: int
    balances: int
    spent: int
    expired: int


_POSTINGS = """
    SELECT id, source_id AS account_id, -amount AS change, source_balance AS stated FROM accounts_ledgerentry
    UNION ALL
    SELECT id, destination_id, amount, destination_balance FROM accounts_ledgerentry"""

CHECKS = (
    Check(
        "amount_positive_whole",
        "entry",
        "moves {} from account {} to account {}",
        """SELECT id, amount, source_id, destination_id FROM accounts_ledgerentry
        WHERE amount <= 0 OR amount <> CAST(amount AS BIGINT) OR source_id = destination_id""",
    ),
    Check(
        "entry_fits_accounts",
        "entry",
        "is a {} from account {} to account {} with hold {}",
        """SELECT e.id, e.kind, e.source_id, e.destination_id, e.hold_id FROM accounts_ledgerentry e
        LEFT JOIN accounts_creditaccount s ON s.id = e.source_id
        LEFT JOIN accounts_creditaccount d ON d.id = e.destination_id
        LEFT JOIN accounts_hold h ON h.id = e.hold_id
        WHERE (CASE e.kind
          WHEN 'grant' THEN s.code = 'issued' AND d.kind = 'person' AND e.hold_id IS NULL
          WHEN 'adjustment' THEN e.hold_id IS NULL AND
            ((s.code = 'issued' AND d.kind = 'person') OR (s.kind = 'person' AND d.code = 'issued'))
          WHEN 'expiry' THEN s.kind = 'person' AND d.code = 'expired' AND e.hold_id IS NULL
          WHEN 'capture' THEN d.code = 'spent' AND h.account_id = s.id
          WHEN 'refund' THEN s.code = 'spent' AND h.account_id = d.id
          ELSE FALSE END) IS NOT TRUE""",
    ),
    Check(
        "entry_has_key_and_reason",
        "entry",
        "is a {} with key '{}' and reason '{}'",
        """SELECT id, kind, key, reason FROM accounts_ledgerentry
        WHERE key = '' OR (kind <> 'capture' AND TRIM(reason) = '')""",
    ),
    Check(
        "entry_key_unique",
        "entry",
        "shares its key '{}' with {} in all",
        """SELECT MIN(id), key, COUNT(*) FROM accounts_ledgerentry GROUP BY key HAVING COUNT(*) > 1""",
    ),
    Check(
        "hold_key_unique",
        "hold",
        "shares its key '{}' with {} in all",
        """SELECT MIN(id), key, COUNT(*) FROM accounts_hold GROUP BY key HAVING COUNT(*) > 1""",
    ),
    Check(
        "balance_is_sum_of_entries",
        "account",
        "has balance {}; its entries sum to {}",
        f"""SELECT a.id, a.balance, COALESCE(p.total, 0) FROM accounts_creditaccount a
        LEFT JOIN (SELECT account_id, SUM(change) AS total FROM ({_POSTINGS}) posting GROUP BY account_id) p
          ON p.account_id = a.id
        WHERE a.kind = 'person' AND a.balance <> COALESCE(p.total, 0)""",  # noqa: S608
    ),
    Check(
        "stated_balances_follow",
        "entry",
        "states {} for account {}; after the entry before it, it is {}",
        f"""SELECT id, stated, account_id, follows FROM (
          SELECT p.id, p.stated, p.account_id, p.change
            + COALESCE(LAG(p.stated) OVER (PARTITION BY p.account_id ORDER BY p.id), 0) AS follows
          FROM ({_POSTINGS}) p
          JOIN accounts_creditaccount a ON a.id = p.account_id AND a.kind = 'person') chain
        WHERE stated IS NULL OR stated <> follows""",  # noqa: S608
    ),
    Check(
        "system_balance_not_cached",
        "account",
        "is the system's and keeps balance {} and held {}",
        """SELECT id, balance, held FROM accounts_creditaccount
        WHERE kind = 'system' AND (balance <> 0 OR held <> 0)""",
    ),
    Check(
        "system_balance_not_stated",
        "entry",
        "states {} and {}, one of them for an account of the system",
        f"""SELECT e.id, e.source_balance, e.destination_balance FROM accounts_ledgerentry e
        WHERE e.id IN (SELECT p.id FROM ({_POSTINGS}) p
          JOIN accounts_creditaccount a ON a.id = p.account_id AND a.kind = 'system'
          WHERE p.stated IS NOT NULL)""",  # noqa: S608
    ),
    Check(
        "account_has_one_owner",
        "account",
        "is of kind {} with person {} and code {}",
        """SELECT a.id, a.kind, a.user_id, a.code FROM accounts_creditaccount a
        LEFT JOIN accounts_user u ON u.id = a.user_id
        WHERE (CASE a.kind WHEN 'person' THEN u.id IS NOT NULL AND a.code IS NULL
          WHEN 'system' THEN a.user_id IS NULL AND a.code IS NOT NULL ELSE FALSE END) IS NOT TRUE""",
    ),
    Check(
        "held_is_sum_of_open_holds",
        "account",
        "has {} held; its open holds sum to {}",
        """SELECT a.id, a.held, COALESCE(h.total, 0) FROM accounts_creditaccount a
        LEFT JOIN (SELECT account_id, SUM(amount) AS total FROM accounts_hold
          WHERE settled_at IS NULL GROUP BY account_id) h ON h.account_id = a.id
        WHERE a.held <> COALESCE(h.total, 0)""",
    ),
    Check(
        "held_within_balance",
        "account",
        "has {} held of a balance of {}",
        """SELECT id, held, balance FROM accounts_creditaccount WHERE held < 0 OR held > balance""",
    ),
    Check(
        "hold_open_or_settled",
        "hold",
        "of {} has captured {} and released {}, settled at {}",
        """SELECT h.id, h.amount, h.captured, h.released, h.settled_at FROM accounts_hold h
        LEFT JOIN accounts_creditaccount a ON a.id = h.account_id
        WHERE h.amount <= 0 OR h.amount <> CAST(h.amount AS BIGINT) OR (a.kind = 'person') IS NOT TRUE
          OR NOT ((h.settled_at IS NULL AND h.captured = 0 AND h.released = 0) OR (h.settled_at IS NOT NULL
            AND h.captured >= 0 AND h.released >= 0 AND h.captured + h.released = h.amount))""",
    ),
    Check(
        "captured_is_one_entry",
        "hold",
        "has captured {}; {} capture entries sum to {}",
        """SELECT h.id, h.captured, COALESCE(e.number, 0), COALESCE(e.total, 0) FROM accounts_hold h
        LEFT JOIN (SELECT hold_id, COUNT(*) AS number, SUM(amount) AS total FROM accounts_ledgerentry
          WHERE kind = 'capture' GROUP BY hold_id) e ON e.hold_id = h.id
        WHERE h.captured <> COALESCE(e.total, 0) OR e.number > 1""",
    ),
    Check(
        "refunded_is_sum_of_refunds",
        "hold",
        "has refunded {} of {} captured; its refunds sum to {}",
        """SELECT h.id, h.refunded, h.captured, COALESCE(e.total, 0) FROM accounts_hold h
        LEFT JOIN (SELECT hold_id, SUM(amount) AS total FROM accounts_ledgerentry
          WHERE kind = 'refund' GROUP BY hold_id) e ON e.hold_id = h.id
        WHERE h.refunded <> COALESCE(e.total, 0) OR h.refunded > h.captured OR h.refunded < 0""",
    ),
    Check(
        "entry_is_of_its_holds_team_and_key",
        "entry",
        "is of team {} and key {}; its hold is of team {} and key {}",
        """SELECT e.id, e.team_id, e.api_key_id, h.team_id, h.api_key_id FROM accounts_ledgerentry e
        JOIN accounts_hold h ON h.id = e.hold_id
        WHERE e.team_id <> h.team_id OR e.api_key_id <> h.api_key_id""",
    ),
)

_DATED = tuple(
    Check(
        "written_in_the_past",
        subject,
        "was written at {}, which is to come",
        f"SELECT id, created_at FROM {table} WHERE created_at > %s",  # noqa: S608 - names of ours
    )
    for subject, table in (("entry", "accounts_ledgerentry"), ("hold", "accounts_hold"))
)


def findings(now: datetime) -> list[Finding]:
    """Every row of the ledger that breaks a rule, and every rule the database lacks; empty is proof."""
    return [
        *_rules_not_held(),
        *_system_accounts_missing(),
        *_credits_made_or_lost(totals()),
        *found_by(CHECKS),
        *audit_rules.findings(now),
        *found_by(_DATED, connection.ops.adapt_datetimefield_value(now + CLOCKS_DIFFER_BY)),
    ]


def totals() -> Totals:
    """Counts of rows, and the sums of the system's accounts from their entries."""
    return Totals(
        accounts=_number("SELECT COUNT(*) FROM accounts_creditaccount"),
        holds=_number("SELECT COUNT(*) FROM accounts_hold"),
        entries=_number("SELECT COUNT(*) FROM accounts_ledgerentry"),
        issued=-_moved_to("issued"),
        balances=_number(
            "SELECT COALESCE(SUM(balance), 0) FROM accounts_creditaccount WHERE kind = 'person'"
        ),
        spent=_moved_to("spent"),
        expired=_moved_to("expired"),
    )


@contextmanager
def snapshot() -> Iterator[None]:
    """All queries inside see one moment, and keep no writer waiting."""
    if connection.in_atomic_block:
        yield
        return
    on_postgres = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" if on_postgres else "BEGIN DEFERRED")
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")


def _rules_not_held() -> Iterator[Finding]:
    for name in sorted(ledger_rules.missing(connection)):
        yield Finding(
            "trigger_in_place", f"trigger {name}", "is missing, switched off or says something else"
        )
    for model in (*_LEDGER, *_RULES):
        table = model._meta.db_table
        with connection.cursor() as cursor:
            held = connection.introspection.get_constraints(cursor, table)
        for constraint in model._meta.constraints:
            if constraint.name not in held and not isinstance(constraint, UniqueConstraint):
                yield Finding("constraint_in_place", f"constraint {constraint.name}", f"is not on {table}")
        unique = {column for rule in held.values() if rule["unique"] for column in rule["columns"]}
        for field in model._meta.local_fields:
            if field.unique and not field.primary_key and field.column not in unique:
                yield Finding("constraint_in_place", f"column {table}.{field.column}", "is not unique")


def _system_accounts_missing() -> Iterator[Finding]:
    there = set(CreditAccount.objects.exclude(code=None).values_list("code", flat=True))
    for code in sorted(set(CreditAccount.Code.values) - there):
        yield Finding("system_accounts", f"account {code}", "is not there")


def _credits_made_or_lost(sums: Totals) -> Iterator[Finding]:
    accounted = sums.balances + sums.spent + sums.expired
    if sums.issued != accounted:
        yield Finding(
            "issued_is_accounted_for",
            "all accounts",
            f"{sums.issued} issued; {sums.balances} in balances + {sums.spent} spent + {sums.expired} expired"
            f" = {accounted}",
        )


def _moved_to(code: str) -> int:
    """What came to the system's account less what left it."""
    return _number(
        """SELECT COALESCE(SUM(CASE WHEN e.destination_id = a.id THEN e.amount ELSE -e.amount END), 0)
        FROM accounts_creditaccount a JOIN accounts_ledgerentry e ON a.id IN (e.source_id, e.destination_id)
        WHERE a.code = %s""",
        code,
    )


def _number(sql: str, *parameters: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)
        return int(cursor.fetchone()[0])
