"""The receipt's page, who sees it, and giving credits back from it."""

import uuid
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts import ledger
from accounts.models import AdminAct, Event, User
from generation.models import Generation
from tests import factories
from tests.api import rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> User:
    return factories.person(name="Mara Lindqvist")


@pytest.fixture
def done(owner: User) -> Generation:
    return rows.finished(owner, count=2)


def admin(*permissions: str) -> User:
    user = factories.person(name="Jonas Berg")
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def address(generation: Generation) -> str:
    return f"/receipts/{generation.public_id}/"


def refund(client: Client, generation: Generation, **changes: object):
    data = {"amount": 1, "reason": "The mug is blurred", "key": uuid.uuid4(), **changes}
    return client.post(f"{address(generation)}refund", data)


def test_the_owner_reads_what_happened(owner: User, done: Generation) -> None:
    text = browser(owner).get(address(done)).content.decode()

    assert "Quoted 2 images at 2 credits each." in text
    assert done.outputs.first().image.original.sha256 in text
    assert "Vendor’s cost" not in text
    assert 'name="amount"' not in text


def test_who_sees_all_credits_sees_the_vendors_cost_too(done: Generation) -> None:
    done.attempts.update(vendor_cost_usd=Decimal("0.039"))

    text = browser(admin("see_credits")).get(address(done)).content.decode()

    assert "$0.039" in text
    assert "Mara Lindqvist" in text


@pytest.mark.parametrize("verb", ["get", "post"])
def test_a_teammate_finds_nothing(done: Generation, verb: str) -> None:
    path = address(done) if verb == "get" else f"{address(done)}refund"

    assert getattr(browser(factories.person()), verb)(path).status_code == 404


def test_a_stranger_is_sent_to_sign_in(client: Client, done: Generation) -> None:
    assert client.get(address(done)).headers["Location"].startswith("/accounts/login/")


def test_a_refund_moves_the_balance_and_is_recorded(owner: User, done: Generation) -> None:
    jonas = admin("see_credits", "adjust_credits")
    before = ledger.available(owner)

    answer = refund(browser(jonas), done, amount=3)

    assert answer.headers["Location"] == address(done)
    assert ledger.available(owner) == before + 3
    act = AdminAct.objects.get()
    assert (act.by, act.verb, act.reason, act.address) == (
        jonas,
        "refund",
        "The mug is blurred",
        "127.0.0.1",
    )


def test_a_refund_sent_twice_is_given_once(owner: User, done: Generation) -> None:
    client, key = browser(admin("see_credits", "adjust_credits")), uuid.uuid4()
    before = ledger.available(owner)

    answers = [refund(client, done, key=key) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [302, 302]
    assert ledger.available(owner) == before + 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"amount": 5}, "can&#x27;t be refunded"),
        ({"amount": 0}, "at least 1 credit"),
        ({"amount": "1.5"}, "whole number"),
        ({"amount": 2**63}, "can&#x27;t be refunded|whole number from 1"),
        ({"amount": "-3"}, "at least 1 credit"),
        ({"reason": "  "}, "Say why"),
        ({"key": "x"}, ""),
    ],
)
def test_what_can_not_be_refunded_moves_nothing(
    owner: User, done: Generation, changes: dict[str, object], words: str
) -> None:
    before = ledger.standing(owner)

    answer = refund(browser(admin("see_credits", "adjust_credits")), done, **changes)

    assert answer.status_code == 422
    assert any(word in answer.content.decode() for word in words.split("|"))
    assert ledger.standing(owner) == before


def test_seeing_credits_is_not_giving_them(owner: User, done: Generation) -> None:
    client, before = browser(admin("see_credits")), ledger.standing(owner)

    assert 'name="amount"' not in client.get(address(done)).content.decode()
    assert refund(client, done).status_code == 403
    assert ledger.standing(owner) == before


def test_nobody_refunds_themselves(owner: User, done: Generation) -> None:
    owner.user_permissions.set(Permission.objects.filter(codename="adjust_credits"))

    assert refund(browser(owner), done).status_code == 403


def test_open_pages_hear_of_a_refund_and_of_its_row(owner: User, done: Generation) -> None:
    heard = Event.objects.order_by("-pk").first().pk
    entry = ledger.refund(hold=done.hold, amount=1, key="1", reason="blurred", by=None)

    events = Event.objects.filter(user=owner, pk__gt=heard).values_list("kind", "subject")

    assert set(events) >= {("credits", f"refund:{entry.pk}"), ("generation", str(done.public_id))}


def test_a_refund_is_told_to_its_person_alone(owner: User, done: Generation) -> None:
    entry = ledger.refund(hold=done.hold, amount=2, key="1", reason="blurred", by=None)
    path = f"/credits/refunds/{entry.pk}"

    assert browser(owner).get(path).content.decode() == "↩ 2 credits refunded: blurred"
    assert browser(factories.person()).get(path).status_code == 404


def test_the_row_of_the_studio_says_what_was_refunded_and_links_the_receipt(
    owner: User, done: Generation
) -> None:
    ledger.refund(hold=done.hold, amount=2, key="1", reason="blurred", by=None)

    text = browser(owner).get(f"/generations/{done.public_id}/row").content.decode()

    assert "2 credits refunded" in text
    assert f'href="{address(done)}"' in text


def test_a_refund_after_a_shortfall_is_not_told_as_one(owner: User) -> None:
    part = rows.finished(owner, count=4, pictures=3)
    ledger.refund(hold=part.hold, amount=3, key="1", reason="blurred", by=None)

    text = browser(owner).get(f"/generations/{part.public_id}/row").content.decode()

    assert "2 credits refunded" in text
    assert "3 credits refunded" in text


def test_statement_lines_and_receipt_lead_to_each_other(owner: User, done: Generation) -> None:
    entry = ledger.refund(hold=done.hold, amount=2, key="1", reason="blurred", by=None)
    client = browser(owner)

    receipt = client.get(address(done)).content.decode()
    (link,) = [part for part in receipt.split('"') if part.endswith(f"#entry-{entry.pk}")]
    statement = client.get(link).content.decode()

    assert f'id="entry-{entry.pk}"' in statement
    assert f'href="{address(done)}"' in statement
