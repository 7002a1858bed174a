"""How a receipt is drawn and worded."""

from decimal import Decimal

from django import template
from django.urls import reverse

from accounts import statement
from generation import catalog, receipt_words
from generation.models import Attempt, Generation
from generation.receipts import AttemptFacts, Step
from generation.reports import Line

register = template.Library()

ICONS = {
    "retried": "rotate-ccw",
    "quoted": "tag",
    "held": "clock",
    "chosen": "shuffle",
    "sent": "arrow-up-right",
    "answered": "arrow-left",
    "ended": "info",
    "late": "clock",
    "cancelled": "ban",
    "charged": "coins",
    "released": "undo-2",
    "refunded": "undo-2",
    "stored": "check",
}
OUTCOMES = {
    Attempt.Status.SENDING: "Being sent",
    Attempt.Status.ACCEPTED: "Taken, at work",
    Attempt.Status.ANSWERED: "Answered, being stored",
    Attempt.Status.DELIVERED: "Delivered",
    Attempt.Status.NOT_ACCEPTED: "Not accepted",
    Attempt.Status.OUTCOME_UNKNOWN: "Outcome unknown",
    Attempt.Status.REFUSED: "Refused",
    Attempt.Status.BROKEN_PROMISE: "Not what was asked for",
}


@register.filter
def step_icon(step: Step) -> str:
    """The icon of a step's kind."""
    return ICONS[step.kind]


@register.filter
def outcome(attempt: AttemptFacts) -> str:
    """How a call ended, in two or three words."""
    return OUTCOMES[Attempt.Status(attempt.status)]


@register.filter
def dollars(amount: Decimal | None) -> str:
    """`$0.039`, `$1,204.50`; a dash where the vendor stated none."""
    return "–" if amount is None else receipt_words.dollars(amount)


@register.filter
def model_name(generation: Generation) -> str:
    """The model as people call it."""
    return catalog.load(with_retired=True).model_title(generation.model)


@register.simple_tag
def statement_address(step: Step) -> str:
    """Where in the owner's statement the line of a step's ledger entry is."""
    assert step.entry is not None, "the step moved credits"
    place = statement.Place(step.entry + 1, step.at)
    return f"{reverse('accounts:credits')}?before={place}#entry-{step.entry}"


@register.filter
def share_of(line: Line, most: int) -> float:
    """The line's credits in percent of the largest, for a bar."""
    return round(max(0, line.credits) / most * 100, 2)
