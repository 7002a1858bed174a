import re

import pytest
from django.template import Context, Template

from accounts.ledger import Standing
from accounts.models import User
from accounts.templatetags import easel


def drawn(text: str, **context: object) -> str:
    return Template("{% load easel %}" + text).render(Context(context))


def test_an_icon_is_hidden_from_readers_and_takes_its_size() -> None:
    svg = drawn('{% icon "heart" 20 %}')

    assert 'width="20"' in svg
    assert 'aria-hidden="true"' in svg
    assert re.search(r'href="[^"]*icons[^"]*\.svg#heart"', svg)


def test_a_filled_icon_says_so() -> None:
    assert "icon-filled" in drawn('{% icon "heart" filled=True %}')
    assert "icon-filled" not in drawn('{% icon "heart" %}')


@pytest.mark.parametrize(
    ("ratio", "proportion"), [("1:1", 1), ("16:9", 16 / 9), ("9:16", 9 / 16), ("21:9", 21 / 9)]
)
def test_a_ratio_is_drawn_in_true_proportion_inside_its_box(ratio: str, proportion: float) -> None:
    svg = easel.ratio_shape(ratio, 32)
    x, y, width, height = (
        float(n) for n in re.findall(r' (?:x|y|width|height)="([\d.]+)"', svg.split("<rect")[1])
    )

    assert width / height == pytest.approx(proportion, rel=0.01)
    assert x * 2 + width == pytest.approx(32, abs=0.01)
    assert y * 2 + height == pytest.approx(32, abs=0.01)


def test_a_ratio_has_a_class() -> None:
    assert easel.ratio_class("16:9") == "ratio-16x9"


@pytest.mark.parametrize(
    ("amount", "plain", "signed", "short"),
    [
        (0, "0", "0", "0"),
        (8, "8", "+8", "8"),
        (-8, "−8", "−8", "−8"),
        (1095, "1,095", "+1,095", "1,095"),
        (12_999, "12,999", "+12,999", "12k"),
        (3_200_000, "3,200,000", "+3,200,000", "3M"),
    ],
)
def test_credits_read_as_numbers_of_credits(amount: int, plain: str, signed: str, short: str) -> None:
    assert easel.credits_number(amount) == plain
    assert easel.credits_signed(amount) == signed
    assert easel.credits_short(amount) == short


def test_a_person_keeps_their_hue() -> None:
    user = User(email="mara@studio.test", name="Mara Lindqvist")

    assert easel.avatar(user) == easel.avatar(user)
    assert ">ML<" in easel.avatar(user)


def test_a_name_cannot_write_markup() -> None:
    assert "<b" not in easel.avatar(User(email="x@studio.test", name="<b <i"))


@pytest.mark.parametrize(
    ("balance", "held", "percent", "low"),
    [(412, 0, 100, False), (100, 95, 5, True), (0, 0, 0, True), (200, 100, 50, False)],
)
def test_the_ring_shows_what_is_available_of_the_balance(
    balance: int, held: int, percent: int, low: bool
) -> None:
    shown = easel.credit_ring(Standing(balance=balance, held=held))

    assert (shown["percent"], shown["low"]) == (percent, low)
