"""Only `accounts/ledger.py` writes accounts, holds and entries; everybody else reads them."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("config", "accounts", "gallery", "generation")
LEDGER = {"CreditAccount", "Hold", "LedgerEntry"}
# The names by which a row or rows of the ledger are reached from another model's.
RELATED = {"credit_account", "holds", "hold", "entries"}
WRITES = {
    "create",
    "acreate",
    "bulk_create",
    "get_or_create",
    "update_or_create",
    "update",
    "aupdate",
    "bulk_update",
    "delete",
    "adelete",
    "save",
    "asave",
}
ALLOWED = {"accounts/ledger.py"}


def chain(node: ast.AST) -> set[str]:
    """The names a call hangs on, not its arguments: `Hold.objects.filter(…)` → Hold, objects, filter."""
    match node:
        case ast.Name():
            return {node.id}
        case ast.Attribute():
            return {node.attr} | chain(node.value)
        case ast.Call():
            return chain(node.func)
        case ast.Subscript():
            return chain(node.value)
    return set()


def writes(source: str) -> Iterator[int]:
    """Lines that write a row of the ledger, or make one to be saved."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        if isinstance(function, ast.Attribute) and function.attr in WRITES:
            if chain(function.value) & (LEDGER | RELATED):
                yield node.lineno
        elif isinstance(function, ast.Name) and function.id in LEDGER:
            yield node.lineno


def modules() -> Iterator[Path]:
    for package in PACKAGES:
        yield from (file for file in (ROOT / package).rglob("*.py") if "migrations" not in file.parts)


def test_only_the_ledger_writes_its_rows() -> None:
    writers = {
        f"{file.relative_to(ROOT)}:{line}"
        for file in modules()
        if str(file.relative_to(ROOT)) not in ALLOWED
        for line in writes(file.read_text(encoding="utf-8"))
    }

    assert writers == set()


def test_no_module_but_the_ledgers_own_speaks_sql_to_its_tables() -> None:
    tables = ("accounts_ledgerentry", "accounts_hold", "accounts_creditaccount")
    verbs = ("INSERT INTO", "UPDATE", "DELETE FROM", "TRUNCATE")
    own = {"accounts/ledger_triggers.py"}

    speakers = {
        str(file.relative_to(ROOT))
        for file in modules()
        for text in [file.read_text(encoding="utf-8")]
        if any(f"{verb} {table}" in text for verb in verbs for table in tables)
    }

    assert speakers <= own


@pytest.mark.parametrize(
    "line",
    [
        "Hold.objects.create(amount=1)",
        "LedgerEntry(amount=1).save()",
        "user.credit_account.save()",
        "account.holds.filter(pk=1).update(captured=1)",
        "models.CreditAccount.objects.filter(user=user).update(balance=F('balance') + 1)",
        "generation.hold.delete()",
    ],
)
def test_a_writer_would_be_seen(line: str) -> None:
    assert list(writes(line))


@pytest.mark.parametrize(
    "line",
    [
        "Hold.objects.filter(pk=1).first()",
        "ledger.capture(hold=hold, amount=1)",
        "CapUse.objects.filter(counted__hold=hold).update(used=1)",
    ],
)
def test_a_reader_is_left_alone(line: str) -> None:
    assert not list(writes(line))
