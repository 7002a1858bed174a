"""What admins do to credits, rules and teams: each verb checks who acts, does it and records it, or nothing.

Pages, Django's admin and commands call these alone. `by` is None for a command on the server, which may do
everything; superusers have every permission. Nobody gives to themselves, unless
`settings.ADMINS_MAY_GRANT_THEMSELVES`. A repeated key answers the entry of before and records nothing more.
"""

from accounts.administration.credits import (
    Change,
    adjust,
    grant,
    preview_adjust,
    preview_grant,
    preview_refund,
    preview_take_back,
    refund,
    set_low_balance,
    take_back,
)
from accounts.administration.permission import (
    ADJUST,
    GRANT,
    RULES,
    SEE,
    NotAllowed,
    OwnAccount,
    check_gives_to_another,
    check_permission,
)
from accounts.administration.queue import end_queue_rule, set_queue_rule
from accounts.administration.rules import (
    create_team,
    end_allowance,
    end_cap,
    move_to_team,
    set_allowance,
    set_cap,
)

__all__ = [
    "ADJUST",
    "GRANT",
    "RULES",
    "SEE",
    "Change",
    "NotAllowed",
    "OwnAccount",
    "adjust",
    "check_gives_to_another",
    "check_permission",
    "create_team",
    "end_allowance",
    "end_cap",
    "end_queue_rule",
    "grant",
    "move_to_team",
    "preview_adjust",
    "preview_grant",
    "preview_refund",
    "preview_take_back",
    "refund",
    "set_allowance",
    "set_cap",
    "set_low_balance",
    "set_queue_rule",
    "take_back",
]
