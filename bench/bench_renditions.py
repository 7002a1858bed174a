"""Pictures a core takes in: one decode for everything, against opening the file again for each size.

The candidates take turns in one run, several rounds, medians; processor time, so that other load on the
machine matters less. "in its process" adds the pipe and counts the child's time as well.
"""

import io
import resource
import statistics
import time
from collections.abc import Callable

from PIL import Image

from bench.report import Row, report
from gallery import pictures
from gallery.picture_process import PictureProcess

ROUNDS = 5
PICTURES_A_ROUND = 6


def main() -> None:
    rows: list[Row] = []
    for name, data in {
        "PNG 1024×1024": encoded(photograph((1024, 1024)), "PNG"),
        "JPEG 1024×1024": encoded(photograph((1024, 1024)), "JPEG", quality=92),
        "PNG 2048×2048": encoded(photograph((2048, 2048)), "PNG"),
    }.items():
        rows += measured(name, data)
    report("renditions", rows)


def measured(name: str, data: bytes) -> list[Row]:
    process = PictureProcess()
    candidates: dict[str, tuple[Callable[[], object], Callable[[], float]]] = {
        "one decode": (lambda: inspect(data), time.process_time),
        "one decode, in its process": (
            lambda: process.inspect(data, keep_bytes=True, result_bytes_max=0),
            lambda: time.process_time() + child_seconds(process.pid),
        ),
        "opened for each size": (lambda: opened_for_each_size(data), time.process_time),
    }
    seconds: dict[str, list[float]] = {candidate: [] for candidate in candidates}
    for run, _ in candidates.values():
        run()
    for _ in range(ROUNDS):
        for candidate, (run, clock) in candidates.items():
            began = clock()
            for _ in range(PICTURES_A_ROUND):
                run()
            seconds[candidate].append((clock() - began) / PICTURES_A_ROUND)
    process.close()
    medians = {candidate: statistics.median(times) for candidate, times in seconds.items()}
    return [
        {
            "picture": name,
            "way": candidate,
            "CPU ms": median * 1000,
            "pictures/s a core": 1 / median,
            "× one decode": median / medians["one decode"],
        }
        for candidate, median in medians.items()
    ]


def inspect(data: bytes) -> object:
    return pictures.inspect(data, keep_bytes=True, result_bytes_max=0)


def opened_for_each_size(data: bytes) -> object:
    """The usual way: open, thumbnail, save, for each size anew."""
    longer = max(Image.open(io.BytesIO(data)).size)
    for size in pictures.RENDITION_SIZES:
        if size < longer:
            image = Image.open(io.BytesIO(data)).convert("RGB")
            image.thumbnail((size, size), Image.Resampling.LANCZOS)
            image.save(io.BytesIO(), "WEBP", quality=pictures.WEBP_QUALITY)
    return None


def child_seconds(pid: int | None) -> float:
    """Processor seconds of a running process, as Linux counts them; 0 elsewhere."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
    except FileNotFoundError:
        return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    return (int(fields[11]) + int(fields[12])) / 100


def photograph(size: tuple[int, int]) -> Image.Image:
    """Something between a drawing and noise, so that a PNG of it is as large as that of a photograph."""
    soft = Image.effect_noise((size[0] // 16, size[1] // 16), 90).resize(size, Image.Resampling.BICUBIC)
    grain = Image.effect_noise(size, 8)
    channels = [Image.blend(soft.rotate(angle), grain, 0.35) for angle in (0, 90, 180)]
    return Image.merge("RGB", channels)


def encoded(image: Image.Image, kind: str, **options: int) -> bytes:
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


if __name__ == "__main__":
    main()
