"""5,000 generations, 3 worker clusters and 2 web processes while everything is killed: nothing is lost.

PostgreSQL and Redis are its own and are killed as well. CHAOS_SEED chooses another course; the other names
below that begin with CHAOS_ the sizes. With CHAOS_KEEP=1 the logs stay where the last line says.
"""

import itertools
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench import chaos, faulty, report, servers
from bench.installation import Installation

GENERATIONS = int(os.environ.get("CHAOS_GENERATIONS", "5000"))
KILLS = int(os.environ.get("CHAOS_KILLS", "100"))
REDIS_KILLS = int(os.environ.get("CHAOS_REDIS", "5"))
# In turn at once, as in a crash, and fast.
POSTGRES_STOPS = int(os.environ.get("CHAOS_POSTGRES", "2"))
SEED = int(os.environ.get("CHAOS_SEED", time.time_ns() % 10**6))
SHARE = float(os.environ.get("CHAOS_FAULTS", "0.15"))
LATENCY = float(os.environ.get("CHAOS_LATENCY", "1.0"))
OPEN_MOST = int(os.environ.get("CHAOS_OPEN", "100"))
CLUSTERS = int(os.environ.get("CHAOS_CLUSTERS", "3"))
WEBS = int(os.environ.get("CHAOS_WEBS", "2"))
PEOPLE = int(os.environ.get("CHAOS_PEOPLE", "6"))
SECONDS_MOST = float(os.environ.get("CHAOS_SECONDS", "1800"))
# Short patience, so that many generations meet the end of a lease within one run.
PATIENCE = {
    "LEASE_SECONDS": "10",
    "SWEEP_SECONDS": "3",
    "STALLED_SECONDS": "20",
    "GENERATION_DEADLINE_SECONDS": "120",
    "RUNNER_PLACES": "16",
    "GENERATION_WORKERS": "2",
}
AWAY_SECONDS = (1.0, 4.0)


def disturbances(
    postgres: servers.Postgres, redis: servers.Redis, dice: random.Random
) -> list[tuple[str, Callable[[], None]]]:
    """What is done to the servers."""

    def away(server: servers.Server, how: signal.Signals) -> Callable[[], None]:
        def act() -> None:
            server.end(how)
            time.sleep(dice.uniform(*AWAY_SECONDS))
            server.start()

        return act

    stops = [
        ("PostgreSQL stopped at once and started", away(postgres, servers.IMMEDIATE)),
        ("PostgreSQL stopped fast and started", away(postgres, servers.FAST)),
    ]
    return [
        *[("Redis killed and started", away(redis, signal.SIGKILL))] * REDIS_KILLS,
        *itertools.islice(itertools.cycle(stops), POSTGRES_STOPS),
    ]


def prepare(settings: dict[str, str]) -> None:
    """This process looks at the same rows with the same settings."""
    os.environ |= settings | {"DJANGO_SETTINGS_MODULE": "config.settings"}
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", interactive=False, verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)


def run(folder: Path) -> chaos.Course:
    postgres, redis = servers.Postgres(folder), servers.Redis(folder)
    data = folder / "data"
    data.mkdir()
    settings = PATIENCE | {
        "DATABASE_URL": postgres.url,
        "REDIS_URL": redis.url,
        "DATA_DIR": str(data),
        "SECRET_KEY": "a-key-of-the-chaos-bench-and-of-nothing-else-in-the-world",
        "SITE_URL": "",
        "AWS_STORAGE_BUCKET_NAME": "",
    }
    plan = chaos.Plan(
        seed=SEED,
        generations=GENERATIONS,
        kills=KILLS,
        people=PEOPLE,
        open_most=OPEN_MOST,
        faults=faulty.FAULTS,
        share=SHARE,
        seconds_most=SECONDS_MOST,
        others=disturbances(postgres, redis, random.Random(SEED)),
    )
    try:
        postgres.start()
        redis.start()
        prepare(settings)
        installation = Installation(settings, folder=data, clusters=CLUSTERS, webs=WEBS)
        with faulty.emulator(latency=LATENCY) as address:
            try:
                return chaos.run(plan, installation, address)
            finally:
                installation.stop()
    finally:
        redis.end(signal.SIGKILL)
        postgres.end(servers.FAST)


def main() -> None:
    for lacking in (servers.Postgres.lacking(), servers.Redis.lacking()):
        if lacking:
            report.skip(f"needs {lacking}")
    folder = Path(tempfile.mkdtemp(prefix="easel-chaos-"))
    folder.chmod(0o755)  # PostgreSQL's own user goes through it
    kept = os.environ.get("CHAOS_KEEP", "") not in ("", "0")
    # Whoever stops it ends what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        course = run(folder)
        report.report("chaos", course.rows())
    finally:
        if kept:
            print(f"The logs are in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    if course.wrong:
        sys.exit("\n".join(course.wrong[:50]))


if __name__ == "__main__":
    main()
