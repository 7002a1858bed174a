"""Rows read and written without the ORM are the ORM's rows."""

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import ledger, rows
from accounts.models import Cap, CreditAccount, Event, Hold
from tests.factories import person

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


def test_a_row_found_is_the_row_the_orm_finds() -> None:
    hold = ledger.release(hold=ledger.hold(user=person(), amount=3, key="a", reason="a gull"))

    found = rows.get(Hold, where="key = %s", values=[hold.key])
    same = Hold.objects.get(pk=hold.pk)

    assert {field.attname: getattr(found, field.attname) for field in Hold._meta.concrete_fields} == {
        field.attname: getattr(same, field.attname) for field in Hold._meta.concrete_fields
    }
    assert found.settled_at.tzinfo is not None


def test_a_row_inserted_is_read_by_the_orm_as_it_was_given() -> None:
    owner = person()
    event = Event(user=owner, kind=Event.Kind.CREDITS, subject="50% of 'x'", created_at=NOON)

    rows.insert(event)

    read = Event.objects.get(pk=event.pk)
    assert (read.user, read.kind, read.subject, read.created_at) == (owner, "credits", "50% of 'x'", NOON)


def test_a_row_inserted_can_be_saved_again() -> None:
    event = Event(user=person(), kind=Event.Kind.CREDITS)
    rows.insert(event)

    event.subject = "x"
    event.save()

    assert Event.objects.filter(user=event.user, subject="x").count() == 1


def test_no_row_is_none_or_the_models_own_error() -> None:
    assert rows.find(Cap, where="id = %s", values=[-1]) is None
    with pytest.raises(Cap.DoesNotExist):
        rows.get(Cap, where="id = %s", values=[-1])


@pytest.mark.needs_postgres
def test_a_row_is_locked_when_asked_for() -> None:
    owner = person()

    with CaptureQueriesContext(connection) as queries:
        rows.get(CreditAccount, where="user_id = %s", values=[owner.pk], lock=True)

    assert queries.captured_queries[0]["sql"].endswith("FOR NO KEY UPDATE")


def test_a_hold_and_its_capture_without_caps_are_nine_statements() -> None:
    owner = person()
    # The system's account is read once in a process.
    ledger.capture(hold=ledger.hold(user=owner, amount=3, key="a", reason="r"), amount=3, reason="r")

    with CaptureQueriesContext(connection) as queries:
        ledger.capture(hold=ledger.hold(user=owner, amount=3, key="b", reason="r"), amount=3, reason="r")

    sent = [query["sql"].split()[0] for query in queries.captured_queries]
    assert [verb for verb in sent if verb not in {"SAVEPOINT", "RELEASE", "BEGIN", "COMMIT"}] == [
        *("SELECT", "SELECT", "SELECT", "INSERT", "INSERT"),
        *("SELECT", "SELECT", "INSERT", "INSERT"),
    ]
