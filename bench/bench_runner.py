"""Many slow calls at once: how near to what latency and picture work allow, and beside plain django-q2.

RUNNER_GENERATIONS chooses how many, RUNNER_DATABASE=sqlite the default database. Every process is real: the
emulator, `manage.py runworker`, its picture processes; two cores are shared by all of them.
"""

import asyncio
import os
import statistics
import time
from dataclasses import dataclass

from bench import clusters, entries, faulty, plain, report
from config import processes
from tests import services

GENERATIONS = int(os.environ.get("RUNNER_GENERATIONS", "1000"))
LATENCY = 2.0
CORES = 2
ROUNDS = 3
STOCK = ("--stock", "8", "--quiet")
LARGER = "× the larger"


def main() -> None:
    postgres = services.postgres_url() if os.environ.get("RUNNER_DATABASE", "") != "sqlite" else None
    with (
        entries.database(postgres or "sqlite"),
        faulty.emulator(latency=LATENCY, pictures=STOCK) as emulator,
    ):
        clusters.one_provider(emulator)
        rows = in_rounds(emulator)
        one = against_the_bound(generations=300, workers=1, places=64)
        rows += [beside_plain(one, emulator), fair()]
    report.report("runner", [{"what": name, "value": value} for row in rows for name, value in row.items()])


def in_rounds(emulator: str) -> list[dict[str, float]]:
    """As many in each round, with the picture work taken before and after; machines don't stay as quick."""
    works, runs = [picture_seconds(emulator)], []
    for _ in range(ROUNDS):
        runs.append(against_the_bound(generations=GENERATIONS, workers=2, places=64))
        works.append(picture_seconds(emulator))
    rows = [
        run.row(f"round {number}", (before + after) / 2)
        for number, run, before, after in zip(range(1, ROUNDS + 1), runs, works, works[1:], strict=False)
    ]
    ratios = [value for row in rows for name, value in row.items() if name.endswith(LARGER)]
    return [*rows, {f"median: {LARGER}": statistics.median(ratios)}]


def picture_seconds(emulator: str, number: int = 120) -> float:
    """Processor seconds of one picture: fetched, decoded, checked, stored with its copies.

    As many side by side as there are cores, which share caches and memory.
    """
    from gallery import picture_process
    from generation import catalog, results
    from generation.progress import Reason

    links = plain.links(emulator, number + CORES)
    ratio = catalog.load().anything.sizes[0].ratio("1:1")
    origins = frozenset({emulator})

    async def collect(some: list[str]) -> None:
        for link in some:
            found = await results.collect(
                {"url": link}, ratio=ratio, references=[], trusted_origins=origins, off_loop=asyncio.to_thread
            )
            assert not isinstance(found, Reason)

    async def collect_all() -> float:
        # All processes that decode begin with the first ones.
        await asyncio.gather(*(collect([link]) for link in links[:CORES]))
        began = spent()
        await asyncio.gather(*(collect(links[lane::CORES]) for lane in range(CORES, 2 * CORES)))
        return (spent() - began) / number

    def spent() -> float:
        children = [
            pid for pid in processes.descendants(os.getpid()) if "picture_worker" in clusters.command(pid)
        ]
        return time.process_time() + sum(clusters.cpu_seconds(children).values())

    work = asyncio.run(collect_all())
    picture_process.shared.close()
    return work


@dataclass(frozen=True)
class Run:
    """Generations that were made, and what that took."""

    generations: int
    workers: int
    places: int
    seconds: float
    usage: clusters.Usage

    def row(self, name: str, picture: float) -> dict[str, float]:
        """The time beside the larger of waiting ÷ places and picture work ÷ cores, a picture's as given."""
        number = self.generations
        waiting, work = number * LATENCY / (self.workers * self.places), number * picture / CORES
        return {
            f"{name}: seconds": self.seconds,
            f"{name}: picture work, ms each": picture * 1000,
            f"{name}: waiting ÷ places, s": waiting,
            f"{name}: picture work ÷ cores, s": work,
            f"{name}: {LARGER}": self.seconds / max(waiting, work),
            f"{name}: processor ms each, workers": self.usage.worker_seconds / number * 1000,
            f"{name}: processor ms each, pictures": self.usage.picture_seconds / number * 1000,
            f"{name}: worker process, MiB": self.usage.worker_mib,
            f"{name}: picture process, MiB": self.usage.pictures_mib,
        }


def against_the_bound(*, generations: int, workers: int, places: int) -> Run:
    """From first claim to last end."""
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
            lambda: not clusters.unfinished(), seconds=600, why="work is left after 10 minutes", every=1.0
        )
    mine = Generation.objects.filter(user__in=people)
    moments = mine.aggregate(first=Min("started_at"), last=Max("finished_at"))
    assert mine.filter(status="succeeded").count() == generations
    return Run(generations, workers, places, (moments["last"] - moments["first"]).total_seconds(), usage)


def beside_plain(ours: Run, emulator: str) -> dict[str, float]:
    """Pictures a second of one process, and of django-q2 with four that block."""
    per_second = ours.generations / ours.seconds
    with plain.cluster(emulator) as made_in:
        theirs = 60 / made_in(60)
    return {
        f"one process, {ours.places} places: pictures/s": per_second,
        "plain django-q2, 4 workers: pictures/s": theirs,
        "× plain": per_second / theirs,
    }


def fair() -> dict[str, float]:
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
