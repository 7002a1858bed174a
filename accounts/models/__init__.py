"""People, their credits, keys, and what changed for them."""

from accounts.models.credits import CreditAccount, Hold, LedgerEntry
from accounts.models.events import Event
from accounts.models.idempotency import IdempotentRequest
from accounts.models.keys import ApiKey
from accounts.models.people import User

__all__ = ["ApiKey", "CreditAccount", "Event", "Hold", "IdempotentRequest", "LedgerEntry", "User"]
