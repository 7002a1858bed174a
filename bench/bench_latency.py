"""From a submit to the provider's call, and from the provider's answer to the tile in a browser.

Worker, web and emulator are real processes, idle before each submit. On SQLite, and on PostgreSQL with either
broker, each in a process of its own; `sqlite`, `postgresql` or `redis` as argument asks for one.
LATENCY_SUBMITS chooses how many.
"""

import os
import random
import statistics
import subprocess
import sys
import time
from typing import Any

from bench import clusters, entries, faulty, report
from tests import services

SUBMITS = int(os.environ.get("LATENCY_SUBMITS", "60"))
WAYS = ("sqlite", "postgresql", "redis")
PROVIDER_SECONDS = 0.5
_random = random.Random(1)

# Notes the moment at which all pictures of a row are there to be seen.
WATCH = """
window.shown = {};
const look = () => {
  for (const row of document.querySelectorAll('[data-run][data-state=done]')) {
    const pictures = [...row.querySelectorAll('img.tile-picture')];
    const drawn = pictures.length && pictures.every((one) => one.complete && one.naturalWidth);
    if (drawn) window.shown[row.id] ??= Date.now();
  }
  requestAnimationFrame(look);
};
look();
"""


def main() -> None:
    if len(sys.argv) > 1:
        measure(sys.argv[1])
        return
    for way in WAYS:
        print(f"\n{way}", flush=True)
        subprocess.run([sys.executable, __file__, way], check=True)


def measure(way: str) -> None:
    url = "sqlite" if way == "sqlite" else services.postgres_url()
    if url is None:
        report.skip(f"needs PostgreSQL: {services.POSTGRES.get}")
    redis = (services.redis_url() or "") if way == "redis" else ""
    if way == "redis" and not redis:
        report.skip(f"needs Redis: {services.REDIS.get}")
    with (
        entries.database(str(url)),
        faulty.emulator(latency=PROVIDER_SECONDS, pictures=("--stock", "8")) as emulator,
    ):
        clusters.one_provider(emulator)
        with clusters.web(REDIS_URL=redis) as site, clusters.worker(REDIS_URL=redis):
            rows = [figures("submit → provider's call", calls(emulator))]
            if services.chromium_path() is not None:
                rows.append(figures("provider's answer → tile in Chromium", tiles(emulator, site)))
    report.report(f"latency_{way}", rows)


def calls(emulator: str) -> list[float]:
    """Seconds from before the submit to when the provider has the request."""
    from tests import factories

    person = factories.person(credits=100_000)
    submitted: dict[str, float] = {}
    for index in range(SUBMITS + 3):
        time.sleep(0.7 + _random.random() / 2)
        began = time.time()
        generation = factories.generation(person, prompt=f"a lighthouse, number {index}")
        if index >= 3:  # the first ones open connections
            submitted[str(generation.public_id)] = began
    clusters.wait_until(lambda: not clusters.unfinished(), seconds=60, why="work is left")
    arrived = {_whose(call): call["at"] for call in _log(emulator)}
    return [arrived[public_id] - began for public_id, began in submitted.items()]


def tiles(emulator: str, site: str) -> list[float]:
    """Seconds from the provider's answer to a picture that is drawn in an open Studio."""
    from django.test import Client
    from playwright.sync_api import sync_playwright

    from tests import factories

    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # Playwright's loop runs in this thread; nothing else does
    person = factories.person(credits=100_000)
    client = Client()
    client.force_login(person)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=services.chromium_path(), args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        # Local copies tell their cookies apart by their ports.
        port = site.rpartition(":")[2]
        context.add_cookies(
            [
                {"name": f"{name}_{port}", "value": one.value, "url": site}
                for name, one in client.cookies.items()
            ]
        )
        page = context.new_page()
        page.goto(f"{site}/")
        page.evaluate(WATCH)
        for index in range(SUBMITS // 2 + 2):
            page.wait_for_timeout(1_000)
            generation = factories.generation(person, prompt=f"a harbour, number {index}")
            # The page's policy lets nobody wait by a script of text.
            for _ in range(200):
                if page.evaluate("(id) => id in window.shown", f"run-{generation.public_id}"):
                    break
                page.wait_for_timeout(100)
        shown: dict[str, float] = page.evaluate("window.shown")
        browser.close()
    answered = {_whose(call): call["at"] + call["seconds"] for call in _log(emulator) if call["seconds"]}
    seconds = [moment / 1_000 - answered[name.removeprefix("run-")] for name, moment in shown.items()]
    return seconds[2:]


def figures(what: str, seconds: list[float]) -> report.Row:
    cuts = statistics.quantiles(seconds, n=20)
    return {
        "what": what,
        "number": len(seconds),
        "p50 ms": cuts[9] * 1_000,
        "p95 ms": cuts[18] * 1_000,
        "slowest ms": max(seconds) * 1_000,
    }


def _whose(call: dict[str, Any]) -> str:
    return str(call["client_request_id"]).split(".")[0]


def _log(emulator: str) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = faulty.call(f"{emulator}/_emulator/log")["calls"]
    return [call for call in made if call["client_request_id"]]


if __name__ == "__main__":
    main()
