"""The provider board: how each provider did in the last 24 hours, what it can do and what it costs.

It costs the same number of queries whatever there is.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import OuterRef, Subquery

from generation import board_sums, catalog, health
from generation.board_sums import BAD, CELLS, SPAN, Cell, Sums
from generation.catalog import Catalog, Offer, ProviderFacts
from generation.models import Attempt, Provider, ProviderHealth, ProviderTest

# Called slow when recent calls take so many times the day's median, and so many seconds at least.
SLOW_TIMES, SLOW_SECONDS = 2.0, 5.0

Status = Attempt.Status

LABELS = {
    "closed": "Healthy",
    "slow": "Slow",
    "failing": "Unsteady",
    "new": "Ready",
    "open": "Paused",
    "half_open": "Trying again",
    "resting": "Resting",
    "off": "Off",
}


@dataclass(frozen=True)
class Price:
    """A size of a model at a provider: credits for one image and, for admins, US dollars."""

    size: str
    credits: int
    cost_usd: Decimal | None = None

    @property
    def margin(self) -> int | None:
        """What is left of the credits' worth, in percent; None where worth or cost isn't known."""
        worth = settings.CREDIT_USD
        if worth is None or self.cost_usd is None:
            return None
        charged = worth * self.credits
        return round(100 * (charged - self.cost_usd) / charged)


@dataclass(frozen=True)
class ModelLine:
    """A model at a provider, with its prices by size."""

    id: str
    name: str
    prices: tuple[Price, ...]


@dataclass(frozen=True)
class Failure:
    """The provider's latest call that failed, for admins."""

    at: datetime
    code: str
    detail: str
    vendor_text: str


@dataclass(frozen=True)
class Row:
    """A provider on the board. `success` is a share from 0 to 1, None without calls; times are seconds."""

    facts: ProviderFacts
    state: str
    detail: str
    again_at: datetime | None
    good: int
    bad: int
    share: float | None
    median: float | None
    p95: float | None
    cells: tuple[Cell, ...]
    abilities: tuple[str, ...]
    models: tuple[ModelLine, ...]
    pk: int | None = None
    key_hint: str = ""
    failure: Failure | None = None
    test: ProviderTest | None = None

    @property
    def label(self) -> str:
        """The state in a word."""
        return LABELS[self.state]

    @property
    def calls(self) -> int:
        return self.good + self.bad

    @property
    def success(self) -> float | None:
        return self.good / self.calls if self.calls else None

    @property
    def line(self) -> list[int]:
        """Mean milliseconds of each cell, an empty one as the one before, for a small chart."""
        known, line = next((cell.seconds for cell in self.cells if cell.seconds), 0.0) or 0.0, []
        for cell in self.cells:
            known = known if cell.seconds is None else cell.seconds
            line.append(round(known * 1000))
        return line


@dataclass(frozen=True)
class Board:
    """All rows that the viewer may see, in the admins' order."""

    rows: tuple[Row, ...]
    catalog: Catalog

    @property
    def nobody(self) -> bool:
        """No provider is set up: nothing can be made."""
        return not any(facts.live for facts in self.catalog.providers.values())


def board(*, now: datetime, for_admins: bool) -> Board:
    """The board as it is now, in a constant number of queries.

    Everybody sees who is switched on; admins see all of them, with costs, errors and tests.
    """
    known = catalog.load(with_retired=True)
    shown = [facts for facts in known.providers.values() if for_admins or facts.enabled]
    sums = board_sums.recent({facts.name: facts.emulated for facts in shown}, now)
    total = sum(cell.good + cell.bad for one in sums.values() for cell in one.cells.values())
    extra = _for_admins(now) if for_admins else {}
    rows = [
        _row(facts, known, sums.get(facts.name, Sums()), total, now, for_admins, extra.get(facts.name, {}))
        for facts in shown
    ]
    return Board(tuple(rows), known)


def _for_admins(now: datetime) -> dict[str, dict[str, Any]]:
    """By name: its row, the key's hint, the latest failure, the latest test; three queries."""
    failed = Attempt.objects.filter(
        provider=OuterRef("name"), started_at__gt=now - SPAN, status__in=(*BAD, Status.REFUSED)
    ).order_by("-started_at")
    tested = ProviderTest.objects.filter(provider=OuterRef("pk")).order_by("-pk")
    rows = list(
        Provider.objects.annotate(
            failed=Subquery(failed.values("pk")[:1]), tested=Subquery(tested.values("pk")[:1])
        )
    )
    failures = Attempt.objects.in_bulk([row.failed for row in rows if row.failed])
    tests = ProviderTest.objects.select_related("by").in_bulk([row.tested for row in rows if row.tested])
    return {
        row.name: {
            "pk": row.pk,
            "key_hint": row.key_hint,
            "failure": _failure(failures[row.failed]) if row.failed else None,
            "test": tests[row.tested] if row.tested else None,
        }
        for row in rows
    }


def _failure(attempt: Attempt) -> Failure:
    return Failure(attempt.started_at, attempt.code, attempt.detail, attempt.vendor_text)


def _row(
    facts: ProviderFacts,
    known: Catalog,
    sums: Sums,
    total: int,
    now: datetime,
    for_admins: bool,
    extra: dict[str, Any],
) -> Row:
    cells = tuple(sums.cells.get(number, Cell()) for number in range(CELLS))
    good, bad = sum(cell.good for cell in cells), sum(cell.bad for cell in cells)
    state, detail, again_at = _state(facts, good, bad, sums.median, now, for_admins)
    return Row(
        facts=facts,
        state=state,
        detail=detail,
        again_at=again_at,
        good=good,
        bad=bad,
        share=(good + bad) / total if total else None,
        median=sums.median,
        p95=sums.p95,
        cells=cells,
        abilities=_abilities(facts, known),
        models=_models(facts, known, for_admins),
        **extra,
    )


def _state(
    facts: ProviderFacts, good: int, bad: int, median: float | None, now: datetime, for_admins: bool
) -> tuple[str, str, datetime | None]:
    """State, sentence, and when it can be asked again. Why one is off is for admins."""
    standing = health.standing(facts, now)
    if standing.state == "off":
        return "off", standing.detail if for_admins else "It isn't in use.", None
    if standing.state != "closed":
        return standing.state, standing.detail, standing.again_at
    state, detail = _of_those_asked(facts.health, good, bad, median)
    return state, detail, None


def _of_those_asked(row: ProviderHealth, good: int, bad: int, median: float | None) -> tuple[str, str]:
    if not good + bad and row.last_success_at is None:
        return "new", "It wasn't asked yet."
    if row.failures:
        return (
            "failing",
            f"Its last {row.failures} calls failed." if row.failures > 1 else "Its last call failed.",
        )
    if bad and not good:
        return "failing", "No call has brought a picture yet."
    mean = row.seconds_mean
    if mean is not None and median and mean >= max(SLOW_SECONDS, SLOW_TIMES * median):
        return "slow", f"Calls take {mean / median:.1f} times as long as usual."
    return "closed", ""


def _abilities(facts: ProviderFacts, known: Catalog) -> tuple[str, ...]:
    """What its models can do there, the most of each, in short words."""
    found = _offers(facts, known)
    if not found:
        return ()
    most = max(min(model.references_max, offer.abilities.references_max) for model, offer in found)
    count = max(offer.abilities.count_max for _, offer in found)
    words = [f"{most} reference{'' if most == 1 else 's'}" if most else "No references"]
    if any(offer.abilities.multi_turn for _, offer in found):
        words.append("multi-turn")
    words.append(f"up to {count} a call" if count > 1 else "one at a time")
    return tuple(words)


def _models(facts: ProviderFacts, known: Catalog, with_costs: bool) -> tuple[ModelLine, ...]:
    return tuple(
        ModelLine(
            model.id,
            model.name,
            tuple(
                Price(size.name, size.price, offer.costs.get(size.name) if with_costs else None)
                for size in model.sizes
                if offer.abilities.image_size or size == model.sizes[0]
            ),
        )
        for model, offer in _offers(facts, known)
    )


def _offers(facts: ProviderFacts, known: Catalog) -> list[tuple[catalog.Model, Offer]]:
    return [(model, model.offers[facts.name]) for model in known.models if facts.name in model.offers]
