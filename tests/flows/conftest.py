"""Easel as `manage.py up` runs it, in a data folder and a database of its own."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings

from tests import services
from tests.conftest import on_postgres

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 90


@dataclass(frozen=True)
class Site:
    """A running Easel, and the environment that its commands need."""

    address: str
    environment: dict[str, str] = field(repr=False)

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture
def more_settings() -> dict[str, str]:
    """What else the site's environment says; a test module may define its own."""
    return {}


@pytest.fixture
def site(tmp_path: Path, database_url: str, more_settings: dict[str, str]) -> Iterator[Site]:
    """Web, worker and emulator as real processes; ended, all of them, after the test."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}
    # An empty value is a value: what a developer's .env says does not come through.
    keys = [f"{name}_API_KEY" for name in ("AIMLAPI", "GEMINI", "GMI", "ONEMIN", "OPENAI")]
    cleared = dict.fromkeys(("SITE_URL", "REDIS_URL", "AWS_STORAGE_BUCKET_NAME", *keys), "")
    own = {"PORT": str(port), "DATA_DIR": str(tmp_path / "data"), "DATABASE_URL": database_url}
    site = Site(f"http://127.0.0.1:{port}", {**kept, **cleared, **own, **more_settings})
    log = tmp_path / "up.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "up"],
            cwd=ROOT,
            env=site.environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until_ready(process, log, site.address)
        yield site
    finally:
        process.terminate()
        process.wait(timeout=60)


@pytest.fixture
def database_url(tmp_path: Path) -> Iterator[str]:
    """An empty database of the kind that the suite runs on."""
    if not on_postgres():
        yield f"sqlite:///{tmp_path / 'flow.sqlite3'}"
        return
    import psycopg
    from psycopg import sql

    url = services.postgres_url()
    assert url is not None
    name = f"{settings.DATABASES['default']['NAME']}_flow_{os.getpid()}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield urlsplit(url)._replace(path=f"/{name}").geturl()
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def wait_until_ready(process: subprocess.Popen[bytes], log: Path, address: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while f"Easel is ready at {address}\n" not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
