"""A small ledger with one of everything, and ways to break it that the product does not have."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import IntegrityError, connection, transaction

from accounts import acts, ledger, ledger_rules
from accounts.models import AdminAct, CreditAccount, Hold, LedgerEntry, User
from tests.factories import person


@dataclass(frozen=True)
class Books:
    """Of 100: 20 of 30 captured and 5 of it refunded, 7 released, 10 held, 3 taken back. Another has 50."""

    owner: User
    other: User
    captured: Hold
    released: Hold
    open: Hold
    grant: LedgerEntry
    capture: LedgerEntry
    refund: LedgerEntry
    adjustment: LedgerEntry
    act: AdminAct

    @property
    def account(self) -> CreditAccount:
        return CreditAccount.objects.get(user=self.owner)


def books() -> Books:
    owner, other = person(credits=0), person(credits=50)
    grant = ledger.grant(user=owner, amount=100, key="may", reason="for May", by=None)
    captured = ledger.hold(user=owner, amount=30, key="captured", reason="a lighthouse")
    capture = ledger.capture(hold=captured, amount=20, reason="a lighthouse")
    refund = ledger.refund(hold=captured, amount=5, key="1", reason="blurred", by=None)
    released = ledger.release(hold=ledger.hold(user=owner, amount=7, key="released", reason="a harbour"))
    held = ledger.hold(user=owner, amount=10, key="open", reason="a gull")
    adjustment = ledger.adjust(user=owner, amount=-3, key="1", reason="granted twice", by=None)
    act = acts.record(by=None, verb="grant", subject=owner, before={}, after={}, reason="for May")
    captured.refresh_from_db()
    return Books(owner, other, captured, released, held, grant, capture, refund, adjustment, act)


Write = Callable[[Books], object]


def sql(statement: str, *parameters: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def refused(write: Write, b: Books) -> str:
    """What the database says when it refuses; "" when it does not."""
    try:
        with transaction.atomic():
            write(b)
    except IntegrityError as error:
        return str(error)
    return ""


def spent() -> CreditAccount:
    return CreditAccount.objects.get(code="spent")


@contextmanager
def without_rules() -> Iterator[None]:
    """Inside, the database refuses nothing: no trigger, and no CHECK of the ledger's tables."""
    ledger_rules.remove(connection)
    with without_checks():
        yield
    ledger_rules.install(connection)


@contextmanager
def without_checks() -> Iterator[None]:
    """Inside, no CHECK of the ledger's tables holds; on PostgreSQL the test's rollback brings them back."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA ignore_check_constraints = ON")
        else:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            for table, name in _checks():
                cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        try:
            yield
        finally:
            if connection.vendor == "sqlite":
                cursor.execute("PRAGMA ignore_check_constraints = OFF")


def _checks() -> list[tuple[str, str]]:
    models = (CreditAccount, Hold, LedgerEntry)
    return [(model._meta.db_table, rule.name) for model in models for rule in model._meta.constraints]
