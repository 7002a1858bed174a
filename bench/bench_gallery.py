"""The gallery over a million pictures: what is asked for, how fast, and beside what others take.

On PostgreSQL with GALLERY_IMAGES pictures (1,000,000) and on SQLite with a tenth: how long the server takes
for each kind of page; pages a second beside a bare Django on the same server; and beside Wagtail's list of
a tenth as many images, which is installed for it in an environment of its own, where that can be had.

All that is in PostgreSQL is read once before it is asked, which takes its superuser and `pg_prewarm`.

Filling takes minutes. GALLERY_FOLDER keeps what was filled for the next run; GALLERY_ROUNDS and
GALLERY_SECONDS say how long the servers are loaded, GALLERY_REQUESTS how often each kind of page is asked.
GALLERY_POSTGRES names a database that was filled already, with its files in GALLERY_FOLDER/postgresql.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench import pages, report, wagtail_site
from bench.servers import LOOPBACK, Postgres
from config.env import env

ROOT = Path(__file__).resolve().parents[1]
IMAGES = int(os.environ.get("GALLERY_IMAGES", "1000000"))
ROUNDS = int(os.environ.get("GALLERY_ROUNDS", "5"))
SECONDS = float(os.environ.get("GALLERY_SECONDS", "5"))
WALL_REQUESTS = 40
PEOPLE, TAGS, FILES = 200, 5_000, 400


def environment(database: str, folder: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return kept | {
        "DATABASE_URL": database,
        "DATA_DIR": str(folder),
        "LOG_LEVEL": "WARNING",
        "PYTHONPATH": str(ROOT),
        # Not as on a developer's machine, where the port is in the name of the cookie.
        "SITE_URL": "http://127.0.0.1",
        "REDIS_URL": "",
        "AWS_STORAGE_BUCKET_NAME": "",
    }


def filled(database: str, folder: Path, *, images: int) -> dict[str, str]:
    """The environment of an installation with so many pictures; made where it isn't there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    here, done = environment(database, folder), folder / "filled"
    _manage(here, "migrate", "-v0")
    if not done.exists():
        numbers = {"images": images, "people": PEOPLE, "tags": TAGS, "files": FILES}
        _manage(
            here, "seed_gallery", *(part for name, n in numbers.items() for part in (f"--{name}", str(n)))
        )
        done.write_text(database, encoding="utf-8")
    _manage(here, "collectstatic", "--noinput", "-v0")
    return here


def _manage(here: dict[str, str], *arguments: str) -> None:
    subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, env=here, check=True, stdout=subprocess.DEVNULL
    )


def warm(database: dict[str, Any]) -> None:
    """Have the system read all of a PostgreSQL's tables and indexes, as a server that has run a while has.

    `database` is as Django has it. Without it each page would wait for the disk: see docs/bench/gallery.md.
    """
    import psycopg

    names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    known = {name: str(database[key]) for key, name in names.items() if database.get(key)}
    with psycopg.connect(**known, autocommit=True) as connection:  # type: ignore[arg-type]
        connection.execute("CREATE EXTENSION IF NOT EXISTS pg_prewarm")
        kept = "relkind IN ('r', 'i', 't', 'm') AND relpersistence = 'p'"
        connection.execute(f"SELECT pg_prewarm(oid, 'read') FROM pg_class WHERE {kept}")  # type: ignore[arg-type]


def asked(here: dict[str, str], *arguments: str) -> dict[str, Any]:
    """What `bench.gallery_asking` finds there."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.gallery_asking", *arguments],
        cwd=ROOT, env=here, check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@contextlib.contextmanager
def gallery(here: dict[str, str], facts: dict[str, Any]) -> Iterator[pages.Site]:
    """The product's gallery, signed in as who has most pictures."""
    cookie = "; ".join(f"{name}={value}" for name, value in facts["cookies"].items())
    with pages.served(
        "Easel", "config.asgi:application", here, path="/gallery/?before={place}",
        newest=facts["newest"], headers={"Cookie": cookie, "Host": LOOPBACK},
    ) as site:  # fmt: skip
        yield site


def beside_bare(here: dict[str, str], facts: dict[str, Any]) -> list[report.Row]:
    plain = here | {"BARE_OWNER": str(facts["user"])}
    with (
        gallery(here, facts) as ours,
        pages.served(
            "bare Django", "bench.bare:application", plain, path="/?before={place}", newest=facts["newest"]
        ) as bare,
    ):  # fmt: skip
        found = pages.per_second([ours, bare], rounds=ROUNDS, seconds=SECONDS)
    rate, cost = found["bare Django"]
    return [
        {
            "page of 48": name,
            "pages a second": found[name][0],
            "of the bare one": found[name][0] / rate,
            "processor ms a page": found[name][1],
            "bare one's processor ms of it": cost / found[name][1],
        }
        for name in ("bare Django", "Easel")
    ]


def beside_wagtail(
    here: dict[str, str], facts: dict[str, Any], folder: Path, database: dict[str, Any]
) -> list[report.Row]:
    picture = next(Path(here["DATA_DIR"]).glob("files/originals/*/*/*.jpg"))
    theirs = wagtail_site.fill(folder, database, images=max(1_000, IMAGES // 10), picture=picture)
    if "postgresql" in database["ENGINE"]:
        warm(database)
    # Straight after them, PostgreSQL still writes what was filled.
    with (
        gallery(here, facts) as ours,
        pages.served(
            "Wagtail", "site_asgi:application", wagtail_site.environment(database), path="/admin/images/",
            folder=folder, python=wagtail_site.python(folder),
            headers={"Cookie": f"sessionid={theirs['cookie']}", "Host": LOOPBACK},
        ) as wagtail,
    ):  # fmt: skip
        found = pages.wall([ours, wagtail], requests=WALL_REQUESTS)
    images = {"Easel": facts["images"], "Wagtail": theirs["images"]}
    return [
        {
            "list": name,
            "images": images[name],
            "p50 ms": found[name][0],
            "p95 ms": found[name][1],
            "times ours": found[name][0] / found["Easel"][0],
        }
        for name in ("Easel", "Wagtail")
    ]


@contextlib.contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """The address of a database for it: given, or of a server of our own."""
    if given := os.environ.get("GALLERY_POSTGRES"):
        yield given
        return
    lacking = Postgres.lacking()
    if lacking:
        report.skip(f"needs {lacking}")
    with TemporaryDirectory() as own:
        server = Postgres(Path(own))
        server.start()
        # What a run before filled is gone with its server.
        (folder / "filled").unlink(missing_ok=True)
        try:
            yield server.url
        finally:
            from bench.servers import FAST

            server.end(FAST)


def run(kind: str, database: str, folder: Path, *, images: int) -> None:
    here = filled(database, folder, images=images)
    if kind == "postgresql":
        warm(dict(env.db_url_config(database)))
    facts = asked(here)
    report.report(f"gallery_{kind}", [_same_columns(row) for row in facts["rows"]])
    report.report(f"gallery_{kind}_bare", beside_bare(here, facts))
    site = folder.parent / "wagtail"
    if why := wagtail_site.lacking(site):
        print(f"not beside Wagtail: {why}")
        return
    theirs = _theirs(kind, database, site / kind)
    report.report(f"gallery_{kind}_wagtail", beside_wagtail(here, facts, site, theirs))


def _theirs(kind: str, database: str, place: Path) -> dict[str, Any]:
    """Django's settings of Wagtail's own database beside ours."""
    if kind == "sqlite":
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{place}.sqlite3"}
    known = dict(env.db_url_config(database))
    name = f"{known['NAME']}_wagtail"
    import psycopg

    with psycopg.connect(database.replace("postgres://", "postgresql://", 1), autocommit=True) as connection:
        there = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        if there is None:
            connection.execute(f'CREATE DATABASE "{name}"')  # type: ignore[arg-type]
    return {key: str(value) for key, value in (known | {"NAME": name}).items() if value}


def _same_columns(row: dict[str, Any]) -> report.Row:
    return {**row, "of the first": row.get("of the first", "")}


def main() -> None:
    with contextlib.ExitStack() as stack:
        kept = os.environ.get("GALLERY_FOLDER")
        folder = Path(kept) if kept else Path(stack.enter_context(TemporaryDirectory()))
        kinds = os.environ.get("GALLERY_DATABASES", "postgresql sqlite").split()
        if "postgresql" in kinds:
            address = stack.enter_context(postgres(folder / "postgresql"))
            run("postgresql", address, folder / "postgresql", images=IMAGES)
        if "sqlite" in kinds:
            place = folder / "sqlite"
            run("sqlite", f"sqlite:///{place}/easel.sqlite3", place, images=max(1_000, IMAGES // 10))


if __name__ == "__main__":
    main()
