"""Secrets that must be read again, such as a provider's key: sealed in the database, opened only to be used.

Fernet (AES-128-CBC with HMAC-SHA256, from the `cryptography` library) under a key derived from `SECRET_KEY`.
`SECRET_KEY_FALLBACKS` still open what was sealed before the key was changed.
"""

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

_PURPOSE = b"easel.accounts.sealing"


class CannotUnseal(Exception):
    """It was sealed under a `SECRET_KEY` that is gone, or changed since; it has to be given again."""


def seal(secret: str) -> str:
    """The secret as text that only this installation can open; each time another text."""
    return _fernet().encrypt(secret.encode()).decode()


def unseal(sealed: str) -> str:
    """What was sealed; an empty text is empty.

    :raises CannotUnseal:
    """
    if not sealed:
        return ""
    try:
        return _fernet().decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise CannotUnseal from error


def _fernet() -> MultiFernet:
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return MultiFernet([Fernet(_derived(key)) for key in keys])


def _derived(key: str | bytes) -> bytes:
    given = key.encode() if isinstance(key, str) else key
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(given)
    return base64.urlsafe_b64encode(derived)
