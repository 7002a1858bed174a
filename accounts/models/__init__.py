"""People and teams, their credits, rules and keys, and what changed for them."""

from accounts.models.acts import AdminAct, GrantBatch, Notice
from accounts.models.credits import CreditAccount, Hold, LedgerEntry
from accounts.models.events import Event
from accounts.models.idempotency import IdempotentRequest
from accounts.models.keys import ApiKey
from accounts.models.people import User
from accounts.models.queue_rules import Lane, QueueRule
from accounts.models.rules import AllowanceGiven, AllowanceRule, Cap, CapUse, CountedHold
from accounts.models.teams import Membership, Team

__all__ = [
    "AdminAct",
    "AllowanceGiven",
    "AllowanceRule",
    "ApiKey",
    "Cap",
    "CapUse",
    "CountedHold",
    "CreditAccount",
    "Event",
    "GrantBatch",
    "Hold",
    "IdempotentRequest",
    "Lane",
    "LedgerEntry",
    "Membership",
    "Notice",
    "QueueRule",
    "Team",
    "User",
]
