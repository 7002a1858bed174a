"""While the database is away the API says so, and when to come back; a fault of ours is still one."""

from collections.abc import Iterator

import pytest
from django.db import connection, transaction

from accounts import ledger
from tests.api.conftest import Caller
from tests.api.test_bad_input import URL, is_problem

pytestmark = pytest.mark.django_db


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The database refuses connections: nothing listens there, or its file's folder is gone."""
    elsewhere = ("PORT", "1") if connection.vendor == "postgresql" else ("NAME", "/nowhere/easel.sqlite3")
    with monkeypatch.context() as patch:
        connection.close()
        patch.setitem(connection.settings_dict, *elsewhere)
        yield
    connection.close()


WISH = b'{"prompt": "a mug"}'


@pytest.mark.django_db(transaction=True)
def test_while_the_database_is_away_the_answer_is_503(owner: Caller, away: None) -> None:
    looked = owner.client.get("/api/v1/credits")
    wished = owner.client.post(URL, WISH, content_type="application/json")

    for answer in (looked, wished):
        is_problem(answer, 503, "unavailable")
        assert answer["Retry-After"] == "5"
    assert "Idempotency-Key" in wished.json()["detail"]
    assert "charged" not in looked.json()["detail"]


@pytest.mark.needs_postgres
@pytest.mark.django_db(transaction=True)
def test_a_connection_that_is_lost_half_way_is_503(owner: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: object, **__: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    monkeypatch.setattr(ledger, "standing", lost)

    try:
        is_problem(owner.client.get("/api/v1/credits"), 503, "unavailable")
    finally:
        connection.close()


def test_a_statement_that_the_database_refuses_is_a_fault_of_ours(
    owner: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT no_such_column")

    monkeypatch.setattr(ledger, "standing", refused)

    is_problem(owner.client.get("/api/v1/credits"), 500, "internal_error")
