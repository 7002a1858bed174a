"""What can be asked to go wrong."""

import pytest

from generation.emulator import faults
from generation.emulator.faults import Fault, Plan, Planned, UnknownFault


def test_pairs_are_read_from_text() -> None:
    fault = faults.parse("status=429, retry_after=3,latency=0.5,size=800x600")

    assert fault == Fault(status=429, retry_after="3", latency=0.5, size=(800, 600))


def test_an_object_can_hold_a_date_with_its_comma() -> None:
    values = {"status": 429, "retry_after": "Fri, 20 Nov 2026 12:00:30 GMT"}

    assert faults.from_values(values).retry_after == "Fri, 20 Nov 2026 12:00:30 GMT"


@pytest.mark.parametrize(
    "text", ["storm=1", "status=99", "status=x", "body=odd", "size=800", "latency=-1", "shape=4", "status"]
)
def test_what_is_unknown_says_what_is_known(text: str) -> None:
    with pytest.raises(UnknownFault, match="it knows status"):
        faults.parse(text)


def test_a_word_in_the_prompt_asks_for_a_fault() -> None:
    assert faults.find_in_prompt("a lake [emulate: status=500] at dusk") == Fault(status=500)
    assert faults.without_words("a lake [emulate: status=500]") == "a lake"


def test_a_plain_prompt_asks_for_none() -> None:
    assert faults.find_in_prompt("a lake [at dusk]") is None


def test_planned_faults_come_in_order_and_end() -> None:
    plan = Plan()
    plan.add(Planned(Fault(status=429), times=2))
    plan.add(Planned(Fault(status=500)))

    taken = [plan.take("a lake") for _ in range(4)]

    assert taken == [Fault(status=429), Fault(status=429), Fault(status=500), None]


def test_a_planned_fault_waits_for_its_prompt() -> None:
    plan = Plan()
    plan.add(Planned(Fault(status=429), match="dusk"))

    assert [plan.take("a lake"), plan.take("dusk")] == [None, Fault(status=429)]


def test_a_share_of_calls_can_fail_for_ever() -> None:
    plan = Plan()
    plan.add(Planned(Fault(status=500), times=None, probability=0.3))

    failed = sum(plan.take("a lake") is not None for _ in range(1000))

    assert 250 < failed < 350
