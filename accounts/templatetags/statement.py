"""How the statement's lines are drawn and worded."""

from django import template

from accounts.statement import Line

register = template.Library()

ICONS = {
    "hold": "clock",
    "capture": "image",
    "release": "undo-2",
    "refund": "undo-2",
    "grant": "coins",
    "adjustment": "sliders-horizontal",
    "expiry": "calendar",
}


@register.filter
def line_icon(line: Line) -> str:
    """The icon of a line's kind."""
    return ICONS[line.kind]


@register.filter
def line_meta(line: Line) -> str:
    """The second row of a line: what kind of movement it is, who made it, and what came back."""
    words = {
        "hold": "On hold",
        "capture": "Charged",
        "release": f"{line.amount:,} credits given back — nothing was charged",
        "refund": "Refunded",
        "grant": "Granted",
        "adjustment": "Corrected",
        "expiry": "Expired",
    }[line.kind]
    if line.by is not None and line.kind in ("grant", "adjustment", "refund"):
        words = f"{words} by {line.by.get_full_name()}"
    if line.given_back:
        words = (
            f"{words} · {line.given_back:,} of {line.amount + line.given_back:,} credits on hold given back"
        )
    return words
