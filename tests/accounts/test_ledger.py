"""What each verb does, refuses and answers when it is asked again."""

from typing import Any

import pytest

from accounts import ledger
from accounts.models import ApiKey, CreditAccount, Event, Hold, LedgerEntry, User
from tests.factories import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> User:
    return person(credits=100)


@pytest.fixture
def admin() -> User:
    return person(credits=0, is_staff=True)


def hold(owner: User, amount: int = 30, key: str = "g1", **more: Any) -> Hold:
    return ledger.hold(user=owner, amount=amount, key=key, reason="a lighthouse", by=owner, **more)


def refund(hold: Hold, amount: int, key: str = "1", reason: str = "blurred") -> LedgerEntry:
    return ledger.refund(hold=hold, amount=amount, key=key, reason=reason, by=None)


def stands(owner: User) -> tuple[int, int, int]:
    standing = ledger.standing(owner)
    return standing.balance, standing.held, standing.available


def test_a_person_without_an_account_has_nothing() -> None:
    assert stands(person(credits=0)) == (0, 0, 0)


def test_a_grant_adds_to_the_balance(owner: User, admin: User) -> None:
    entry = ledger.grant(user=owner, amount=5, key="may", reason="for May", by=admin)

    assert stands(owner) == (105, 0, 105)
    assert (entry.source.code, entry.destination_balance, entry.source_balance) == ("issued", 105, None)


def test_a_hold_sets_aside_and_leaves_the_balance(owner: User) -> None:
    hold(owner, 30)

    assert stands(owner) == (100, 30, 70)


def test_a_capture_spends_part_and_gives_the_rest_back(owner: User) -> None:
    held = hold(owner, 30)

    entry = ledger.capture(hold=held, amount=20, reason="two of three")

    held.refresh_from_db()
    assert stands(owner) == (80, 0, 80)
    assert (held.captured, held.released, held.is_open) == (20, 10, False)
    assert (entry.source_balance, entry.reference) == (80, held.reference)


def test_a_release_gives_all_back(owner: User) -> None:
    held = ledger.release(hold=hold(owner, 30))

    assert stands(owner) == (100, 0, 100)
    assert (held.captured, held.released, held.is_open) == (0, 30, False)


def test_a_refund_gives_back_what_was_captured(owner: User) -> None:
    held = hold(owner, 30)
    ledger.capture(hold=held, amount=30, reason="")

    refund(held, 10)

    held.refresh_from_db()
    assert stands(owner) == (80, 0, 80)
    assert held.refunded == 10


def test_an_adjustment_corrects_both_ways(owner: User) -> None:
    ledger.adjust(user=owner, amount=-30, key="1", reason="granted twice", by=None)
    ledger.adjust(user=owner, amount=7, key="2", reason="too much taken", by=None)

    assert stands(owner) == (77, 0, 77)


@pytest.mark.parametrize("amount", [0, -1, True, 1.0, "5", None, 10**12 + 1, 2**63, 2**64])
def test_an_amount_is_a_whole_positive_number_within_bounds(owner: User, amount: Any) -> None:
    held = hold(owner)

    with pytest.raises(ledger.InvalidAmount):
        ledger.grant(user=owner, amount=amount, key="k", reason="r", by=None)
    with pytest.raises(ledger.InvalidAmount):
        hold(owner, amount, key="other")
    with pytest.raises(ledger.InvalidAmount):
        ledger.capture(hold=held, amount=amount, reason="r")
    with pytest.raises(ledger.InvalidAmount):
        refund(held, amount)
    assert stands(owner) == (100, 30, 70)


@pytest.mark.parametrize("amount", [0, True, -1.5, "-5", -(2**63)])
def test_an_adjustment_is_a_whole_number_other_than_nothing(owner: User, amount: Any) -> None:
    with pytest.raises(ledger.InvalidAmount):
        ledger.adjust(user=owner, amount=amount, key="k", reason="r", by=None)


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501, None])
def test_grants_adjustments_and_refunds_say_why(owner: User, reason: Any) -> None:
    held = hold(owner)
    ledger.capture(hold=held, amount=30, reason="")

    with pytest.raises(ledger.InvalidReason):
        ledger.grant(user=owner, amount=1, key="k", reason=reason, by=None)
    with pytest.raises(ledger.InvalidReason):
        ledger.adjust(user=owner, amount=1, key="k", reason=reason, by=None)
    with pytest.raises(ledger.InvalidReason):
        refund(held, 1, reason=reason)


@pytest.mark.parametrize("key", ["", "x" * 101, None])
def test_a_key_has_1_to_100_characters(owner: User, key: Any) -> None:
    with pytest.raises(ledger.InvalidKey):
        ledger.grant(user=owner, amount=1, key=key, reason="r", by=None)
    with pytest.raises(ledger.InvalidKey):
        hold(owner, key=key)


def test_the_longest_key_and_reason_fit(owner: User) -> None:
    held = ledger.hold(user=owner, amount=1, key="k" * 100, reason="r" * 500, reference="f" * 64)
    ledger.capture(hold=held, amount=1, reason="r" * 500)

    assert refund(held, 1, key="k" * 100, reason="r" * 500).reference == "f" * 64


def test_a_hold_beyond_what_is_available_says_needed_available_and_held(owner: User) -> None:
    hold(owner, 60)

    with pytest.raises(ledger.InsufficientCredits) as refused:
        hold(owner, 41, key="g2")

    assert (refused.value.needed, refused.value.available, refused.value.held) == (41, 40, 60)
    assert stands(owner) == (100, 60, 40)


def test_an_adjustment_takes_nothing_that_is_held(owner: User) -> None:
    hold(owner, 60)

    with pytest.raises(ledger.InsufficientCredits):
        ledger.adjust(user=owner, amount=-41, key="k", reason="r", by=None)


def test_a_capture_beyond_the_hold_is_refused(owner: User) -> None:
    with pytest.raises(ledger.ExceedsHold):
        ledger.capture(hold=hold(owner, 30), amount=31, reason="")


def test_a_hold_that_was_captured_cannot_be_released(owner: User) -> None:
    held = hold(owner)
    ledger.capture(hold=held, amount=1, reason="")

    with pytest.raises(ledger.HoldSettled):
        ledger.release(hold=held)


def test_a_hold_that_was_released_cannot_be_captured(owner: User) -> None:
    held = hold(owner)
    ledger.release(hold=held)

    with pytest.raises(ledger.HoldSettled):
        ledger.capture(hold=held, amount=30, reason="")
    assert stands(owner) == (100, 0, 100)


def test_a_hold_is_captured_once(owner: User) -> None:
    held = hold(owner)
    ledger.capture(hold=held, amount=10, reason="")

    with pytest.raises(ledger.HoldSettled):
        ledger.capture(hold=held, amount=20, reason="")
    assert stands(owner) == (90, 0, 90)


def test_refunds_together_never_exceed_what_was_captured(owner: User) -> None:
    held = hold(owner, 30)
    ledger.capture(hold=held, amount=20, reason="")
    refund(held, 15, key="1")

    with pytest.raises(ledger.ExceedsCaptured):
        refund(held, 6, key="2")
    assert stands(owner) == (95, 0, 95)


def test_an_open_hold_has_nothing_to_refund(owner: User) -> None:
    with pytest.raises(ledger.ExceedsCaptured):
        refund(hold(owner), 1)


def test_a_repeated_grant_answers_the_first(owner: User, admin: User) -> None:
    first = ledger.grant(user=owner, amount=5, key="may", reason="for May", by=admin)

    assert ledger.grant(user=owner, amount=5, key="may", reason="for May", by=admin) == first
    assert stands(owner) == (105, 0, 105)


def test_a_repeated_hold_answers_the_first_when_nothing_is_left_and_when_it_has_ended(owner: User) -> None:
    first = hold(owner, 100)

    assert hold(owner, 100) == first
    ledger.capture(hold=first, amount=100, reason="")
    assert hold(owner, 100) == first
    assert stands(owner) == (0, 0, 0)


def test_a_repeated_capture_answers_the_first_after_the_balance_changed(owner: User) -> None:
    held = hold(owner)
    first = ledger.capture(hold=held, amount=20, reason="")
    hold(owner, 80, key="g2")

    assert ledger.capture(hold=held, amount=20, reason="") == first


def test_a_repeated_release_changes_nothing(owner: User) -> None:
    held = hold(owner)

    assert ledger.release(hold=held).settled_at == ledger.release(hold=held).settled_at
    assert stands(owner) == (100, 0, 100)


def test_a_repeated_refund_answers_the_first_when_nothing_is_left(owner: User) -> None:
    held = hold(owner)
    ledger.capture(hold=held, amount=30, reason="")
    first = refund(held, 30)

    assert refund(held, 30) == first
    assert stands(owner) == (100, 0, 100)


def test_a_repeated_negative_adjustment_answers_the_first_when_nothing_is_left(owner: User) -> None:
    first = ledger.adjust(user=owner, amount=-100, key="k", reason="r", by=None)

    assert ledger.adjust(user=owner, amount=-100, key="k", reason="r", by=None) == first
    assert stands(owner) == (0, 0, 0)


def test_a_key_with_other_terms_is_refused(owner: User) -> None:
    ledger.grant(user=owner, amount=5, key="k", reason="r", by=None)
    ledger.adjust(user=owner, amount=5, key="k", reason="r", by=None)
    held = hold(owner, 30)
    ledger.capture(hold=held, amount=30, reason="")
    refund(held, 3)

    with pytest.raises(ledger.KeyReused):
        ledger.grant(user=owner, amount=6, key="k", reason="r", by=None)
    with pytest.raises(ledger.KeyReused):
        ledger.adjust(user=owner, amount=-5, key="k", reason="r", by=None)
    with pytest.raises(ledger.KeyReused):
        hold(owner, 31)
    with pytest.raises(ledger.KeyReused):
        hold(owner, 30, reference="another")
    with pytest.raises(ledger.KeyReused):
        refund(held, 4)


def test_keys_of_two_people_do_not_meet(owner: User) -> None:
    other = person(credits=100)
    first, second = hold(owner, 30, key="same"), hold(other, 40, key="same")

    ledger.capture(hold=first, amount=30, reason="")
    ledger.capture(hold=second, amount=40, reason="")

    assert (stands(owner), stands(other)) == ((70, 0, 70), (60, 0, 60))


def test_keys_of_two_actors_do_not_meet(owner: User, admin: User) -> None:
    ledger.grant(user=owner, amount=5, key="k", reason="r", by=admin)
    ledger.grant(user=owner, amount=5, key="k", reason="r", by=None)

    assert stands(owner) == (110, 0, 110)


def test_refund_keys_of_two_holds_do_not_meet(owner: User) -> None:
    holds = [hold(owner, 10, key=key) for key in ("a", "a:b")]
    for held in holds:
        ledger.capture(hold=held, amount=10, reason="")

    first, second = refund(holds[0], 5, key="b:c"), refund(holds[1], 5, key="c")

    assert first != second
    assert stands(owner) == (90, 0, 90)


def api_key(owner: User, limit: int | None) -> ApiKey:
    return ApiKey.objects.create(user=owner, name="script", key_id="abc", digest="d", spend_limit=limit)


def test_a_key_spends_up_to_its_limit_counting_holds_and_giving_back_releases_and_refunds(
    owner: User,
) -> None:
    key = api_key(owner, 50)
    ledger.release(hold=hold(owner, 50, key="released", api_key=key))
    held = hold(owner, 30, key="captured", api_key=key)
    ledger.capture(hold=held, amount=30, reason="")
    refund(held, 10)

    hold(owner, 30, key="open", api_key=key)

    with pytest.raises(ledger.LimitReached) as refused:
        hold(owner, 1, key="over", api_key=key)
    assert (refused.value.allowed, refused.value.used) == (50, 50)


def test_a_key_limit_lowered_since_the_key_was_read_holds(owner: User) -> None:
    key = api_key(owner, 50)
    ApiKey.objects.update(spend_limit=10)

    with pytest.raises(ledger.LimitReached):
        hold(owner, 11, api_key=key)


def test_another_persons_key_spends_nothing(owner: User) -> None:
    with pytest.raises(ApiKey.DoesNotExist):
        hold(owner, api_key=api_key(person(), 50))

    assert stands(owner) == (100, 0, 100)


def test_every_movement_is_heard_of(owner: User) -> None:
    Event.objects.all().delete()
    held = hold(owner)
    ledger.capture(hold=held, amount=20, reason="")
    refund(held, 20)
    ledger.release(hold=hold(owner, key="g2"))

    assert list(Event.objects.values_list("user_id", "kind")) == [(owner.pk, "credits")] * 5


def test_a_refusal_inside_a_larger_transaction_leaves_it_usable(owner: User) -> None:
    with pytest.raises(ledger.InsufficientCredits):
        hold(owner, 101)

    hold(owner, 100)
    assert stands(owner) == (100, 100, 0)


def test_people_with_credits_cannot_be_deleted(owner: User) -> None:
    with pytest.raises(Exception, match="protected foreign keys"):
        owner.delete()
    assert CreditAccount.objects.filter(user=owner).exists()
