"""What the ledger will not do, named for what is refused; `accounts.ledger` raises them."""

from datetime import datetime

from accounts.ledger_triggers import AMOUNT_MAX

KEY_MAX = 100
REASON_MAX = 500


class Refusal(Exception):
    """Something the ledger will not do; nothing has moved."""

    code = "refused"


class InvalidAmount(Refusal):
    code = "invalid_amount"

    def __init__(self, amount: object) -> None:
        super().__init__(f"An amount is a whole number from 1 to {AMOUNT_MAX:,}.")
        self.amount = amount


class InvalidKey(Refusal):
    code = "invalid_key"

    def __init__(self, key: object) -> None:
        super().__init__(f"An idempotency key is a text of 1 to {KEY_MAX} characters.")
        self.key = key


class InvalidReason(Refusal):
    code = "invalid_reason"

    def __init__(self) -> None:
        super().__init__(f"A reason is a text of 1 to {REASON_MAX} characters.")


class InsufficientCredits(Refusal):
    code = "insufficient_credits"

    def __init__(self, *, needed: int, available: int, held: int) -> None:
        super().__init__(f"This needs {needed} credits; you have {available} available and {held} on hold.")
        self.needed, self.available, self.held = needed, available, held


class LimitReached(Refusal):
    """A cap refuses the hold.

    `scope` is `person`, `team` or `key`, `period` `day`, `week`, `month` or `total`; amounts are whole
    credits; `resets_at` is when the cap begins anew, None for never; `raised_by` is who can raise it.
    """

    code = "limit_reached"

    def __init__(
        self,
        *,
        needed: int,
        scope: str,
        name: str,
        period: str,
        used: int,
        allowed: int,
        resets_at: datetime | None,
    ) -> None:
        self.needed, self.scope, self.name, self.period = needed, scope, name, period
        self.used, self.allowed, self.resets_at = used, allowed, resets_at
        self.raised_by = "the key's owner or an admin" if scope == "key" else "an admin"
        whose = {"person": "You", "team": f"The team {name}", "key": f"The key {name}"}[scope]
        span = "in all" if period == "total" else f"a {period}"
        until = f" until {resets_at:%d %B %Y, %H:%M} UTC" if resets_at else ""
        super().__init__(
            f"This needs {needed} credits. {whose} may spend {allowed} {span}; {used} of it are used{until}. "
            f"Ask {self.raised_by} to raise it."
        )


class KeyReused(Refusal):
    code = "idempotency_key_reused"

    def __init__(self, key: str) -> None:
        super().__init__("This idempotency key was used before with other terms.")
        self.key = key


class HoldSettled(Refusal):
    code = "hold_settled"

    def __init__(self) -> None:
        super().__init__("This hold has ended already.")


class ExceedsHold(Refusal):
    code = "exceeds_hold"

    def __init__(self, *, amount: int, held: int) -> None:
        super().__init__(f"{amount} credits can't be captured from a hold of {held}.")


class ExceedsCaptured(Refusal):
    code = "exceeds_captured"

    def __init__(self, *, amount: int, left: int) -> None:
        super().__init__(f"{amount} credits can't be refunded; {left} of what was captured is left.")


def check_amount(amount: object) -> None:
    """:raises InvalidAmount:"""
    # bool is an int to Python, and no amount to anybody.
    if type(amount) is not int or not 1 <= amount <= AMOUNT_MAX:
        raise InvalidAmount(amount)


def check_words(*, reason: object, key: object = "-") -> None:
    """:raises InvalidKey: :raises InvalidReason:"""
    if not isinstance(key, str) or not 1 <= len(key) <= KEY_MAX:
        raise InvalidKey(key)
    if not isinstance(reason, str) or not reason.strip() or len(reason) > REASON_MAX:
        raise InvalidReason
