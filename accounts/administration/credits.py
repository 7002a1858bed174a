"""Giving, taking back, correcting and refunding, with what each would do."""

from dataclasses import dataclass

from django.db import transaction

from accounts import acts, ledger, notices, rule_terms
from accounts.acts import HERE, Origin
from accounts.administration.permission import ADJUST, GRANT, check_gives_to_another, check_permission
from accounts.ledger_refusals import ExceedsCaptured, InsufficientCredits, check_amount
from accounts.models import AdminAct, Hold, LedgerEntry, User


@dataclass(frozen=True)
class Change:
    """A person's credits before and after a verb, as it would be now."""

    before: ledger.Standing
    after: ledger.Standing


@transaction.atomic
def grant(
    *, by: User | None, user: User, amount: int, reason: str, key: str, origin: Origin = HERE
) -> LedgerEntry:
    """Give credits to a person.

    :raises NotAllowed: :raises OwnAccount: :raises Refusal: those of `ledger.grant`.
    """
    check_permission(by, GRANT)
    check_gives_to_another(by, user)
    entry = ledger.grant(user=user, amount=amount, key=key, reason=reason, by=by)
    _record_entry("grant", entry, user, by=by, change=amount, reason=reason, origin=origin)
    return entry


@transaction.atomic
def take_back(
    *, by: User | None, user: User, amount: int, reason: str, key: str, origin: Origin = HERE
) -> LedgerEntry:
    """Take back credits that are available; `amount` is positive.

    :raises NotAllowed: :raises InsufficientCredits: below what is held. :raises Refusal: as `ledger.adjust`.
    """
    check_permission(by, GRANT)
    check_amount(amount)
    entry = ledger.adjust(user=user, amount=-amount, key=key, reason=reason, by=by)
    _record_entry("take_back", entry, user, by=by, change=-amount, reason=reason, origin=origin)
    return entry


@transaction.atomic
def adjust(
    *, by: User | None, user: User, amount: int, reason: str, key: str, origin: Origin = HERE
) -> LedgerEntry:
    """Correct a balance by a positive or negative amount.

    :raises NotAllowed: :raises OwnAccount: :raises Refusal: those of `ledger.adjust`.
    """
    check_permission(by, ADJUST)
    if type(amount) is not int or amount > 0:
        check_gives_to_another(by, user)
    entry = ledger.adjust(user=user, amount=amount, key=key, reason=reason, by=by)
    _record_entry("adjust", entry, user, by=by, change=amount, reason=reason, origin=origin)
    return entry


@transaction.atomic
def refund(
    *, by: User | None, hold: Hold, amount: int, reason: str, key: str, origin: Origin = HERE
) -> LedgerEntry:
    """Give back some or all of what a hold captured.

    :raises NotAllowed: :raises OwnAccount: :raises Refusal: those of `ledger.refund`.
    """
    check_permission(by, ADJUST)
    user = _person_of(hold)
    check_gives_to_another(by, user)
    entry = ledger.refund(hold=hold, amount=amount, key=key, reason=reason, by=by)
    _record_entry("refund", entry, user, by=by, change=amount, reason=reason, origin=origin)
    return entry


def preview_grant(*, user: User, amount: int) -> Change:
    """:raises InvalidAmount:"""
    check_amount(amount)
    return _change(user, amount)


def preview_take_back(*, user: User, amount: int) -> Change:
    """:raises InvalidAmount: :raises InsufficientCredits:"""
    check_amount(amount)
    return _change(user, -amount)


def preview_adjust(*, user: User, amount: int) -> Change:
    """:raises InvalidAmount: :raises InsufficientCredits:"""
    check_amount(abs(amount) if type(amount) is int else amount)
    return _change(user, amount)


def preview_refund(*, hold: Hold, amount: int) -> Change:
    """:raises InvalidAmount: :raises ExceedsCaptured:"""
    check_amount(amount)
    current = Hold.objects.get(pk=hold.pk)
    left = current.captured - current.refunded
    if amount > left:
        raise ExceedsCaptured(amount=amount, left=left)
    return _change(_person_of(hold), amount)


@transaction.atomic
def set_low_balance(*, user: User, amount: int | None) -> None:
    """The person's own choice: tell me when fewer credits than this are available; None for never.

    :raises InvalidRule:
    """
    if amount is not None:
        rule_terms.check_amount(amount, least=1)
    User.objects.filter(pk=user.pk).update(low_balance_at=amount)
    user.low_balance_at = amount
    notices.look_at(user)


def _change(user: User, by: int) -> Change:
    before = ledger.standing(user)
    if before.available + by < 0:
        raise InsufficientCredits(needed=-by, available=before.available, held=before.held)
    return Change(before, ledger.Standing(before.balance + by, before.held))


def _person_of(hold: Hold) -> User:
    return User.objects.get(credit_account=hold.account_id)


def _record_entry(
    verb: str, entry: LedgerEntry, user: User, *, by: User | None, change: int, reason: str, origin: Origin
) -> None:
    """Record the act of an entry once; the account's lock is held."""
    done = AdminAct.objects.filter(subject_kind="user", subject_id=str(user.pk), verb=verb)
    if done.filter(after__entry=entry.pk).exists():
        return
    stated = entry.destination_balance if change > 0 else entry.source_balance
    assert stated is not None  # the person's side always states it
    acts.record(
        by=by,
        verb=verb,
        subject=user,
        before={"balance": stated - change},
        after={"balance": stated, "entry": entry.pk},
        reason=reason,
        origin=origin,
    )
