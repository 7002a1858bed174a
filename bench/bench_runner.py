"""Many slow calls at once: how near to what latency and picture work allow, and beside plain django-q2.

RUNNER_GENERATIONS chooses how many, RUNNER_DATABASE=sqlite the default database. Every process is real: the
emulator, `manage.py runworker`, its picture processes; two cores are shared by all of them.
"""

import asyncio
import os
import time

from bench import clusters, entries, faulty, plain, report
from config import processes
from tests import services

GENERATIONS = int(os.environ.get("RUNNER_GENERATIONS", "1000"))
LATENCY = 2.0
CORES = 2
STOCK = ("--stock", "8")


def main() -> None:
    postgres = services.postgres_url() if os.environ.get("RUNNER_DATABASE", "") != "sqlite" else None
    with (
        entries.database(postgres or "sqlite"),
        faulty.emulator(latency=LATENCY, pictures=STOCK) as emulator,
    ):
        clusters.one_provider(emulator)
        alone, pictures = picture_seconds(emulator, lanes=1), picture_seconds(emulator, lanes=CORES)
        rows: list[dict[str, float | str]] = [
            {"picture work, ms: one after the other": alone * 1000, "as many as cores": pictures * 1000},
            against_the_bound(pictures, generations=GENERATIONS, workers=2, places=64),
            beside_plain(pictures, emulator),
            fair(),
        ]
    report.report("runner", [{"what": name, "value": value} for row in rows for name, value in row.items()])


def picture_seconds(emulator: str, *, lanes: int, number: int = 48) -> float:
    """Processor seconds of one picture: fetched, decoded, checked, stored with its copies.

    So many `lanes` of them side by side: cores that are all at it share caches and memory, as in the run.
    """
    from gallery import picture_process
    from generation import catalog, results
    from generation.progress import Reason

    links = plain.links(emulator, number + lanes)
    ratio = catalog.load().anything.sizes[0].ratio("1:1")
    origins = frozenset({emulator})

    async def collect(link: str) -> None:
        off_loop = asyncio.to_thread
        found = await results.collect(
            {"url": link}, ratio=ratio, references=[], trusted_origins=origins, off_loop=off_loop
        )
        assert not isinstance(found, Reason)

    async def collect_some(some: list[str]) -> None:
        for link in some:
            await collect(link)

    async def collect_all() -> float:
        # All processes that decode begin with the first ones.
        await asyncio.gather(*(collect(link) for link in links[:lanes]))
        began = spent()
        await asyncio.gather(*(collect_some(links[lane::lanes]) for lane in range(lanes, 2 * lanes)))
        return spent() - began

    def spent() -> float:
        children = [
            pid for pid in processes.descendants(os.getpid()) if "picture_worker" in clusters.command(pid)
        ]
        return time.process_time() + sum(clusters.cpu_seconds(children).values())

    seconds = asyncio.run(collect_all())
    picture_process.shared.close()
    return seconds / number


def against_the_bound(
    pictures: float, *, generations: int, workers: int, places: int
) -> dict[str, float | str]:
    """From first claim to last end, beside the larger of waiting ÷ places and picture work ÷ cores."""
    from django.db.models import Max, Min

    from generation.models import Generation
    from tests import factories

    people = [factories.person(credits=generations * 10) for _ in range(10)]
    clusters.submit(people, generations)
    settings = {
        "GENERATION_WORKERS": str(workers),
        "RUNNER_PLACES": str(places),
        "PICTURE_PROCESSES": str(max(1, CORES // workers)),
    }
    with clusters.worker(**settings) as worker, clusters.watched(worker) as usage:
        clusters.wait_until(
            lambda: not clusters.unfinished(), seconds=600, why="work is left after 10 minutes"
        )
    mine = Generation.objects.filter(user__in=people)
    moments = mine.aggregate(first=Min("started_at"), last=Max("finished_at"))
    seconds = (moments["last"] - moments["first"]).total_seconds()
    waiting, work = generations * LATENCY / (workers * places), generations * pictures / CORES
    name = f"{generations} in {workers} × {places} places"
    assert mine.filter(status="succeeded").count() == generations
    return {
        f"{name}: seconds": seconds,
        f"{name}: waiting ÷ places, s": waiting,
        f"{name}: picture work ÷ cores, s": work,
        f"{name}: × the larger": seconds / max(waiting, work),
        f"{name}: processor ms each, workers": usage.worker_seconds / generations * 1000,
        f"{name}: processor ms each, pictures": usage.picture_seconds / generations * 1000,
        f"{name}: worker process, MiB": usage.worker_mib,
        f"{name}: picture process, MiB": usage.pictures_mib,
    }


def beside_plain(pictures: float, emulator: str) -> dict[str, float | str]:
    """Pictures a second of one process with 64 places, and of django-q2 with four that block."""
    ours = against_the_bound(pictures, generations=300, workers=1, places=64)
    per_second = 300 / float(ours["300 in 1 × 64 places: seconds"])
    with plain.cluster(emulator) as made_in:
        theirs = 60 / made_in(60)
    return {
        **ours,
        "one process, 64 places: pictures/s": per_second,
        "plain django-q2, 4 workers: pictures/s": theirs,
        "× plain": per_second / theirs,
    }


def fair() -> dict[str, float | str]:
    """500 of one person wait; a second after the first starts, another submits 5."""
    from generation.models import Generation
    from tests import factories

    first, second = (factories.person(credits=5000) for _ in range(2))
    clusters.submit([first], 500)
    theirs = Generation.objects.filter(user=first)
    with clusters.worker(RUNNER_PLACES="32"):
        clusters.wait_until(
            lambda: theirs.exclude(started_at=None).exists(), seconds=60, why="the first person waits"
        )
        time.sleep(1)
        clusters.submit([second], 5)
        clusters.wait_until(
            lambda: not Generation.objects.filter(user=second, finished_at=None).exists(),
            seconds=120,
            why="the second person waits",
        )
        last = Generation.objects.filter(user=second).latest("finished_at")
        before = theirs.filter(finished_at__lt=last.finished_at).count()
        clusters.wait_until(lambda: not clusters.unfinished(), seconds=300, why="work is left")
    return {"of the first person's 500 done before the second's 5 were": float(before)}


if __name__ == "__main__":
    main()
