"""Where the services that some tests need are found, and how to get them.

`python -m tests.services postgres` prints the address of a PostgreSQL that answers, or nothing.
"""

import functools
import importlib.util
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
CHROMIUM_ON_MACOS = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@dataclass(frozen=True)
class Service:
    """Something outside the project that a marked test needs."""

    name: str
    marker: str
    get: str
    may_be_required: bool = True


POSTGRES = Service(
    "PostgreSQL",
    "needs_postgres",
    "apt install postgresql, make a role that may create databases, give its address as TEST_POSTGRES_URL "
    "(tried: postgres://easel:easel@127.0.0.1:5432/easel)",
)
REDIS = Service(
    "Redis",
    "needs_redis",
    "apt install redis-server, or give its address in TEST_REDIS_URL (tried: redis://127.0.0.1:6379/15)",
)
CHROMIUM = Service("Chromium", "needs_chromium", "apt install chromium, or give its path in CHROMIUM")
# They are not part of the project, so a clone by itself cannot have them; every other test draws its own.
PICTURES = Service(
    "the shared sample pictures", "needs_pictures", "put them into ../shared/data", may_be_required=False
)
# Readers of metadata that nobody here wrote; tests with Pillow say the same without them.
EXIFTOOL = Service("exiftool", "needs_exiftool", "apt install libimage-exiftool-perl", may_be_required=False)
EXIV2 = Service("exiv2", "needs_exiv2", "apt install exiv2", may_be_required=False)
# Where it has a wheel: not on Linux with musl.
C2PA = Service(
    "c2pa-python", "needs_c2pa", "pip install c2pa-python, the extra `c2pa`", may_be_required=False
)
SERVICES = (POSTGRES, REDIS, CHROMIUM, PICTURES, EXIFTOOL, EXIV2, C2PA)


@functools.cache
def postgres_url() -> str | None:
    """The database to test PostgreSQL with, when it answers within two seconds."""
    import psycopg

    url = os.environ.get("TEST_POSTGRES_URL") or "postgres://easel:easel@127.0.0.1:5432/easel"
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.Error:
        return None
    return url


@functools.cache
def redis_url() -> str | None:
    """A Redis database that tests may empty, when it answers within two seconds."""
    import redis

    url = os.environ.get("TEST_REDIS_URL") or "redis://127.0.0.1:6379/15"
    client = redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2)
    try:
        client.ping()
    except redis.RedisError:
        return None
    finally:
        client.close()
    return url


@functools.cache
def chromium_path() -> str | None:
    """The system's Chromium or Chrome."""
    if given := os.environ.get("CHROMIUM"):
        return shutil.which(given)
    found = (shutil.which(name) for name in (*CHROMIUM_NAMES, CHROMIUM_ON_MACOS))
    return next((path for path in found if path), None)


def is_found(service: Service) -> bool:
    if service is POSTGRES:
        return postgres_url() is not None
    if service is REDIS:
        return redis_url() is not None
    if service is CHROMIUM:
        return chromium_path() is not None
    if service in (EXIFTOOL, EXIV2):
        return shutil.which(service.name) is not None
    if service is C2PA:
        return importlib.util.find_spec("c2pa") is not None
    return SHARED_DATA.is_dir()


if __name__ == "__main__":
    found = {"postgres": postgres_url, "redis": redis_url, "chromium": chromium_path}[sys.argv[1]]()
    print(found or "")
