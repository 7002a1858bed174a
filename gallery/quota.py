"""How much a person may keep: bytes of their images, those in the trash too, and of their uploads.

`StorageUse` counts; triggers keep it (`tallies.py`). It is looked at before an upload and before a generation
is asked for, never after: what was paid for is kept, whatever it comes to.
"""

from dataclasses import dataclass

from django.conf import settings
from django.db import transaction

from accounts import acts, administration
from accounts.acts import HERE, Origin
from accounts.ledger_refusals import Refusal, check_words
from accounts.models import User
from gallery.models import StorageUse

BYTES_MAX = 2**50


@dataclass(frozen=True)
class Use:
    """Bytes a person uses, and the most they may use; None for any number."""

    used_bytes: int
    quota_bytes: int | None

    @property
    def left_bytes(self) -> int | None:
        """How much may still be added; None for any number."""
        return None if self.quota_bytes is None else max(0, self.quota_bytes - self.used_bytes)

    @property
    def percent(self) -> int | None:
        """How much of it is used, at most 100; None where there is no quota."""
        if self.quota_bytes is None:
            return None
        return min(100, self.used_bytes * 100 // self.quota_bytes) if self.quota_bytes else 100


class QuotaExceeded(Exception):
    """There is no room for more; nothing was stored or charged."""

    code = "quota_exceeded"

    def __init__(self, use: Use) -> None:
        assert use.quota_bytes is not None
        super().__init__(
            f"Your storage is full: you use {in_words(use.used_bytes)} of {in_words(use.quota_bytes)}. "
            "Put pictures you don't need into the trash and empty it, or ask your admin for more room."
        )
        self.used_bytes, self.quota_bytes = use.used_bytes, use.quota_bytes


class InvalidQuota(Refusal):
    """No quota is like that."""

    code = "invalid_quota"


def use_of(user: User) -> Use:
    """What the person uses, and may."""
    found = StorageUse.objects.filter(user=user).values_list("used_bytes", "quota_bytes").first()
    used, own = found or (0, None)
    return Use(used, settings.STORAGE_QUOTA_BYTES or None if own is None else own)


def check(user: User, more_bytes: int = 0) -> None:
    """Whether the person has room for so many bytes more; without any, whether there is room at all.

    :raises QuotaExceeded:
    """
    use = use_of(user)
    if use.quota_bytes is not None and use.used_bytes + max(more_bytes, 1) > use.quota_bytes:
        raise QuotaExceeded(use)


@transaction.atomic
def set_quota(
    *, by: User, user: User, quota_bytes: int | None, reason: str, origin: Origin = HERE
) -> StorageUse:
    """Give a person a quota of their own; None for that of the settings. Recorded with who did it and why.

    A quota of 0 lets nothing in; what is there stays.

    :raises administration.NotAllowed: :raises InvalidQuota: :raises Refusal: without a reason.
    """
    administration.check_permission(by, administration.RULES)
    check_words(reason=reason)
    if quota_bytes is not None and not 0 <= quota_bytes <= BYTES_MAX:
        raise InvalidQuota(f"A quota is from 0 to {in_words(BYTES_MAX)}.")
    StorageUse.objects.get_or_create(user=user)
    use = StorageUse.objects.select_for_update().get(user=user)
    before, use.quota_bytes = use.quota_bytes, quota_bytes
    # The triggers count in the same row: only this column is written.
    use.save(update_fields=["quota_bytes"])
    acts.record(
        by=by,
        verb="set_quota",
        subject=user,
        before={"storage_quota": _said(before)},
        after={"storage_quota": _said(quota_bytes)},
        reason=reason,
        origin=origin,
    )
    return use


def in_words(size: int) -> str:
    """`830 kB`, `1.5 GB`, `20 GB`; in units of 1024, as the rest of Easel counts."""
    value, units = float(size), ["bytes", "kB", "MB", "GB", "TB", "PB"]
    while value >= 1024 and len(units) > 1:
        value /= 1024
        units.pop(0)
    whole = f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.1f}"
    return f"{whole.removesuffix('.0')} {units[0]}"


def _said(quota_bytes: int | None) -> str:
    return "the usual" if quota_bytes is None else in_words(quota_bytes)
