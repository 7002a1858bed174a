"""What the database itself refuses and does for the ledger; `accounts.ledger_rules` installs these triggers.

Effects keep `balance`, `held` and `refunded`, and settle a hold with its capture. Refusals hold what a CHECK
cannot see: entries and holds are never changed or deleted, fit their accounts and are covered, and a balance
follows the entries alone. Acts of admins are kept like entries. Looking twice is meant: with SQLite's `INSERT
OR IGNORE` a CHECK that fails inside a trigger is skipped in silence, a refusal never is.
"""

from dataclasses import dataclass

_ENTRY, _HOLD, _ACCOUNT = "accounts_ledgerentry", "accounts_hold", "accounts_creditaccount"
_ACT = "accounts_adminact"
TABLES = (_ENTRY, _HOLD, _ACCOUNT, _ACT)
# The largest amount of one entry or hold; far below where a sum could leave 64 bits.
AMOUNT_MAX = 10**12


@dataclass(frozen=True)
class Effect:
    """What else happens when a row is written."""

    table: str
    event: str
    statements: str
    when: str = ""


@dataclass(frozen=True)
class Refusal:
    """A write that is not done: `when` looks at the row alone, `asking` also at other rows."""

    table: str
    event: str
    why: str
    when: str = ""
    asking: str = ""


_EFFECTS: dict[str, Effect | Refusal] = {
    # The hold ends before the balance falls: `held` may at no moment be more than `balance`.
    "easel_entry_moves_credits": Effect(
        _ENTRY,
        "INSERT",
        """
        UPDATE accounts_hold
          SET captured = NEW.amount, released = amount - NEW.amount, settled_at = NEW.created_at
          WHERE id = NEW.hold_id AND NEW.kind = 'capture';
        UPDATE accounts_hold SET refunded = refunded + NEW.amount
          WHERE id = NEW.hold_id AND NEW.kind = 'refund';
        UPDATE accounts_creditaccount SET balance = balance - NEW.amount
          WHERE id = NEW.source_id AND kind <> 'system';
        UPDATE accounts_creditaccount SET balance = balance + NEW.amount
          WHERE id = NEW.destination_id AND kind <> 'system';
        """,
    ),
    "easel_hold_sets_aside": Effect(
        _HOLD,
        "INSERT",
        "UPDATE accounts_creditaccount SET held = held + NEW.amount WHERE id = NEW.account_id;",
    ),
    "easel_hold_gives_back": Effect(
        _HOLD,
        "UPDATE",
        "UPDATE accounts_creditaccount SET held = held - OLD.amount WHERE id = OLD.account_id;",
        when="OLD.settled_at IS NULL AND NEW.settled_at IS NOT NULL",
    ),
}

_AMOUNT_ODD = f"NEW.amount > {AMOUNT_MAX} OR NEW.amount <> CAST(NEW.amount AS BIGINT)"

_SAME_TEAM_AND_KEY = """COALESCE(h.team_id, 0) = COALESCE(NEW.team_id, 0)
          AND COALESCE(h.api_key_id, 0) = COALESCE(NEW.api_key_id, 0)"""

# A capture may use what its own hold set aside; everything else only what is available. What is spent, and
# what comes back of it, is of the hold's team and key.
_ENTRY_FITS_NOTHING = f"""
    NOT EXISTS (
      SELECT 1 FROM accounts_creditaccount s, accounts_creditaccount d
      WHERE s.id = NEW.source_id AND d.id = NEW.destination_id AND CASE NEW.kind
        WHEN 'grant' THEN s.code = 'issued' AND d.kind = 'person'
        WHEN 'adjustment' THEN (s.code = 'issued' AND d.kind = 'person')
          OR (d.code = 'issued' AND s.balance - s.held >= NEW.amount)
        WHEN 'expiry' THEN d.code = 'expired' AND s.balance - s.held >= NEW.amount
        WHEN 'capture' THEN d.code = 'spent' AND EXISTS (
          SELECT 1 FROM accounts_hold h WHERE h.id = NEW.hold_id
          AND h.account_id = s.id AND h.settled_at IS NULL AND h.amount >= NEW.amount
          AND {_SAME_TEAM_AND_KEY})
        WHEN 'refund' THEN s.code = 'spent' AND EXISTS (
          SELECT 1 FROM accounts_hold h WHERE h.id = NEW.hold_id
          AND h.account_id = d.id AND h.captured - h.refunded >= NEW.amount
          AND {_SAME_TEAM_AND_KEY})
      END)"""  # noqa: S608 - names of ours

# The system's side states none.
_ENTRY_MISSTATES = """
    EXISTS (SELECT 1 FROM accounts_creditaccount a WHERE a.id = NEW.source_id
      AND COALESCE(NEW.source_balance, -1)
        <> CASE a.kind WHEN 'system' THEN -1 ELSE a.balance - NEW.amount END)
    OR EXISTS (SELECT 1 FROM accounts_creditaccount a WHERE a.id = NEW.destination_id
      AND COALESCE(NEW.destination_balance, -1)
        <> CASE a.kind WHEN 'system' THEN -1 ELSE a.balance + NEW.amount END)"""

_BALANCE_OF_NO_ENTRY = """
    NEW.balance <> COALESCE((
      SELECT CASE WHEN e.source_id = NEW.id THEN e.source_balance ELSE e.destination_balance END
      FROM accounts_ledgerentry e WHERE e.id = (SELECT MAX(last.id) FROM (
        SELECT MAX(id) AS id FROM accounts_ledgerentry WHERE source_id = NEW.id
        UNION ALL SELECT MAX(id) FROM accounts_ledgerentry WHERE destination_id = NEW.id) last)), 0)"""

_REFUSALS: dict[str, Effect | Refusal] = {
    "easel_entry_unchanged": Refusal(_ENTRY, "UPDATE", "ledger entries are never changed"),
    "easel_entry_kept": Refusal(_ENTRY, "DELETE", "ledger entries are never deleted"),
    "easel_entry_amount_whole": Refusal(_ENTRY, "INSERT", "an amount is a whole number", when=_AMOUNT_ODD),
    "easel_entry_has_reason": Refusal(
        _ENTRY, "INSERT", "an entry says why", when="NEW.kind <> 'capture' AND TRIM(NEW.reason) = ''"
    ),
    "easel_entry_fits": Refusal(
        _ENTRY,
        "INSERT",
        "an entry fits its accounts, its hold and what is available",
        asking=_ENTRY_FITS_NOTHING,
    ),
    "easel_entry_states_balance": Refusal(
        _ENTRY, "INSERT", "an entry states the balance after it", asking=_ENTRY_MISSTATES
    ),
    "easel_hold_kept": Refusal(_HOLD, "DELETE", "holds are never deleted"),
    "easel_hold_amount_whole": Refusal(_HOLD, "INSERT", "an amount is a whole number", when=_AMOUNT_ODD),
    "easel_hold_begins_open": Refusal(
        _HOLD, "INSERT", "a hold begins open", when="NEW.settled_at IS NOT NULL OR NEW.refunded <> 0"
    ),
    "easel_hold_covered": Refusal(
        _HOLD,
        "INSERT",
        "a hold is covered by what is available",
        asking="NOT EXISTS (SELECT 1 FROM accounts_creditaccount a"
        " WHERE a.id = NEW.account_id AND a.balance - a.held >= NEW.amount)",
    ),
    "easel_hold_terms_unchanged": Refusal(
        _HOLD,
        "UPDATE",
        "a hold keeps its terms",
        when="NEW.id <> OLD.id OR NEW.account_id <> OLD.account_id OR NEW.amount <> OLD.amount"
        " OR NEW.key <> OLD.key OR NEW.reference <> OLD.reference OR NEW.reason <> OLD.reason"
        " OR NEW.created_at <> OLD.created_at OR COALESCE(NEW.by_id, 0) <> COALESCE(OLD.by_id, 0)"
        " OR COALESCE(NEW.api_key_id, 0) <> COALESCE(OLD.api_key_id, 0)"
        " OR COALESCE(NEW.team_id, 0) <> COALESCE(OLD.team_id, 0)",
    ),
    "easel_hold_ends_once": Refusal(
        _HOLD,
        "UPDATE",
        "a settled hold is final",
        when="OLD.settled_at IS NOT NULL AND (NEW.settled_at IS NULL OR NEW.settled_at <> OLD.settled_at"
        " OR NEW.captured <> OLD.captured OR NEW.released <> OLD.released)",
    ),
    "easel_hold_captured_by_entry": Refusal(
        _HOLD,
        "UPDATE",
        "captured is what the capture says",
        when="NEW.captured <> OLD.captured",
        asking="NEW.captured <> (SELECT COALESCE(SUM(e.amount), 0) FROM accounts_ledgerentry e"
        " WHERE e.hold_id = NEW.id AND e.kind = 'capture')",
    ),
    "easel_hold_refunded_by_entries": Refusal(
        _HOLD,
        "UPDATE",
        "refunded is what the refunds sum to",
        when="NEW.refunded <> OLD.refunded",
        asking="NEW.refunded <> (SELECT COALESCE(SUM(e.amount), 0) FROM accounts_ledgerentry e"
        " WHERE e.hold_id = NEW.id AND e.kind = 'refund')",
    ),
    "easel_account_kept": Refusal(_ACCOUNT, "DELETE", "credit accounts are never deleted"),
    "easel_account_begins_empty": Refusal(
        _ACCOUNT, "INSERT", "an account begins empty", when="NEW.balance <> 0 OR NEW.held <> 0"
    ),
    "easel_account_keeps_owner": Refusal(
        _ACCOUNT,
        "UPDATE",
        "an account keeps its owner",
        when="NEW.id <> OLD.id OR NEW.kind <> OLD.kind OR COALESCE(NEW.code, '') <> COALESCE(OLD.code, '')"
        " OR COALESCE(NEW.user_id, 0) <> COALESCE(OLD.user_id, 0)",
    ),
    "easel_account_balance_by_entries": Refusal(
        _ACCOUNT,
        "UPDATE",
        "a balance follows the entries",
        when="NEW.balance <> OLD.balance",
        asking=_BALANCE_OF_NO_ENTRY,
    ),
    "easel_act_unchanged": Refusal(_ACT, "UPDATE", "acts of admins are never changed"),
    "easel_act_kept": Refusal(_ACT, "DELETE", "acts of admins are never deleted"),
}

ANYWHERE = {**_EFFECTS, **_REFUSALS}

ON_SQLITE: dict[str, Effect | Refusal] = {
    "easel_account_held_by_holds": Refusal(
        _ACCOUNT,
        "UPDATE",
        "held follows the open holds",
        when="NEW.held <> OLD.held",
        asking="NEW.held <> (SELECT COALESCE(SUM(h.amount), 0) FROM accounts_hold h"
        " WHERE h.account_id = NEW.id AND h.settled_at IS NULL)",
    ),
    # INSERT OR REPLACE deletes the old row without a word to the DELETE trigger.
    "easel_entry_not_replaced": Refusal(
        _ENTRY,
        "INSERT",
        "ledger entries are never replaced",
        asking="EXISTS (SELECT 1 FROM accounts_ledgerentry e WHERE e.id = NEW.id OR e.key = NEW.key)",
    ),
    "easel_hold_not_replaced": Refusal(
        _HOLD,
        "INSERT",
        "holds are never replaced",
        asking="EXISTS (SELECT 1 FROM accounts_hold h WHERE h.id = NEW.id OR h.key = NEW.key)",
    ),
    "easel_account_not_replaced": Refusal(
        _ACCOUNT,
        "INSERT",
        "credit accounts are never replaced",
        asking="EXISTS (SELECT 1 FROM accounts_creditaccount a"
        " WHERE a.id = NEW.id OR a.user_id = NEW.user_id OR a.code = NEW.code)",
    ),
    "easel_act_not_replaced": Refusal(
        _ACT,
        "INSERT",
        "acts of admins are never replaced",
        asking="EXISTS (SELECT 1 FROM accounts_adminact a WHERE a.id = NEW.id)",
    ),
}

ON_POSTGRES: dict[str, Effect | Refusal] = {
    # A sum over open holds would wade through a busy account's dead rows; here we know who writes.
    "easel_account_held_by_holds": Refusal(
        _ACCOUNT,
        "UPDATE",
        "held follows the open holds",
        when="NEW.held <> OLD.held AND pg_trigger_depth() = 0",
    ),
    **{
        f"{name}_not_truncated": Refusal(table, "TRUNCATE", "the books are never emptied")
        for name, table in (
            ("easel_entry", _ENTRY),
            ("easel_hold", _HOLD),
            ("easel_account", _ACCOUNT),
            ("easel_act", _ACT),
        )
    },
}
