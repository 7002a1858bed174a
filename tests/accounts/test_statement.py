"""The statement adds up, at any depth and through every filter."""

import itertools
from datetime import UTC, date, datetime
from typing import Any

import pytest

from accounts import ledger, statement
from accounts.models import Hold, LedgerEntry, User
from accounts.statement import Line, Place, Within
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> User:
    return factories.person(credits=100)


def held(user: User, amount: int, key: str) -> Hold:
    return ledger.hold(user=user, amount=amount, key=key, reason=f"prompt {key}", by=user)


def a_bit_of_everything(user: User) -> None:
    for number in range(4):
        ledger.capture(hold=held(user, 8, f"full{number}"), amount=8, reason=f"prompt full{number}")
        ledger.release(hold=held(user, 4, f"none{number}"))
    part = held(user, 8, "part")
    ledger.capture(hold=part, amount=6, reason="prompt part")
    ledger.refund(hold=part, amount=2, key="1", reason="one too few", by=None)
    ledger.adjust(user=user, amount=-3, key="1", reason="counted twice", by=None)
    ledger.grant(user=user, amount=50, key="2", reason="for the campaign", by=None)


def everything(user: User, *, size: int, **within: Any) -> list[Line]:
    lines: list[Line] = []
    place: Place | None = Place()
    while place is not None:
        page = statement.page(
            user, within=Within(**within), after=statement.parse_place(str(place)), size=size
        )
        assert 0 < len(page.lines) <= size
        lines += page.lines
        place = page.older
    return lines


def test_each_line_leaves_what_the_older_one_left_and_its_own_change(owner: User) -> None:
    a_bit_of_everything(owner)

    moved = [line for line in everything(owner, size=50) if line.left is not None]

    assert moved[0].left == ledger.standing(owner).balance
    for newer, older in itertools.pairwise(moved):
        assert newer.left == (older.left or 0) + newer.change
    assert moved[-1].left == moved[-1].change == 100


@pytest.mark.parametrize("size", [1, 2, 3, 5, 12, 13, 14])
def test_pages_of_any_size_give_the_same_lines(owner: User, size: int) -> None:
    a_bit_of_everything(owner)

    assert everything(owner, size=size) == everything(owner, size=50)


def test_open_holds_lead_from_what_is_available_to_the_balance(owner: User) -> None:
    held(owner, 8, "one")
    held(owner, 16, "two")
    standing = ledger.standing(owner)

    holds = statement.open_holds(owner, standing=standing)

    assert [(line.change, line.left) for line in holds.lines] == [(-16, 76), (-8, 92)]
    assert holds.more == 0
    assert statement.page(owner).lines[0].left == standing.balance == 100


def test_holds_that_do_not_fit_are_summed(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statement, "HOLDS_MAX", 1)
    held(owner, 8, "one")
    held(owner, 16, "two")

    holds = statement.open_holds(owner, standing=ledger.standing(owner))

    assert [line.change for line in holds.lines] == [-16]
    assert holds.more == 8


def test_a_hold_that_came_back_whole_is_a_line_that_moves_nothing(owner: User) -> None:
    ledger.release(hold=held(owner, 8, "one"))

    line = statement.page(owner).lines[0]

    assert (line.kind, line.amount, line.change, line.left) == ("release", 8, 0, None)


def test_a_part_capture_says_what_came_back(owner: User) -> None:
    ledger.capture(hold=held(owner, 8, "one"), amount=6, reason="prompt")

    line = statement.page(owner).lines[0]

    assert (line.change, line.given_back) == (-6, 2)


@pytest.mark.parametrize(
    ("chosen", "kinds"),
    [
        ("spent", {"capture", "adjustment"}),
        ("refunds", {"refund", "release"}),
        ("grants", {"grant"}),
    ],
)
def test_a_filter_shows_its_kinds_alone(owner: User, chosen: str, kinds: set[str]) -> None:
    a_bit_of_everything(owner)

    assert {line.kind for line in everything(owner, size=3, kind=chosen)} == kinds


def test_the_filters_together_show_every_line_once(owner: User) -> None:
    a_bit_of_everything(owner)

    parts = [line for name in ("spent", "refunds", "grants") for line in everything(owner, size=3, kind=name)]

    assert len(parts) == len(everything(owner, size=50))


def test_another_persons_lines_are_not_mine(owner: User) -> None:
    other = factories.person(credits=10)
    ledger.capture(hold=held(other, 8, "theirs"), amount=8, reason="theirs")

    assert [line.kind for line in statement.page(owner).lines] == ["grant"]


def test_someone_without_an_account_has_an_empty_statement() -> None:
    assert statement.page(factories.person(credits=0)).lines == []


def test_a_page_deep_down_takes_as_many_queries_as_the_first(
    owner: User, django_assert_num_queries: object
) -> None:
    a_bit_of_everything(owner)
    deep = statement.page(owner, size=8).older
    for place in (Place(), deep):
        with django_assert_num_queries(4):  # type: ignore[operator]
            statement.page(owner, after=place, size=3)


@pytest.mark.parametrize(
    "text", ["x", "1", "1.2", "1.2.3.4", "-1.2.3", f"{'9' * 19}.1.1", "1.999999999999999999.1"]
)
def test_a_made_up_place_is_refused(text: str) -> None:
    with pytest.raises(statement.UnknownPlace):
        statement.parse_place(text)


def test_a_month_counts_captures_less_refunds_by_day(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def on(day: datetime) -> None:
        field = LedgerEntry._meta.get_field("created_at")
        monkeypatch.setitem(field.__dict__, "_get_default", lambda: day)

    on(datetime(2026, 11, 3, 23, 59, 59, tzinfo=UTC))
    hold = held(owner, 8, "one")
    ledger.capture(hold=hold, amount=8, reason="one")
    on(datetime(2026, 11, 4, 0, 0, tzinfo=UTC))
    ledger.refund(hold=hold, amount=2, key="1", reason="back", by=None)
    on(datetime(2026, 10, 31, 23, 59, 59, tzinfo=UTC))
    ledger.capture(hold=held(owner, 5, "before"), amount=5, reason="before")
    on(datetime(2026, 12, 1, 0, 0, tzinfo=UTC))
    ledger.capture(hold=held(owner, 5, "after"), amount=5, reason="after")

    month = statement.month(owner, today=date(2026, 11, 10))

    assert {day.date.day: day.spent for day in month.days if day.spent} == {3: 8, 4: -2}
    assert (month.spent, len(month.days), month.pace) == (6, 30, 18)
