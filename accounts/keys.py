"""API keys: `esl_` + 12 base62 id + 32 base62 secret + 6 base62 CRC32 of what stands before it.

The secret is shown once. A plain SHA-256 of it is kept: its 190 random bits can't be guessed from a digest,
and a password hasher would cost 100 ms a request (ASVS 6.5.2).
"""

import hashlib
import re
import secrets
import string
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from accounts.ledger import AMOUNT_MAX
from accounts.models import ApiKey, User

PREFIX = "esl_"
SEEN_EVERY = timedelta(minutes=1)
"""How often the last use of a key is written at most."""

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_ID_LENGTH, _SECRET_LENGTH, _CHECKSUM_LENGTH = 12, 32, 6
_SHAPE = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{_ID_LENGTH + _SECRET_LENGTH + _CHECKSUM_LENGTH}}}", re.ASCII)


class InvalidKey(Exception):
    """A key that can't be made. `field` is the argument at fault, `detail` a sentence for people."""

    code = "invalid_key_terms"

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field, self.detail = field, detail


@dataclass(frozen=True)
class Created:
    """A new key's row, and its secret: the only time it is seen."""

    key: ApiKey
    secret: str


def create(
    *,
    user: User,
    name: str,
    scopes: Sequence[str] = tuple(ApiKey.Scope.values),
    spend_limit: int | None = None,
    expires_at: datetime | None = None,
) -> Created:
    """Make a key that acts as its owner. `spend_limit` is whole credits over the key's life.

    :raises InvalidKey:
    """
    name = name.strip()
    _check_terms(name, scopes, spend_limit)
    key_id = _random(_ID_LENGTH)
    body = f"{PREFIX}{key_id}{_random(_SECRET_LENGTH)}"
    secret = body + _checksum(body)
    key = ApiKey.objects.create(
        user=user,
        name=name,
        key_id=key_id,
        digest=_digest(secret),
        last_four=secret[-4:],
        scopes=[scope for scope in ApiKey.Scope.values if scope in scopes],
        spend_limit=spend_limit,
        expires_at=expires_at,
    )
    return Created(key=key, secret=secret)


def find(*, text: str, now: datetime) -> ApiKey | None:
    """The live key of that text, with its owner, or None; notes that it was used.

    A mistyped key is told by its checksum, without asking the database.
    """
    if not _SHAPE.fullmatch(text) or _checksum(text[:-_CHECKSUM_LENGTH]) != text[-_CHECKSUM_LENGTH:]:
        return None
    key_id = text[len(PREFIX) : len(PREFIX) + _ID_LENGTH]
    key = ApiKey.objects.select_related("user").filter(key_id=key_id).first()
    if key is None or not secrets.compare_digest(key.digest, _digest(text)):
        return None
    if not key.is_live(now) or not key.user.is_active:
        return None
    _note_use(key, now)
    return key


def revoke(*, key: ApiKey, now: datetime) -> None:
    """End the key; the next request with it is refused. Repeating it changes nothing."""
    ApiKey.objects.filter(pk=key.pk, revoked_at__isnull=True).update(revoked_at=now)
    key.refresh_from_db(fields=["revoked_at"])


def _note_use(key: ApiKey, now: datetime) -> None:
    if key.last_used_at is not None and key.last_used_at > now - SEEN_EVERY:
        return
    stale = Q(last_used_at__isnull=True) | Q(last_used_at__lte=now - SEEN_EVERY)
    ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)
    key.last_used_at = now


def _check_terms(name: str, scopes: Sequence[str], spend_limit: int | None) -> None:
    if not 1 <= len(name) <= 80 or not name.isprintable():
        raise InvalidKey("name", "Give the key a name of 1 to 80 characters.")
    if not scopes or not set(scopes) <= set(ApiKey.Scope.values):
        raise InvalidKey("scopes", f"Choose one or more of {', '.join(ApiKey.Scope.values)}.")
    if spend_limit is not None and not 1 <= spend_limit <= AMOUNT_MAX:
        raise InvalidKey("spend_limit", f"A spend limit is a whole number from 1 to {AMOUNT_MAX:,}.")


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _checksum(body: str) -> str:
    """CRC32 in base62, six digits: 62⁶ is above 2³²."""
    rest, digits = zlib.crc32(body.encode("ascii")), ""
    for _ in range(_CHECKSUM_LENGTH):
        rest, digit = divmod(rest, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()
