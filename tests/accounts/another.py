"""Another process of Easel on the test's database: does what a line tells it, and says when it was done."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import connection

ROOT = Path(__file__).resolve().parents[2]
# Commits what it is told, one line of Python a transaction, and answers with the time of the commit.
OBEYS = """
import os, sys, time, django
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
django.setup()
from django.db import connection, transaction
from accounts import changes, events
from accounts.models import Event, User
connection.ensure_connection()
print("ready", flush=True)
for line in sys.stdin:
    with transaction.atomic():
        exec(line)
    print(time.time(), flush=True)
"""


def environment(folder: Path) -> dict[str, str]:
    """What a process needs to work on the test's database."""
    database = connection.settings_dict
    address = f"sqlite:///{database['NAME']}"
    if connection.vendor == "postgresql":
        login = f"{database['USER']}:{database['PASSWORD']}" if database["PASSWORD"] else database["USER"]
        address = f"postgres://{login}@{database['HOST']}:{database['PORT']}/{database['NAME']}"
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    names = ("SITE_URL", "REDIS_URL", "AWS_STORAGE_BUCKET_NAME")
    own = {"DATABASE_URL": address, "DATA_DIR": str(folder), "SECRET_KEY": settings.SECRET_KEY}
    return kept | dict.fromkeys(names, "") | own | {"LOG_LEVEL": "WARNING"}


class Another:
    """Does one line at a time."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def do(self, line: str) -> float:
        """Have the line done and committed; when that was, on the machine's clock."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return float(self.says())

    def says(self) -> str:
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        assert said, "the other process has ended"
        return said.strip()


@contextmanager
def process() -> Iterator[Another]:
    """The other process, ready; ended afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        started = subprocess.Popen(
            [sys.executable, "-c", OBEYS],
            cwd=ROOT,
            env=environment(Path(folder)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            other = Another(started)
            assert other.says() == "ready"
            yield other
        finally:
            started.communicate(timeout=20)
