"""Typed readers of the environment that fail loudly, and `NAME_FILE` for secrets in files."""

import os
import secrets
import tempfile
from pathlib import Path

import environ

env = environ.FileAwareEnv()


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
