"""Rows read and written without the ORM are the ORM's rows."""

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import ledger, rows
from accounts.models import Cap, CreditAccount, Event, Hold
from gallery.models import Original, Upload
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


def test_what_is_sent_together_answers_in_its_order_and_sees_what_was_written_before() -> None:
    owner = person()
    event = Event(user=owner, kind=Event.Kind.GENERATION, subject="a; b", created_at=NOON)

    nothing, written, changed, read = rows.send(
        rows.finding(Event, where="user_id = %s AND kind = %s", values=[owner.pk, "generation"]),
        rows.inserting(event),
        ("UPDATE accounts_event SET subject = %s WHERE user_id = %s", ["c %s; d", owner.pk]),
        rows.finding(Event, where="user_id = %s AND kind = %s", values=[owner.pk, "generation"]),
    )

    assert (nothing, changed) == ([], [])
    (found,) = read
    assert rows.as_read(Event, found).pk == written[0][0]
    assert rows.as_read(Event, found).subject == "c %s; d"


def test_a_row_can_refer_to_one_that_is_sent_before_it() -> None:
    owner = person()
    original = Original(sha256="a" * 64, name="a.png", size_bytes=1, width=1, height=1)
    given = Upload(owner=owner, file_name="a gull.png")
    itself = rows.id_of(original, "sha256")

    first, again, _ = rows.send(
        rows.inserting(original, unique="sha256"),
        rows.inserting(original, unique="sha256"),
        rows.inserting(given, refers={"original_id": itself}),
    )

    kept = Upload.objects.get(owner=owner)
    assert (kept.original_id, kept.file_name, kept.public_id) == (first[0][0], "a gull.png", given.public_id)
    assert again == []


def test_a_row_is_changed_where_another_is_there_and_only_there() -> None:
    owner = person()
    event = Event(user=owner, kind=Event.Kind.CREDITS)
    rows.insert(event)
    account = rows.get(CreditAccount, where="user_id = %s", values=[owner.pk])
    event.subject = "changed"

    for kind, written, subject in (("system", False, ""), ("person", True, "changed")):
        there = rows.finding(
            CreditAccount, where="id = %s AND kind = %s", values=[account.pk, kind], lock=True
        )

        assert rows.update_where(event, "subject", there=there) is written
        assert Event.objects.get(pk=event.pk).subject == subject


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

    # PostgreSQL is sent several at once.
    statements = [one for query in queries.captured_queries for one in query["sql"].split("; ")]
    sent = [statement.split()[0] for statement in statements]
    assert [verb for verb in sent if verb not in {"SAVEPOINT", "RELEASE", "BEGIN", "COMMIT"}] == [
        *("SELECT", "SELECT", "SELECT", "INSERT", "INSERT"),
        *("SELECT", "SELECT", "INSERT", "INSERT"),
    ]
