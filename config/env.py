"""Typed readers of the environment that fail loudly, and `NAME_FILE` for secrets in files."""

import os
import secrets
import tempfile
from collections.abc import Collection
from decimal import Decimal, InvalidOperation
from pathlib import Path
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

env = environ.FileAwareEnv()


def at_least_one(name: str, default: int) -> int:
    """The whole number from 1 on that the environment gives under `name`.

    :raises ImproperlyConfigured: when it is none, with the name to look for.
    """
    return _whole_number(name, default, least=1)


def none_or_more(name: str, default: int) -> int:
    """The whole number from 0 on that the environment gives under `name`.

    :raises ImproperlyConfigured: when it is none, with the name to look for.
    """
    return _whole_number(name, default, least=0)


def _whole_number(name: str, default: int, *, least: int) -> int:
    given = env.str(name, default=str(default)).strip()
    if not (given.isascii() and given.isdecimal() and int(given) >= least):
        raise ImproperlyConfigured(f"{name} is a whole number from {least} on, not {given!r}.")
    return int(given)


def amount(name: str) -> Decimal | None:
    """The amount above zero that the environment gives under `name`, None when it is not given.

    :raises ImproperlyConfigured: when it is none, with the name to look for.
    """
    given = env.str(name, default="").strip()
    if not given:
        return None
    try:
        found = Decimal(given)
    except InvalidOperation:
        found = Decimal("NaN")
    if not (found.is_finite() and found > 0):
        raise ImproperlyConfigured(f"{name} is an amount above zero such as 0.025, not {given!r}.")
    return found


def provider_key(name: str) -> str:
    """A provider's key, which must be able to travel in a header; empty when it is not given.

    :raises ImproperlyConfigured: naming the variable, never repeating the key.
    """
    given = env.str(name, default="").strip()
    if not (given.isascii() and given.isprintable() and " " not in given):
        raise ImproperlyConfigured(f"{name} holds characters that no key has. Copy it again, without spaces.")
    return given


def web_address(name: str, default: str) -> str:
    """An http or https address with a host, without the slash at its end.

    :raises ImproperlyConfigured: naming the variable.
    """
    given = env.str(name, default=default).strip().rstrip("/")
    if given:
        parts = urlsplit(given)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ImproperlyConfigured(
                f"{name} is an address such as https://easel.example.org, not {given!r}."
            )
    return given


def storage_name(name: str, known: Collection[str], default: str) -> str:
    """The name of a storage that files may be in, by the environment's `name`.

    :raises ImproperlyConfigured: when there is none of that name.
    """
    given = env.str(name, default=default).strip() or default
    choices = [one for one in known if one != "staticfiles"]
    if given and given not in choices:
        missing = " Set AWS_STORAGE_BUCKET_NAME for a bucket." if given == "bucket" else ""
        raise ImproperlyConfigured(f"{name} is one of {', '.join(choices)}, not {given!r}.{missing}")
    return given


def bucket_origins(bucket: str, endpoint: str, region: str) -> list[str]:
    """Where a browser meets signed addresses of a bucket, as a content policy names it."""
    if not endpoint:
        hosts = ["s3.amazonaws.com", f"s3.{region}.amazonaws.com"] if region else ["s3.amazonaws.com"]
        return [f"https://{bucket}.{host}" for host in hosts]
    parts = urlsplit(endpoint)
    return [f"{parts.scheme}://{parts.netloc}", f"{parts.scheme}://{bucket}.{parts.netloc}"]


def data_dir(default: Path) -> Path:
    """The folder for the database, files and the made key; created when it is not there."""
    path = Path(env.str("DATA_DIR", default=str(default))).expanduser().resolve()
    path.mkdir(parents=True, exist_ok=True)
    return path


def secret_key(folder: Path) -> str:
    """`SECRET_KEY`, else a random one made once and kept in `folder`."""
    given = env.str("SECRET_KEY", default="")
    if given:
        return given
    kept = folder / "secret_key"
    if not kept.exists():
        _keep_new_key(kept)
    return kept.read_text().strip()


def _keep_new_key(kept: Path) -> None:
    # A link is made whole or not at all, so processes that start together agree on one key.
    handle, name = tempfile.mkstemp(dir=kept.parent)
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_urlsafe(50))
    try:
        os.link(name, kept)
    except FileExistsError:
        pass
    finally:
        os.unlink(name)
