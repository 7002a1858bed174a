"""How a conversation's turns are worded."""

from django import template

from generation import conversations
from generation.models import Generation
from generation.turns import Turn

register = template.Library()

_WORDS = {
    Generation.Status.QUEUED: "in line",
    Generation.Status.RUNNING: "being made",
    Generation.Status.FAILED: "didn’t work",
    Generation.Status.CANCELED: "cancelled",
}

_GONE = "no longer kept"


@register.filter
def state_word(turn: Turn) -> str:
    """How a turn without a picture stands."""
    return _GONE if turn.emptied else _WORDS.get(Generation.Status(turn.generation.status), "")


@register.filter
def short_name(instruction: str) -> str:
    """A few words of an instruction."""
    return conversations.short_name(instruction) or "A picture"


@register.filter
def seconds_short(seconds: float) -> str:
    """`9.1 s`, `45 s`, `2 min 5 s`."""
    if seconds < 10:
        return f"{max(0.0, seconds):.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
