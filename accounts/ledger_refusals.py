"""What the ledger will not do, named for what is refused; `accounts.ledger` raises them."""

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


class KeyLimitReached(Refusal):
    code = "key_limit_reached"

    def __init__(self, *, needed: int, limit: int, used: int) -> None:
        super().__init__(f"This needs {needed} credits; the key may spend {limit} and has used {used}.")
        self.needed, self.limit, self.used = needed, limit, used


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
