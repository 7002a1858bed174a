"""Low balances: told once, by page and mail, until there is enough again."""

from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from accounts import administration, bulk, ledger, notices
from accounts.models import Event, Hold, Notice, User
from tests.factories import person

pytestmark = pytest.mark.django_db

_numbers = iter(range(10**6))


@pytest.fixture
def ada() -> User:
    """With 100 credits, to be told below 20."""
    return person(credits=100, email="ada@easel.test")


def hold(user: User, amount: int) -> Hold:
    return ledger.hold(user=user, amount=amount, key=f"{next(_numbers)}", reason="a gull")


def told(user: User) -> list[str]:
    return list(notices.open_for(user).values_list("text", flat=True))


def adjust(user: User, amount: int) -> None:
    ledger.adjust(user=user, amount=amount, key=f"{next(_numbers)}", reason="wrong", by=None)


def test_who_falls_below_the_threshold_is_told(ada: User) -> None:
    hold(ada, 80)
    assert told(ada) == []

    hold(ada, 1)

    assert told(ada) == ["You have 19 credits left, fewer than the 20 you asked to be told at."]
    assert Event.objects.filter(user=ada, kind="notice").count() == 1


def test_who_is_below_already_is_told_once(ada: User) -> None:
    for amount in (85, 5, 5):
        hold(ada, amount)

    assert len(told(ada)) == 1
    assert Notice.objects.count() == 1


def test_what_is_taken_back_is_told_too(ada: User) -> None:
    adjust(ada, -81)

    assert len(told(ada)) == 1


def test_a_capture_of_what_was_held_changes_nothing(ada: User) -> None:
    held = hold(ada, 81)

    ledger.capture(hold=held, amount=81, reason="")

    assert len(told(ada)) == 1


def raises(user: User, held: Hold) -> dict[str, Any]:
    def refund() -> None:
        ledger.capture(hold=held, amount=held.amount, reason="")
        ledger.refund(hold=held, amount=10, key="1", reason="blurred", by=None)

    def batch() -> None:
        admin = person(credits=0, is_superuser=True)
        plan = bulk.for_people(people=[user], amount=10, reason="more", title="", key="1", by=admin)
        kept = bulk.keep(plan=plan, by=admin, now=timezone.now())
        bulk.apply(batch=kept, by=admin, now=timezone.now())

    return {
        "grant": lambda: ledger.grant(user=user, amount=10, key="more", reason="more", by=None),
        "adjustment": lambda: adjust(user, 10),
        "release": lambda: ledger.release(hold=held),
        "partial capture": lambda: ledger.capture(hold=held, amount=held.amount - 10, reason=""),
        "refund": refund,
        "batch": batch,
    }


@pytest.mark.parametrize("name", ["grant", "adjustment", "release", "partial capture", "refund", "batch"])
def test_enough_again_resolves_the_notice(name: str, ada: User) -> None:
    held = hold(ada, 81)

    raises(ada, held)[name]()

    assert told(ada) == []
    assert Notice.objects.get().resolved_at is not None


def test_more_but_not_enough_leaves_the_notice(ada: User) -> None:
    hold(ada, 90)

    ledger.grant(user=ada, amount=9, key="more", reason="more", by=None)

    assert len(told(ada)) == 1


def test_falling_again_is_told_again(ada: User) -> None:
    for _ in range(2):
        ledger.release(hold=hold(ada, 90))

    assert Notice.objects.count() == 2


def test_another_threshold_is_looked_at_at_once(ada: User) -> None:
    administration.set_low_balance(user=ada, amount=150)
    assert told(ada) == ["You have 100 credits left, fewer than the 150 you asked to be told at."]

    administration.set_low_balance(user=ada, amount=100)
    assert told(ada) == []


def test_who_wants_no_notice_is_told_nothing(ada: User) -> None:
    hold(ada, 90)

    administration.set_low_balance(user=ada, amount=None)
    hold(ada, 5)

    assert told(ada) == []


def test_a_refused_hold_tells_nothing(ada: User) -> None:
    with pytest.raises(ledger.InsufficientCredits):
        hold(ada, 101)

    assert not Notice.objects.exists()


def test_a_hold_that_crosses_nothing_asks_no_more_queries(
    ada: User, django_assert_max_num_queries: Any
) -> None:
    hold(ada, 1)

    with django_assert_max_num_queries(20) as counted:
        hold(ada, 1)

    assert not [query for query in counted if "accounts_notice" in query["sql"]]


def test_each_notice_is_mailed_once(ada: User) -> None:
    hold(ada, 90)

    assert notices.send_waiting(now=timezone.now()) == 1
    assert notices.send_waiting(now=timezone.now()) == 0

    [sent] = mail.outbox
    assert (sent.to, sent.subject) == (["ada@easel.test"], "Your credits are low")
    assert "10 credits left" in sent.body
    assert "/credits/" in sent.body


def test_what_was_resolved_meanwhile_is_not_mailed(ada: User) -> None:
    ledger.release(hold=hold(ada, 90))

    assert notices.send_waiting(now=timezone.now()) == 0


def test_a_mail_that_is_not_taken_is_tried_again(
    ada: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    hold(ada, 90)
    with monkeypatch.context() as patch:
        patch.setattr(notices, "send_mail", _refuse)
        assert notices.send_waiting(now=timezone.now()) == 0

    assert notices.send_waiting(now=timezone.now()) == 1


def _refuse(*args: object, **kwargs: object) -> None:
    raise ConnectionRefusedError


def test_what_the_audit_found_is_for_those_who_may_see_credits(ada: User) -> None:
    admin = person(is_superuser=True)
    notices.tell_of_audit(found=2, first="balance", now=timezone.now())

    assert told(admin) == ["The audit of the ledger found 2 things, such as: balance"]
    assert told(ada) == []
    assert notices.send_waiting(now=timezone.now()) == 0


def test_the_audits_notice_follows_what_it_finds_and_ends_with_it() -> None:
    admin = person(is_superuser=True)
    notices.tell_of_audit(found=2, first="balance", now=timezone.now())

    notices.tell_of_audit(found=1, first="hold", now=timezone.now())
    assert told(admin) == ["The audit of the ledger found one thing, such as: hold"]

    notices.tell_of_audit(found=0, first="", now=timezone.now())
    assert told(admin) == []
