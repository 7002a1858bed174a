"""What allowances, caps and teams may be made of, and the refusal of everything else."""

from collections.abc import Sequence

from accounts.ledger_refusals import Refusal
from accounts.ledger_triggers import AMOUNT_MAX
from accounts.models.teams import time_zones


class InvalidRule(Refusal):
    """A term that no rule or team can have: `field` names it, the message is a sentence for people."""

    code = "invalid_rule"

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field, self.detail = field, detail


def check_amount(amount: object, *, least: int, field: str = "amount") -> None:
    """:raises InvalidRule: for what is no whole number of credits from `least` to `AMOUNT_MAX`."""
    if type(amount) is not int or not least <= amount <= AMOUNT_MAX:
        raise InvalidRule(field, f"This is a whole number of credits from {least} to {AMOUNT_MAX:,}.")


def check_choice(value: object, among: Sequence[str], *, field: str) -> None:
    """:raises InvalidRule:"""
    if value not in among:
        raise InvalidRule(field, f"Choose one of {', '.join(among)}.")


def check_zone(name: object) -> None:
    """:raises InvalidRule: for a name that the time-zone database does not have."""
    if not isinstance(name, str) or name not in time_zones():
        raise InvalidRule("time_zone", f"{str(name)[:60]} is no time zone. Take one such as Europe/Berlin.")


def check_one_scope(*scopes: object) -> None:
    """:raises InvalidRule: a rule is for exactly one of a person, a team or a key."""
    if sum(scope is not None for scope in scopes) != 1:
        raise InvalidRule("scope", "A rule is for one person, one team or one key.")
