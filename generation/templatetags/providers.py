"""How the provider board is worded and drawn."""

from datetime import datetime

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from generation.board import Price, Row
from generation.board_sums import CELL_SECONDS, Cell
from generation.models import ProviderTest
from generation.providers.formats import FORMATS
from generation.templatetags.receipts import dollars

register = template.Library()

BADGES = {
    "closed": "badge-ok",
    "new": "",
    "slow": "badge-warn",
    "failing": "badge-warn",
    "half_open": "badge-warn",
    "resting": "badge-warn",
    "open": "badge-bad",
    "off": "",
}
# A failure rate from here on is worth a colour.
WARN_FROM, BAD_FROM = 0.02, 0.2


@register.filter
def badge_class(row: Row) -> str:
    """The badge's colour for a state."""
    return BADGES[row.state]


@register.filter
def mark_of(row: Row) -> str:
    """One or two letters that stand for the provider: `Go`, `AI`, `1m`."""
    return row.facts.title[:2]


@register.filter
def seconds_words(seconds: float | None) -> str:
    """`8.9 s`, `21 s`; a dash where nothing was timed."""
    if seconds is None:
        return "–"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"


@register.filter
def percent(share: float | None) -> str:
    """`99.6%`, `100%`; a dash without calls. Never 100% while something failed."""
    if share is None:
        return "–"
    shown = min(share * 100, 99.9) if share < 1 else 100.0
    return f"{shown:.1f}".removesuffix(".0") + "%"


@register.filter
def rate_class(success: float | None) -> str:
    """The tone of a success rate."""
    failed = 0.0 if success is None else 1 - success
    return "bad" if failed >= BAD_FROM else "warn" if failed >= WARN_FROM else ""


@register.simple_tag
def health_cells(row: Row) -> SafeString:
    """40 cells of 36 minutes, the latest to the right, and the same said in words."""
    cells = format_html_join("", '<i class="cell cell-{}"></i>', ((cell.state,) for cell in row.cells))
    return format_html(
        '<div class="health-cells" role="img" aria-label="{}">{}</div>', _cells_said(row.cells), cells
    )


def _cells_said(cells: tuple[Cell, ...]) -> str:
    busy = [cell for cell in cells if cell.state != "none"]
    if not busy:
        return "No calls in 24 hours"
    troubled = sum(cell.state != "ok" for cell in busy)
    minutes = CELL_SECONDS // 60
    return f"Calls in {len(busy)} of {len(cells)} spans of {minutes} minutes, with failures in {troubled}"


@register.filter
def cost_words(price: Price) -> str:
    """`$0.039`, or that it isn't known."""
    return "cost unknown" if price.cost_usd is None else dollars(price.cost_usd)


@register.filter
def margin_class(price: Price) -> str:
    """The tone of a margin."""
    margin = price.margin
    return "" if margin is None else "bad" if margin < 0 else "ok"


@register.filter
def format_title(row: Row) -> str:
    """How it is spoken to."""
    known = FORMATS.get(row.facts.format)
    return known.title if known else row.facts.format


@register.filter
def until(moment: datetime, now: datetime) -> str:
    """`in 42 s`, `in 5 min`."""
    left = max(1, round((moment - now).total_seconds()))
    return f"in {left} s" if left < 90 else f"in {round(left / 60)} min"


@register.filter
def test_seconds(test: ProviderTest) -> str:
    """How long a test took."""
    if test.ended_at is None:
        return ""
    return seconds_words((test.ended_at - test.started_at).total_seconds())
