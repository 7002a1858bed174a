"""Proof that what was paid is what was delivered: generations beside their holds, changing nothing."""

from datetime import datetime, timedelta

from django.db import connection

from accounts import audit as ledger_audit
from accounts import notices
from accounts.audit import Check, Finding, Totals, found_by

# The sweep ends what is past its deadline within a minute; later than this it is stuck.
STUCK_AFTER = timedelta(minutes=10)

_OUTPUTS = """
        LEFT JOIN (SELECT generation_id, COUNT(*) AS number FROM generation_output GROUP BY generation_id) o
          ON o.generation_id = g.id"""

CHECKS = (
    Check(
        "captured_is_price_times_outputs",
        "generation",
        "is {} with {} outputs at {} credits; its hold {} has captured {}",
        f"""SELECT g.id, g.status, COALESCE(o.number, 0), g.price, h.id, h.captured
        FROM generation_generation g
        JOIN accounts_hold h ON h.id = g.hold_id {_OUTPUTS}
        WHERE h.captured <> CASE WHEN g.status IN ('succeeded', 'partial')
          THEN g.price * COALESCE(o.number, 0) ELSE 0 END""",  # noqa: S608
    ),
    Check(
        "status_says_what_was_delivered",
        "generation",
        "is {} with {} of {} outputs",
        f"""SELECT g.id, g.status, COALESCE(o.number, 0), g.count FROM generation_generation g
        {_OUTPUTS}
        WHERE NOT CASE g.status WHEN 'succeeded' THEN COALESCE(o.number, 0) = g.count
          WHEN 'partial' THEN o.number IS NOT NULL AND o.number < g.count ELSE o.number IS NULL END""",  # noqa: S608
    ),
    Check(
        "ended_with_its_hold",
        "generation",
        "is {}; its hold {} was settled at {}",
        """SELECT g.id, g.status, h.id, h.settled_at FROM generation_generation g
        LEFT JOIN accounts_hold h ON h.id = g.hold_id
        WHERE h.id IS NULL OR (g.status IN ('queued', 'running')) <> (h.settled_at IS NULL)""",
    ),
    Check(
        "hold_is_the_quote",
        "generation",
        "was quoted {} × {}; its hold {} is of {}",
        """SELECT g.id, g.price, g.count, h.id, h.amount FROM generation_generation g
        JOIN accounts_hold h ON h.id = g.hold_id WHERE h.amount <> g.price * g.count""",
    ),
    Check(
        "hold_is_its_person's",
        "generation",
        "of person {} and key {} has hold {} of person {} and key {}",
        """SELECT g.id, g.user_id, g.api_key_id, h.id, a.user_id, h.api_key_id
        FROM generation_generation g
        JOIN accounts_hold h ON h.id = g.hold_id JOIN accounts_creditaccount a ON a.id = h.account_id
        WHERE (a.user_id = g.user_id) IS NOT TRUE
          OR COALESCE(g.api_key_id, 0) <> COALESCE(h.api_key_id, 0)""",
    ),
    Check(
        "attempt_knows_whose_it_is",
        "attempt",
        "says account {}, team {} and model '{}'; its generation {} says {}, {} and '{}'",
        """SELECT t.id, t.account_id, t.team_id, t.model, g.id, h.account_id, h.team_id, g.model
        FROM generation_attempt t JOIN generation_generation g ON g.id = t.generation_id
        JOIN accounts_hold h ON h.id = g.hold_id
        WHERE (t.account_id = h.account_id) IS NOT TRUE
          OR COALESCE(t.team_id, 0) <> COALESCE(h.team_id, 0) OR t.model <> g.model""",
    ),
    Check(
        "one_hold_a_generation",
        "hold",
        "of {} for '{}' belongs to {} generations",
        """SELECT h.id, h.amount, h.reference, COUNT(g.id) FROM accounts_hold h
        LEFT JOIN generation_generation g ON g.hold_id = h.id
        GROUP BY h.id, h.amount, h.reference HAVING COUNT(g.id) <> 1""",
    ),
)

_TIMED = (
    Check(
        "hold_not_stuck",
        "hold",
        "is open for generation {}, which is {} and should have ended at {}",
        """SELECT h.id, g.id, g.status, g.deadline_at FROM generation_generation g
        JOIN accounts_hold h ON h.id = g.hold_id AND h.settled_at IS NULL WHERE g.deadline_at < %s""",
    ),
)


def findings(now: datetime) -> list[Finding]:
    """Every generation whose money or end is not as promised; empty is proof."""
    late = connection.ops.adapt_datetimefield_value(now - STUCK_AFTER)
    return [*found_by(CHECKS), *found_by(_TIMED, late)]


def whole(now: datetime) -> tuple[Totals, list[Finding]]:
    """Both audits at one moment: what was looked at, and what was found."""
    with ledger_audit.snapshot():
        return ledger_audit.totals(), [*ledger_audit.findings(now), *findings(now)]


def nightly(now: datetime) -> list[Finding]:
    """Audit, and raise or resolve the admins' notice by what was found."""
    _, found = whole(now)
    notices.tell_of_audit(found=len(found), first=str(found[0]) if found else "", now=now)
    return found
