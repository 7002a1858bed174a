"""The credit ledger: the only writer of accounts, holds and entries.

Credits are whole numbers. An entry moves an amount between two accounts; a hold sets an amount aside until it
is captured (all or part, the rest is given back) or released. Every verb locks the person's account first,
decides under that lock, and happens once: the same key on the same account with the same terms answers what
is there. Triggers (`accounts.ledger_triggers`) move the balances, and settle a hold with its capture.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts import events, limits, notices, rows
from accounts.ledger_refusals import (
    ExceedsCaptured,
    ExceedsHold,
    HoldSettled,
    InsufficientCredits,
    InvalidAmount,
    InvalidKey,
    InvalidReason,
    KeyReused,
    LimitReached,
    Refusal,
    check_amount,
    check_words,
)
from accounts.ledger_triggers import AMOUNT_MAX
from accounts.models import ApiKey, CreditAccount, Hold, LedgerEntry, User

__all__ = [
    "AMOUNT_MAX",
    "ExceedsCaptured",
    "ExceedsHold",
    "Grant",
    "HoldSettled",
    "InsufficientCredits",
    "InvalidAmount",
    "InvalidKey",
    "InvalidReason",
    "KeyReused",
    "LimitReached",
    "Refusal",
    "Standing",
    "account_of",
    "adjust",
    "available",
    "capture",
    "capture_within",
    "grant",
    "grant_each",
    "hold",
    "lock",
    "refund",
    "release",
    "standing",
]


@dataclass(frozen=True)
class Standing:
    """A person's credits at one moment, in whole credits."""

    balance: int
    held: int

    @property
    def available(self) -> int:
        return self.balance - self.held


@dataclass(frozen=True)
class Spent:
    """What credits were spent on, as plain facts for reports."""

    model: str = ""
    provider: str = ""
    images: int = 0


NOTHING_SAID = Spent()
Answer = list[tuple[Any, ...]]
_OF_HOLD = "id = (SELECT account_id FROM accounts_hold WHERE id = %s)"


@dataclass(frozen=True)
class Grant:
    """What one of many people is given, and why."""

    user: User
    amount: int
    reason: str


def standing(user: User) -> Standing:
    """What the person owns and what of it is set aside, as the database has it now."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT balance, held FROM accounts_creditaccount WHERE user_id = %s", [user.pk])
        row = cursor.fetchone()
    return Standing(*row) if row else Standing(0, 0)


def available(user: User) -> int:
    """Credits the person can spend now."""
    return standing(user).available


def account_of(user: User) -> CreditAccount:
    """The person's account, opened at its first use."""
    account, _ = CreditAccount.objects.get_or_create(user=user, defaults={"kind": CreditAccount.Kind.PERSON})
    return account


def lock(user: User) -> Standing:
    """Have the person's account to oneself until the transaction ends; what it holds now.

    For several people: all of them first, in the order of the accounts' ids. The rows of caps come after.
    """
    account = _lock_account(user)
    return Standing(account.balance, account.held)


@transaction.atomic
def grant(*, user: User, amount: int, key: str, reason: str, by: User | None) -> LedgerEntry:
    """Give credits to a person. The key is the actor's own: another actor's same key is another grant.

    :raises InvalidAmount: :raises InvalidKey: :raises InvalidReason: :raises KeyReused:
    """
    check_amount(amount)
    check_words(key=key, reason=reason)
    account = _lock_account(user)
    return _once(
        kind=LedgerEntry.Kind.GRANT,
        source=_system(CreditAccount.Code.ISSUED),
        destination=account,
        amount=amount,
        key=f"grant:{account.pk}:{_actor(by)}:{key}",
        reason=reason,
        by=by,
    )


@transaction.atomic
def grant_each(*, grants: Sequence[Grant], key: str, by: User | None) -> list[LedgerEntry]:
    """Give credits to many people, each at most once in it: to all of them or, where one is refused, to none.

    :raises InvalidAmount: :raises InvalidKey: :raises InvalidReason:
    :raises KeyReused: also for a person who is in it twice.
    """
    for one in grants:
        check_amount(one.amount)
        check_words(key=key, reason=one.reason)
    accounts = _lock_accounts([one.user for one in grants])
    keys = [f"grant:{accounts[one.user.pk].pk}:{_actor(by)}:{key}" for one in grants]
    if len(set(keys)) < len(keys):
        raise KeyReused(key)
    if keys and _is_used(keys[0]):
        return [_repeated(key, one.amount) for key, one in zip(keys, grants, strict=True)]
    issued = _system(CreditAccount.Code.ISSUED)
    entries = LedgerEntry.objects.bulk_create(
        (
            LedgerEntry(
                kind=LedgerEntry.Kind.GRANT,
                source=issued,
                destination=accounts[one.user.pk],
                amount=one.amount,
                destination_balance=accounts[one.user.pk].balance + one.amount,
                key=key,
                reason=one.reason,
                by=by,
            )
            for key, one in zip(keys, grants, strict=True)
        ),
        batch_size=500,
    )
    events.record_each(user_ids=accounts, kind=events.Kind.CREDITS)
    notices.rose(accounts)
    return entries


@transaction.atomic
def adjust(*, user: User, amount: int, key: str, reason: str, by: User | None) -> LedgerEntry:
    """Correct a balance by a positive or negative amount; never below what is held.

    :raises InvalidAmount: :raises InvalidKey: :raises InvalidReason:
    :raises InsufficientCredits: :raises KeyReused:
    """
    check_amount(abs(amount) if type(amount) is int else amount)
    check_words(key=key, reason=reason)
    account = _lock_account(user)
    issued = _system(CreditAccount.Code.ISSUED)
    key = f"adjustment:{account.pk}:{_actor(by)}:{key}"
    if amount < 0 and not _is_used(key):
        _check_available(account, -amount)
    return _once(
        kind=LedgerEntry.Kind.ADJUSTMENT,
        source=issued if amount > 0 else account,
        destination=account if amount > 0 else issued,
        amount=abs(amount),
        key=key,
        reason=reason,
        by=by,
    )


@transaction.atomic
def hold(
    *,
    user: User,
    amount: int,
    key: str,
    reason: str,
    by: User | None = None,
    api_key: ApiKey | None = None,
    reference: str = "",
) -> Hold:
    """Set credits aside for work not done yet. The key is the account's own.

    :raises InvalidAmount: :raises InvalidKey: :raises InvalidReason: when it is too long.
    :raises InsufficientCredits: :raises LimitReached: :raises KeyReused:
    """
    check_amount(amount)
    check_words(key=key, reason=reason or "-")
    account = _lock_account(user)
    key = f"hold:{account.pk}:{key}"
    if existing := rows.find(Hold, where="key = %s", values=[key]):
        if (existing.amount, existing.reference, existing.api_key_id) != (
            amount,
            reference,
            api_key.pk if api_key else None,
        ):
            raise KeyReused(key)
        return existing
    _check_available(account, amount)
    if api_key is not None:
        limits.check_key(api_key, user_id=user.pk, amount=amount)
    now = timezone.now()
    scope = limits.scope_of(user_id=user.pk, api_key=api_key)
    uses = limits.reserve(scope=scope, amount=amount, now=now)
    made = Hold(
        account=account,
        amount=amount,
        key=key,
        reason=reason,
        by=by,
        api_key=api_key,
        team_id=scope.team_id,
        reference=reference,
        created_at=now,
    )
    rows.insert(made)
    limits.count(made, uses)
    events.record(user_id=user.pk, kind=events.Kind.CREDITS)
    _tell_if_low(account, user.low_balance_at, fallen_by=amount)
    return made


@transaction.atomic
def capture(
    *, hold: Hold, amount: int, reason: str, by: User | None = None, what: Spent = NOTHING_SAID
) -> LedgerEntry:
    """End a hold by spending all or part of it; the rest is given back. Spending nothing is `release`.

    Of `hold` only the id is looked at. Repeating the same capture answers its entry.

    :raises InvalidAmount: :raises InvalidReason: when it is too long.
    :raises ExceedsHold: :raises HoldSettled: when it ended otherwise.
    """
    entry, _ = capture_within(hold_id=hold.pk, amount=amount, reason=reason, by=by, what=what)
    return entry


def capture_within(
    *,
    hold_id: int,
    amount: int,
    reason: str,
    by: User | None = None,
    what: Spent = NOTHING_SAID,
    before: Sequence[rows.Statement] = (),
) -> tuple[LedgerEntry, list[Answer]]:
    """As `capture`, as a part of the caller's transaction, which has to end where it raises.

    `before` is what else the transaction writes; it is sent with the first look, and runs before it. What it
    answered comes with the entry.
    """
    check_amount(amount)
    check_words(reason=reason or "-")
    *answers, accounts, holds = rows.send(*before, *_locking(hold_id))
    account, hold = _locked_with(accounts, holds)
    if not hold.is_open:
        if hold.captured != amount:
            raise HoldSettled
        return LedgerEntry.objects.get(hold=hold, kind=LedgerEntry.Kind.CAPTURE), answers
    if amount > hold.amount:
        raise ExceedsHold(amount=amount, held=hold.amount)
    limits.give_back(hold, hold.amount - amount)
    entry = _write(
        kind=LedgerEntry.Kind.CAPTURE,
        source=account,
        destination=_system(CreditAccount.Code.SPENT),
        amount=amount,
        key=f"capture:{hold.key.removeprefix('hold:')}",
        reason=reason,
        by=by,
        hold=hold,
        what=what,
    )
    if amount < hold.amount and account.user_id is not None:
        notices.rose([account.user_id])
    return entry, answers


@transaction.atomic
def release(*, hold: Hold) -> Hold:
    """End a hold by giving all of it back; repeating it changes nothing.

    :raises HoldSettled: when some of it was captured.
    """
    account, hold = _lock_hold(hold.pk)
    if not hold.is_open:
        if hold.captured:
            raise HoldSettled
        return hold
    hold.released, hold.settled_at = hold.amount, timezone.now()
    hold.save(update_fields=["released", "settled_at"])
    limits.give_back(hold, hold.amount)
    events.record(user_id=account.user_id, kind=events.Kind.CREDITS)
    if account.user_id is not None:
        notices.rose([account.user_id])
    return hold


@transaction.atomic
def refund(*, hold: Hold, amount: int, key: str, reason: str, by: User | None) -> LedgerEntry:
    """Give back some or all of what a hold captured. The key is the hold's own.

    :raises InvalidAmount: :raises InvalidKey: :raises InvalidReason:
    :raises ExceedsCaptured: :raises KeyReused:
    """
    check_amount(amount)
    check_words(key=key, reason=reason)
    account, hold = _lock_hold(hold.pk)
    key = f"refund:{hold.pk}:{key}"
    left = hold.captured - hold.refunded
    if not _is_used(key):
        if amount > left:
            raise ExceedsCaptured(amount=amount, left=left)
        limits.give_back(hold, amount)
    captured = LedgerEntry.objects.filter(hold=hold, kind=LedgerEntry.Kind.CAPTURE).first()
    return _once(
        kind=LedgerEntry.Kind.REFUND,
        source=_system(CreditAccount.Code.SPENT),
        destination=account,
        amount=amount,
        key=key,
        reason=reason,
        by=by,
        hold=hold,
        what=Spent(captured.model, captured.provider) if captured else NOTHING_SAID,
    )


def _once(
    *,
    kind: LedgerEntry.Kind,
    source: CreditAccount,
    destination: CreditAccount,
    amount: int,
    key: str,
    reason: str,
    by: User | None,
    hold: Hold | None = None,
    what: Spent = NOTHING_SAID,
) -> LedgerEntry:
    """The entry of this key, written now or at an earlier call with the same terms."""
    if existing := LedgerEntry.objects.filter(key=key).first():
        terms = (existing.kind, existing.source_id, existing.destination_id, existing.amount)
        if terms != (kind, source.pk, destination.pk, amount):
            raise KeyReused(key)
        return existing
    return _write(
        kind=kind,
        source=source,
        destination=destination,
        amount=amount,
        key=key,
        reason=reason,
        by=by,
        hold=hold,
        what=what,
    )


def _write(
    *,
    kind: LedgerEntry.Kind,
    source: CreditAccount,
    destination: CreditAccount,
    amount: int,
    key: str,
    reason: str,
    by: User | None,
    hold: Hold | None,
    what: Spent,
) -> LedgerEntry:
    entry = LedgerEntry(
        kind=kind,
        source=source,
        destination=destination,
        amount=amount,
        source_balance=_balance_after(source, -amount),
        destination_balance=_balance_after(destination, amount),
        hold=hold,
        key=key,
        reason=reason,
        reference=hold.reference if hold else "",
        team_id=hold.team_id if hold else None,
        api_key_id=hold.api_key_id if hold else None,
        model=what.model,
        provider=what.provider,
        images=what.images,
        by=by,
    )
    of = (source, destination)
    if kind == LedgerEntry.Kind.REFUND:
        rows.insert(entry)
        # Open pages tell of it, and draw what it belongs to again.
        for account in of:
            events.record(user_id=account.user_id, kind=events.Kind.CREDITS, subject=f"refund:{entry.pk}")
        if entry.reference:
            events.record(user_id=destination.user_id, kind=events.Kind.GENERATION, subject=entry.reference)
    else:
        told = (events.noting(user_id=account.user_id, kind=events.Kind.CREDITS) for account in of)
        rows.insert(entry, *chain.from_iterable(told))
    if destination.user_id is not None:
        notices.rose([destination.user_id])
    elif kind == LedgerEntry.Kind.ADJUSTMENT and source.user is not None:
        _tell_if_low(source, source.user.low_balance_at, fallen_by=amount)
    return entry


def _tell_if_low(account: CreditAccount, threshold: int | None, *, fallen_by: int) -> None:
    """`account` is as it was before."""
    if account.user_id is not None:
        before = account.available
        notices.fell(account.user_id, threshold=threshold, before=before, after=before - fallen_by)


def _repeated(key: str, amount: int) -> LedgerEntry:
    entry = LedgerEntry.objects.filter(key=key, amount=amount).first()
    if entry is None:
        raise KeyReused(key)
    return entry


def _is_used(key: str) -> bool:
    return LedgerEntry.objects.filter(key=key).exists()


def _balance_after(account: CreditAccount, change: int) -> int | None:
    return None if account.kind == CreditAccount.Kind.SYSTEM else account.balance + change


# Not the key: rows that only refer to the account need not wait for it.
def _locked() -> QuerySet[CreditAccount]:
    return CreditAccount.objects.select_for_update(no_key=True)


def _lock_account(user: User) -> CreditAccount:
    mine = rows.find(CreditAccount, where="user_id = %s", values=[user.pk], lock=True)
    return mine or _locked().get(pk=account_of(user).pk)


def _lock_accounts(users: Sequence[User]) -> dict[int, CreditAccount]:
    """The accounts by person, opened where there is none, locked in the order of their ids."""
    people = [user.pk for user in users]
    there: dict[int | None, int] = {}
    for some in _chunks(people):
        there |= dict(CreditAccount.objects.filter(user__in=some).values_list("user", "pk"))
    opened = [
        CreditAccount(user=user, kind=CreditAccount.Kind.PERSON) for user in users if user.pk not in there
    ]
    CreditAccount.objects.bulk_create(opened, batch_size=500, ignore_conflicts=True)
    for some in _chunks([user.pk for user in users if user.pk not in there]):
        there |= dict(CreditAccount.objects.filter(user__in=some).values_list("user", "pk"))
    found: dict[int, CreditAccount] = {}
    for some in _chunks(sorted(there.values())):
        for account in _locked().filter(pk__in=some).order_by("pk"):
            assert account.user_id is not None  # it was found by its person
            found[account.user_id] = account
    return found


def _chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[start : start + 500] for start in range(0, len(ids), 500))


def _lock_hold(hold_id: int) -> tuple[CreditAccount, Hold]:
    """The account and then the hold, each as it is once the account is ours."""
    return _locked_with(*rows.send(*_locking(hold_id)))


def _locking(hold_id: int) -> tuple[rows.Statement, rows.Statement]:
    # A hold is one account's for good. It is read by a statement that begins when the lock is ours.
    return (
        rows.finding(CreditAccount, where=_OF_HOLD, values=[hold_id], lock=True),
        rows.finding(Hold, where="id = %s", values=[hold_id]),
    )


def _locked_with(accounts: Answer, holds: Answer) -> tuple[CreditAccount, Hold]:
    if not (accounts and holds):
        raise Hold.DoesNotExist
    return rows.as_read(CreditAccount, accounts[0]), rows.as_read(Hold, holds[0])


@cache
def _system(code: CreditAccount.Code) -> CreditAccount:
    """Read once in a process: the row never changes, and keeps no balance."""
    return CreditAccount.objects.get(code=code)


def forget_system_accounts() -> None:
    """After the rows were made anew, which only `migrate` and the flush of a test do."""
    _system.cache_clear()


def _check_available(account: CreditAccount, amount: int) -> None:
    if account.available < amount:
        raise InsufficientCredits(needed=amount, available=account.available, held=account.held)


def _actor(by: User | None) -> str:
    return "system" if by is None else str(by.pk)
