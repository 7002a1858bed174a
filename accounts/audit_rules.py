"""Proof of caps and allowances: nothing was sold beyond a cap, and an allowance is what its entry says."""

from collections.abc import Iterator
from datetime import datetime

from accounts import limits
from accounts.audit_checks import Check, Finding, found_by

CHECKS = (
    Check(
        "cap_used_is_sum_of_holds",
        "use",
        "of cap {} says {}; the holds it counts sum to {}",
        """SELECT u.id, u.cap_id, u.used, COALESCE(c.total, 0) FROM accounts_capuse u
        LEFT JOIN (SELECT k.use_id, SUM(h.amount - h.released - h.refunded) AS total
          FROM accounts_countedhold k JOIN accounts_hold h ON h.id = k.hold_id GROUP BY k.use_id) c
          ON c.use_id = u.id
        WHERE u.used <> COALESCE(c.total, 0)""",
    ),
    # What was spent before a cap may be more than it allows; nothing is sold on top of that.
    Check(
        "cap_not_passed",
        "use",
        "of cap {} has {} of {} allowed, and counts holds made under the cap",
        """SELECT u.id, u.cap_id, u.used, p.allowed FROM accounts_capuse u
        JOIN accounts_cap p ON p.id = u.cap_id
        WHERE u.used > p.allowed AND EXISTS (
          SELECT 1 FROM accounts_countedhold k WHERE k.use_id = u.id AND NOT k.is_earlier)""",
    ),
    Check(
        "cap_counts_its_own_holds",
        "use",
        "of cap {} counts hold {}, which is none of its scope",
        """SELECT u.id, u.cap_id, h.id FROM accounts_countedhold k
        JOIN accounts_capuse u ON u.id = k.use_id JOIN accounts_cap p ON p.id = u.cap_id
        JOIN accounts_hold h ON h.id = k.hold_id JOIN accounts_creditaccount a ON a.id = h.account_id
        WHERE (p.user_id = a.user_id OR p.team_id = h.team_id OR p.api_key_id = h.api_key_id) IS NOT TRUE""",
    ),
    Check(
        "allowance_is_its_entry",
        "allowance given",
        "says {} for person {}; its entry {} is of {}",
        """SELECT g.id, g.amount, g.user_id, g.entry_id, e.amount FROM accounts_allowancegiven g
        LEFT JOIN accounts_ledgerentry e ON e.id = g.entry_id
        LEFT JOIN accounts_creditaccount a ON a.id = e.destination_id
        WHERE CASE WHEN g.amount = 0 THEN g.entry_id IS NOT NULL
          ELSE (e.kind = 'grant' AND e.amount = g.amount AND a.user_id = g.user_id) IS NOT TRUE END""",
    ),
    Check(
        "allowance_entry_is_known",
        "entry",
        "of {} with key '{}' belongs to no period of an allowance",
        """SELECT e.id, e.amount, e.key FROM accounts_ledgerentry e
        LEFT JOIN accounts_allowancegiven g ON g.entry_id = e.id
        WHERE e.key LIKE 'grant:%:system:allowance:%' AND g.id IS NULL""",
    ),
)


def findings(now: datetime) -> Iterator[Finding]:
    """Every cap that was passed or miscounts, and every allowance that is not its entry."""
    yield from found_by(CHECKS)
    for cap, holds in limits.uncounted(now=now):
        yield Finding("cap_counts_every_hold", f"cap {cap.pk}", f"leaves out {holds} holds of this period")
