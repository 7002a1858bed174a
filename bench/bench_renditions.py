"""Copies of a picture: which format and settings, how quick beside pyvips, and what memory they take.

Pictures are the emulator's paintings and, where they lie beside the checkout, real ones. The candidates take
turns in one run, several rounds, medians; processor time, so that other load on the machine matters less.
All make the same sizes from one decode. The score is SSIMULACRA2 of a copy beside the original made as small
by LANCZOS without loss.
"""

import io
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from bench.environments import python_with
from bench.report import Row, report

os.environ |= {"DJANGO_SETTINGS_MODULE": "config.settings", "DATA_DIR": tempfile.mkdtemp()}
from gallery import decoding, pictures
from gallery.picture_process import PictureProcess
from generation.emulator.painter import paint

ROUNDS = 5
TIMES = 2
REAL = Path(__file__).resolve().parents[2] / "shared" / "data"
Copies = dict[int, bytes]

FORMATS: dict[str, tuple[str, dict[str, int]]] = {
    "WebP method 0, quality 80": ("WEBP", {"method": 0, "quality": 80}),
    "WebP method 2, quality 78": ("WEBP", {"method": 2, "quality": 78}),
    "WebP method 4, quality 78": ("WEBP", {"method": 4, "quality": 78}),
    "AVIF speed 9, quality 60": ("AVIF", {"speed": 9, "quality": 60}),
    "JPEG quality 84": ("JPEG", {"quality": 84}),
}


def main() -> None:
    given = samples()
    with tempfile.TemporaryDirectory() as folder:
        for name, data in given.items():
            (Path(folder) / f"{name}.picture").write_bytes(data)
        report("renditions_formats", formats(Path(folder), given))
        report("renditions_pyvips", beside_vips(Path(folder), given))
        report("renditions_memory", memory(given))


def samples() -> dict[str, bytes]:
    """Pictures by name: paintings as PNG, as providers send them, and real ones."""
    prompts = ("a lighthouse at dusk", "a glass bottle on a table", "balloons over misty ridges", "donuts")
    found = {}
    for number, prompt in enumerate(prompts):
        target = io.BytesIO()
        paint(prompt, index=number, size=(1024, 1024)).save(target, "PNG")
        found[f"painting{number}"] = target.getvalue()
    for path in sorted(REAL.glob("*.*g")) if REAL.is_dir() else ():
        found[path.stem] = path.read_bytes()
    return found


# Which format


def formats(folder: Path, given: dict[str, bytes]) -> list[Row]:
    seconds: dict[str, list[float]] = {name: [] for name in FORMATS}
    made: dict[str, dict[str, Copies]] = {}
    for _ in range(ROUNDS):
        for name, (kind, options) in FORMATS.items():
            began = time.process_time()
            made[name] = {one: ours(data, kind, options) for one, data in given.items()}
            seconds[name].append((time.process_time() - began) / len(given))
    with quality() as score:
        return [
            {
                "format": name,
                "CPU ms a picture": statistics.median(times) * 1000,
                "kB a picture": sum(len(c) for of in made[name].values() for c in of.values())
                / len(given)
                / 1000,
                "SSIMULACRA2": scored(score, folder, given, made[name]),
            }
            for name, times in seconds.items()
        ]


def ours(data: bytes, kind: str = "WEBP", options: dict[str, int] | None = None) -> Copies:
    """The copies as Easel makes them, with another format where it is given."""
    options = options or {"method": pictures.WEBP_METHOD, "quality": pictures.WEBP_QUALITY}
    current, _ = decoding.decode(data)
    full, copies = current.size, {}
    for size in pictures.RENDITION_SIZES:
        if size < max(full):
            current = pictures.shrunk(current, size, of=full)
            copies[size] = pictures.saved(current, kind, **options)
    return copies


def scored(
    score: Callable[[Path, Path], float], folder: Path, given: dict[str, bytes], made: dict[str, Copies]
) -> float:
    """The mean score of all copies."""
    scores = []
    for name, copies in made.items():
        picture = Image.open(io.BytesIO(given[name])).convert("RGB")
        for copy in copies.values():
            shown = Image.open(io.BytesIO(copy)).convert("RGB")
            one, other = folder / "one.png", folder / "other.png"
            picture.resize(shown.size, Image.Resampling.LANCZOS).save(one, compress_level=1)
            shown.save(other, compress_level=1)
            scores.append(score(one, other))
    return statistics.mean(scores)


# Beside pyvips


def beside_vips(folder: Path, given: dict[str, bytes]) -> list[Row]:
    python = python_with("pyvips", "pyvips-binary")
    order: dict[str, Any] = {
        "folder": str(folder),
        "sizes": list(pictures.RENDITION_SIZES),
        "times": TIMES,
        "format": ".webp",
        "options": {"Q": pictures.WEBP_QUALITY, "effort": pictures.WEBP_METHOD},
    }
    mine, theirs = [], []
    worker = [python, str(Path(__file__).with_name("vips_worker.py"))]
    with quality() as score, lines(worker) as ask:
        # Its quality is the one that looks as good as ours, to within a point.
        wanted = scored(score, folder, given, {name: ours(data) for name, data in given.items()})
        for vips_quality in range(pictures.WEBP_QUALITY + 4, 40, -4):
            order["options"]["Q"] = vips_quality
            ask(json.dumps({**order, "times": 1}))
            of_vips = copies_of_vips(folder, given)
            if (reached := scored(score, folder, given, of_vips)) <= wanted + 1:
                break
        for round_ in range(ROUNDS + 1):
            began = time.process_time()
            for _ in range(TIMES):
                for data in given.values():
                    ours(data)
            mine.append((time.process_time() - began) / TIMES / len(given))
            theirs.append(float(json.loads(ask(json.dumps(order)))))
            if round_ == 0:  # warmed up
                mine.clear(), theirs.clear()
    ms, vips_ms = statistics.median(mine) * 1000, statistics.median(theirs) * 1000
    return [
        {
            "way": way,
            "quality": quality_asked,
            "CPU ms a picture": of,
            "pictures/s a core": 1000 / of,
            "SSIMULACRA2": points,
            "pictures/s ÷ pyvips": vips_ms / of,
        }
        for way, quality_asked, of, points in (
            ("Easel", pictures.WEBP_QUALITY, ms, wanted),
            ("pyvips", vips_quality, vips_ms, reached),
        )
    ]


def copies_of_vips(folder: Path, given: dict[str, bytes]) -> dict[str, Copies]:
    """What pyvips made last."""
    return {
        name: {
            size: (folder / f"{name}.vips.{size}").read_bytes()
            for size in pictures.RENDITION_SIZES
            if (folder / f"{name}.vips.{size}").exists()
        }
        for name in given
    }


@contextmanager
def quality() -> Iterator[Callable[[Path, Path], float]]:
    with lines([python_with("ssimulacra2"), str(Path(__file__).with_name("quality_worker.py"))]) as ask:
        yield lambda one, other: float(ask(f"{one}\t{other}"))


@contextmanager
def lines(command: list[str]) -> Iterator[Callable[[str], str]]:
    """A process that answers each line with a line."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None

    def ask(line: str) -> str:
        process.stdin.write(line + "\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
        return process.stdout.readline()  # type: ignore[union-attr]

    try:
        yield ask
    finally:
        process.stdin.close()
        process.wait(timeout=30)


# Memory


def memory(given: dict[str, bytes]) -> list[Row]:
    """What the decoding process and the one that asks it hold more while a picture is made, at the most."""
    rows: list[Row] = []
    for name, data in given.items():
        width, height = Image.open(io.BytesIO(data)).size
        process = PictureProcess()
        # A first one loads the codecs: what they take is no picture's.
        process.inspect(tiny(), keep_bytes=True, result_bytes_max=0)
        before, mine = peak_of(process.pid), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        process.inspect(data, keep_bytes=True, result_bytes_max=0)
        added = peak_of(process.pid) - before
        here = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - mine
        process.close()
        rows.append(
            {
                "picture": name,
                "megapixels": width * height / 1e6,
                "added MiB, decoding": added / 1024,
                "added MiB, asking": here / 1024,
                "MiB a megapixel": (added + here) / 1024 / (width * height / 1e6),
            }
        )
    return rows


def peak_of(pid: int | None) -> int:
    """The most memory a process has held, KiB; Linux."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0])


def tiny() -> bytes:
    target = io.BytesIO()
    Image.effect_noise((400, 400), 60).convert("RGB").save(target, "PNG")
    return target.getvalue()


if __name__ == "__main__":
    sys.exit(main())
