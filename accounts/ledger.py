"""The credit ledger: the only writer of accounts, holds and entries.

Credits are whole numbers. An entry moves an amount between two accounts; a hold sets an amount aside until it is
captured (all or part, the rest is given back) or released. Every verb locks the person's account first, decides under
that lock, and takes a `key` that makes it happen once: the same key with the same terms answers what is there.
"""

from dataclasses import dataclass

from django.db import transaction
from django.db.models import F, Sum
from django.utils import timezone

from accounts import events
from accounts.models import ApiKey, CreditAccount, Hold, LedgerEntry, User

AMOUNT_MAX = 10**12


class Refusal(Exception):
    """Something the ledger will not do; nothing has moved."""

    code = "refused"


class InvalidAmount(Refusal):
    code = "invalid_amount"

    def __init__(self, amount: object) -> None:
        super().__init__(f"An amount is a whole number from 1 to {AMOUNT_MAX:,}.")
        self.amount = amount


class InsufficientCredits(Refusal):
    code = "insufficient_credits"

    def __init__(self, *, needed: int, available: int, held: int) -> None:
        super().__init__(f"This needs {needed} credits; you have {available} available and {held} on hold.")
        self.needed, self.available, self.held = needed, available, held


class KeyLimitReached(Refusal):
    code = "key_limit_reached"

    def __init__(self, *, needed: int, limit: int, used: int) -> None:
        super().__init__(f"This needs {needed} credits; the key may spend {limit} and has used {used}.")
        self.needed, self.limit, self.used = needed, limit, used


class KeyReused(Refusal):
    code = "idempotency_key_reused"

    def __init__(self, key: str) -> None:
        super().__init__("This idempotency key was used before with other terms.")
        self.key = key


class HoldSettled(Refusal):
    code = "hold_settled"

    def __init__(self) -> None:
        super().__init__("This hold has ended already.")


class ExceedsHold(Refusal):
    code = "exceeds_hold"

    def __init__(self, *, amount: int, held: int) -> None:
        super().__init__(f"{amount} credits can't be captured from a hold of {held}.")


class ExceedsCaptured(Refusal):
    code = "exceeds_captured"

    def __init__(self, *, amount: int, left: int) -> None:
        super().__init__(f"{amount} credits can't be refunded; {left} of what was captured is left.")


@dataclass(frozen=True)
class Standing:
    """A person's credits at one moment, in whole credits."""

    balance: int
    held: int

    @property
    def available(self) -> int:
        return self.balance - self.held


def standing(user: User) -> Standing:
    """What the person owns and what of it is set aside, as the database has it now."""
    row = CreditAccount.objects.filter(user=user).values_list("balance", "held").first()
    return Standing(*row) if row else Standing(0, 0)


def available(user: User) -> int:
    """Credits the person can spend now."""
    return standing(user).available


def account_of(user: User) -> CreditAccount:
    """The person's account, opened at its first use."""
    account, _ = CreditAccount.objects.get_or_create(user=user, defaults={"kind": CreditAccount.Kind.PERSON})
    return account


@transaction.atomic
def grant(*, user: User, amount: int, key: str, reason: str, by: User | None) -> LedgerEntry:
    """Give credits to a person.

    :raises InvalidAmount: :raises KeyReused:
    """
    _check_amount(amount)
    account = _lock(account_of(user))
    return _entry(
        kind=LedgerEntry.Kind.GRANT,
        source=_system(CreditAccount.Code.ISSUED),
        destination=account,
        amount=amount,
        key=f"grant:{account.pk}:{_actor(by)}:{key}",
        reason=reason,
        by=by,
    )


@transaction.atomic
def adjust(*, user: User, amount: int, key: str, reason: str, by: User | None) -> LedgerEntry:
    """Correct a balance by a positive or negative amount; never below what is held.

    :raises InvalidAmount: :raises InsufficientCredits: :raises KeyReused:
    """
    _check_amount(abs(amount) if type(amount) is int else amount)
    account = _lock(account_of(user))
    issued = _system(CreditAccount.Code.ISSUED)
    key = f"adjustment:{account.pk}:{_actor(by)}:{key}"
    if amount < 0 and not LedgerEntry.objects.filter(key=key).exists():
        _check_available(account, -amount)
    return _entry(
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
    """Set credits aside for work not done yet.

    :raises InvalidAmount: :raises InsufficientCredits: :raises KeyLimitReached: :raises KeyReused:
    """
    _check_amount(amount)
    account = _lock(account_of(user))
    key = f"hold:{key}"
    if existing := Hold.objects.filter(key=key).first():
        if (existing.account_id, existing.amount) != (account.pk, amount):
            raise KeyReused(key)
        return existing
    _check_available(account, amount)
    if api_key is not None:
        _check_key_limit(api_key, amount)
    made = Hold.objects.create(
        account=account, amount=amount, key=key, reason=reason, by=by, api_key=api_key, reference=reference
    )
    events.record(user_id=user.pk, kind=events.Kind.CREDITS)
    return made


@transaction.atomic
def capture(*, hold: Hold, amount: int, reason: str, by: User | None = None) -> LedgerEntry:
    """End a hold by spending all or part of it; the rest is given back.

    Repeating the same capture answers its entry.

    :raises InvalidAmount: :raises ExceedsHold: :raises HoldSettled: when it ended otherwise.
    """
    _check_amount(amount)
    account, hold = _lock_hold(hold)
    key = f"capture:{hold.key.removeprefix('hold:')}"
    if not hold.is_open:
        if hold.captured != amount:
            raise HoldSettled
        return LedgerEntry.objects.get(key=key)
    if amount > hold.amount:
        raise ExceedsHold(amount=amount, held=hold.amount)
    _settle(hold, captured=amount)
    return _entry(
        kind=LedgerEntry.Kind.CAPTURE,
        source=account,
        destination=_system(CreditAccount.Code.SPENT),
        amount=amount,
        key=key,
        reason=reason,
        by=by,
        hold=hold,
    )


@transaction.atomic
def release(*, hold: Hold) -> Hold:
    """End a hold by giving all of it back; repeating it changes nothing.

    :raises HoldSettled: when some of it was captured.
    """
    account, hold = _lock_hold(hold)
    if not hold.is_open:
        if hold.captured:
            raise HoldSettled
        return hold
    _settle(hold, captured=0)
    events.record(user_id=account.user_id, kind=events.Kind.CREDITS)
    return hold


@transaction.atomic
def refund(*, hold: Hold, amount: int, key: str, reason: str, by: User | None) -> LedgerEntry:
    """Give back some or all of what a hold captured.

    :raises InvalidAmount: :raises ExceedsCaptured: :raises KeyReused:
    """
    _check_amount(amount)
    account, hold = _lock_hold(hold)
    key = f"refund:{hold.key.removeprefix('hold:')}:{key}"
    left = hold.captured - hold.refunded
    if amount > left and not LedgerEntry.objects.filter(key=key).exists():
        raise ExceedsCaptured(amount=amount, left=left)
    return _entry(
        kind=LedgerEntry.Kind.REFUND,
        source=_system(CreditAccount.Code.SPENT),
        destination=account,
        amount=amount,
        key=key,
        reason=reason,
        by=by,
        hold=hold,
    )


def _entry(
    *,
    kind: LedgerEntry.Kind,
    source: CreditAccount,
    destination: CreditAccount,
    amount: int,
    key: str,
    reason: str,
    by: User | None,
    hold: Hold | None = None,
) -> LedgerEntry:
    if existing := LedgerEntry.objects.filter(key=key).first():
        terms = (existing.kind, existing.source_id, existing.destination_id, existing.amount)
        if terms != (kind, source.pk, destination.pk, amount):
            raise KeyReused(key)
        return existing
    entry = LedgerEntry.objects.create(
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
        by=by,
    )
    for account in (source, destination):
        if account.user_id is not None:
            events.record(user_id=account.user_id, kind=events.Kind.CREDITS)
    return entry


def _balance_after(account: CreditAccount, change: int) -> int | None:
    return None if account.kind == CreditAccount.Kind.SYSTEM else account.balance + change


def _lock(account: CreditAccount) -> CreditAccount:
    return CreditAccount.objects.select_for_update().get(pk=account.pk)


def _lock_hold(hold: Hold) -> tuple[CreditAccount, Hold]:
    account = CreditAccount.objects.select_for_update().get(pk=hold.account_id)
    return account, Hold.objects.get(pk=hold.pk)


def _system(code: CreditAccount.Code) -> CreditAccount:
    return CreditAccount.objects.get(code=code)


def _settle(hold: Hold, *, captured: int) -> None:
    settled = Hold.objects.filter(pk=hold.pk, settled_at__isnull=True).update(
        captured=captured, released=hold.amount - captured, settled_at=timezone.now()
    )
    if not settled:
        raise HoldSettled
    hold.refresh_from_db()


def _check_amount(amount: object) -> None:
    # bool is an int to Python, and no amount to anybody.
    if type(amount) is not int or not 1 <= amount <= AMOUNT_MAX:
        raise InvalidAmount(amount)


def _check_available(account: CreditAccount, amount: int) -> None:
    if account.available < amount:
        raise InsufficientCredits(needed=amount, available=account.available, held=account.held)


def _check_key_limit(api_key: ApiKey, amount: int) -> None:
    if api_key.spend_limit is None:
        return
    used = spent_by_key(api_key)
    if used + amount > api_key.spend_limit:
        raise KeyLimitReached(needed=amount, limit=api_key.spend_limit, used=used)


def spent_by_key(api_key: ApiKey) -> int:
    """Credits the key has spent or set aside, less refunds."""
    used = Hold.objects.filter(api_key=api_key).aggregate(
        total=Sum(F("amount") - F("released") - F("refunded"), default=0)
    )
    return int(used["total"])


def _actor(by: User | None) -> str:
    return "system" if by is None else str(by.pk)
