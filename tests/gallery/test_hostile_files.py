"""No file harms us: each is refused or stored clean, in bounded time and memory; good ones come through."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat

from gallery import ingest, picture_process, storage
from gallery.ingest import PictureRefused
from tests.gallery import drawing, hostile

MEGABYTE = 1024 * 1024
SECONDS_MAX = 5
MEMORY_MAX = 400 * MEGABYTE
CODES = {"too_large", "not_a_picture", "too_many_pixels", "animated", "unreadable"}
FILES = hostile.all_files()


@pytest.fixture(autouse=True)
def files(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = str(tmp_path / "files")
    return tmp_path / "files"


@pytest.fixture(autouse=True, scope="module")
def no_process_left() -> Iterator[None]:
    yield
    picture_process.shared.close()


def test_there_are_enough_hostile_files() -> None:
    assert len({data for _, data in FILES}) >= 120


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("keep_bytes", [False, True], ids=["given by a person", "made by a provider"])
def test_every_hostile_file_is_refused_or_stored_in_bounds(keep_bytes: bool) -> None:
    ends: dict[str, str] = {}
    for name, data in FILES:
        began = time.monotonic()
        ends[name] = outcome(data, keep_bytes=keep_bytes)
        assert time.monotonic() - began < SECONDS_MAX, name
        assert memory_of_decoder() < MEMORY_MAX, name

    assert set(ends.values()) <= {*CODES, "stored"}
    assert {end for name, end in ends.items() if name.startswith("other_files")} <= {
        "not_a_picture",
        "unreadable",
    }
    assert {end for name, end in ends.items() if name.startswith("animations: ")} <= {
        "animated",
        "not_a_picture",
    }
    assert sum(end != "stored" for end in ends.values()) > 120


def outcome(data: bytes, *, keep_bytes: bool) -> str:
    try:
        stored = ingest.store(data, keep_bytes=keep_bytes, max_bytes=30 * MEGABYTE)
    except PictureRefused as refusal:
        return refusal.code
    if not keep_bytes:
        drawing.opened(storage.get(stored.name))
    return "stored"


def test_what_large_pictures_took_is_given_back() -> None:
    """Else the next one comes on top of it. The decoder does so once it has answered."""
    picture_process.shared.close()
    bombs = dict(FILES)
    for name in ("png of 25 million pixels in 3 kB", "png of 25 million deep pixels"):
        assert outcome(bombs[f"bombs: {name}"], keep_bytes=True) == "stored"

    ends = time.monotonic() + 10
    while memory_of_decoder("VmRSS") > 70 * MEGABYTE and time.monotonic() < ends:
        time.sleep(0.05)
    assert memory_of_decoder("VmRSS") < 70 * MEGABYTE


def memory_of_decoder(what: str = "VmHWM") -> int:
    """The most its process ever held, bytes, or what it holds now (`VmRSS`); 0 where it is gone."""
    try:
        status = Path(f"/proc/{picture_process.shared.pid}/status").read_text()
    except FileNotFoundError:
        return 0
    found = next((line for line in status.splitlines() if line.startswith(what)), f"{what}: 0 kB")
    return int(found.split()[1]) * 1024


def test_what_a_picture_carries_along_is_not_stored(files: Path) -> None:
    carriers = [data for name, data in FILES if name.startswith(("polyglots", "broken"))]

    ends = [outcome(data, keep_bytes=False) for data in carriers]

    assert ends.count("stored") > 20
    assert any(hostile.PAYLOAD in data for data in carriers)
    for path in files.rglob("*.*"):
        assert b"EASEL-HOSTILE" not in path.read_bytes()


SIZES = [(1, 1), (17, 13), (320, 200), (333, 641), (1024, 768)]
EXACT = {
    "png": ("RGB", "PNG", {}),
    "transparent png": ("RGBA", "PNG", {}),
    "grey png": ("L", "PNG", {}),
    "palette png": ("P", "PNG", {}),
    "black and white png": ("1", "PNG", {}),
    "transparent webp": ("RGBA", "WEBP", {"lossless": True, "exact": True}),
}
CLOSE = {
    "jpeg": ("RGB", "JPEG", {"quality": 90}),
    "webp": ("RGB", "WEBP", {"quality": 90}),
}


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("kind", [*EXACT, *CLOSE])
def test_a_good_picture_comes_out_the_same(kind: str, size: tuple[int, int]) -> None:
    mode, format_, options = {**EXACT, **CLOSE}[kind]
    data = drawing.encoded(drawing.scene(size, mode=mode), format_, **options)
    original = drawing.opened(data).convert("RGBA")

    stored = ingest.store(data, keep_bytes=False, max_bytes=7 * MEGABYTE)
    kept = ingest.store(data, keep_bytes=True, max_bytes=7 * MEGABYTE)

    again = drawing.opened(storage.get(stored.name)).convert("RGBA")
    assert again.size == original.size
    assert difference(original, again) <= (0 if kind in EXACT else 5)
    assert storage.get(kept.name) == data


def difference(one: Image.Image, other: Image.Image) -> float:
    """The mean difference of the worst channel, levels of 255."""
    return max(ImageStat.Stat(ImageChops.difference(one, other)).mean)


@pytest.mark.parametrize(
    ("mode", "kind"), [("CMYK", "JPEG"), ("L", "JPEG"), ("LA", "PNG"), ("I;16", "PNG"), ("L", "WEBP")]
)
def test_a_picture_of_an_odd_mode_comes_in(mode: str, kind: str) -> None:
    scene = drawing.scene((90, 60)).convert("L").convert("I").convert("I;16") if mode == "I;16" else None
    data = drawing.encoded(scene or drawing.scene((90, 60), mode=mode), kind)

    stored = ingest.store(data, keep_bytes=False, max_bytes=MEGABYTE)

    assert drawing.opened(storage.get(stored.name)).size == (90, 60)


def test_cmyk_keeps_its_colours() -> None:
    data = drawing.encoded(Image.new("CMYK", (50, 50), (0, 255, 255, 0)), "JPEG")

    stored = ingest.store(data, keep_bytes=False, max_bytes=MEGABYTE)

    red, green, blue = drawing.opened(storage.get(stored.name)).getpixel((9, 9))
    assert (red > 200, green < 60, blue < 60) == (True, True, True)
