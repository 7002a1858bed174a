"""A caller's key for "this, once", scoped to its owner."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from accounts.models import IdempotentRequest, User

KEPT_FOR = timedelta(hours=48)
KEY_MAX = 255


class FingerprintDiffers(Exception):
    """The key was used before for another call."""

    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was used before with another request. Use a new key.")


@dataclass(frozen=True)
class Key:
    """The key as given, and a digest of the method, path and body it came with."""

    value: str
    fingerprint: str


def key_of(value: str, *, method: str, path: str, body: bytes) -> Key:
    digest = hashlib.sha256(b"\n".join([method.encode(), path.encode(), body])).hexdigest()
    return Key(value=value, fingerprint=digest)


def find(*, owner: User, key: Key) -> str | None:
    """The reference of what the key made before, or None.

    :raises FingerprintDiffers:
    """
    row = IdempotentRequest.objects.filter(owner=owner, key=key.value).first()
    if row is None:
        return None
    if row.fingerprint != key.fingerprint:
        raise FingerprintDiffers
    return row.reference


def keep(*, owner: User, key: Key, reference: str) -> str:
    """Write the key in the caller's transaction; answers the reference that holds, ours or an earlier one.

    On PostgreSQL a second caller waits here until the first one's transaction ends.

    :raises FingerprintDiffers:
    """
    try:
        with transaction.atomic():
            IdempotentRequest.objects.create(
                owner=owner, key=key.value, fingerprint=key.fingerprint, reference=reference
            )
    except IntegrityError:
        return find(owner=owner, key=key) or reference
    return reference


def prune(*, now: datetime) -> int:
    """Forget keys that are past their 48 hours."""
    deleted, _ = IdempotentRequest.objects.filter(created_at__lt=now - KEPT_FOR).delete()
    return deleted
