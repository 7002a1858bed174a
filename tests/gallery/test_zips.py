"""ZIP files as other programs read them, also those that were gone on with and those beyond 4 GB."""

import io
import os
import shutil
import subprocess
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from gallery import zips
from gallery.zips import Writer

WHEN = datetime(2026, 3, 1, 12, 30, 41, tzinfo=UTC)
names = some.text("abcé❄-_ .", min_size=1, max_size=30)


@given(contents=some.dictionaries(names, some.binary(max_size=300), max_size=8), stops=some.integers(0, 8))
def test_what_goes_in_comes_out_whether_it_was_interrupted_or_not(
    contents: dict[str, bytes], stops: int
) -> None:
    file = io.BytesIO()
    writer = Writer(file, when=WHEN)
    for number, (name, data) in enumerate(contents.items()):
        if number == stops:
            writer = Writer(file, when=WHEN, entries=writer.entries)
        writer.add(name, data)
    writer.finish()

    with zipfile.ZipFile(file) as read:
        assert read.testzip() is None
        assert {one.filename: read.read(one) for one in read.infolist()} == contents
        assert all(one.compress_type == zipfile.ZIP_STORED for one in read.infolist())
        assert all(one.date_time == (2026, 3, 1, 12, 30, 40) for one in read.infolist())


def test_a_stream_is_counted_and_then_written() -> None:
    file = io.BytesIO()
    writer = Writer(file, when=WHEN)

    entry = writer.add_stream("a", lambda: iter([b"one ", b"two"]))
    writer.finish()

    assert entry.size == 7
    assert zipfile.ZipFile(file).read("a") == b"one two"


def test_unzip_finds_no_fault(tmp_path: Path) -> None:
    if shutil.which("unzip") is None:
        pytest.skip("needs unzip: apt install unzip")
    path = tmp_path / "a.zip"
    with path.open("wb") as file:
        writer = Writer(file, when=WHEN)
        for number in range(100):
            writer.add(f"ümlaut-{number}.png", os.urandom(1000))
        writer.finish()

    done = subprocess.run(["unzip", "-tq", str(path)], capture_output=True, check=False)

    assert (done.returncode, b"No errors" in done.stdout) == (0, True)


def test_more_files_than_16_bits_count(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with path.open("wb") as file:
        writer = Writer(file, when=WHEN)
        for number in range(70_000):
            writer.add(str(number), b"")
        writer.finish()

    with zipfile.ZipFile(path) as read:
        assert len(read.infolist()) == 70_000
        assert read.infolist()[-1].filename == "69999"


def test_places_and_sizes_beyond_4_gb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the file's first 5 GB a hole, and a limit that makes a small file a large one."""
    path = tmp_path / "a.zip"
    with path.open("wb") as file:
        first = Writer(file, when=WHEN).add("first", b"1")
        file.seek(5 * 1024**3)
        writer = Writer(file, when=WHEN, entries=[first])
        writer.add("far", b"22")
        writer.finish()
    with zipfile.ZipFile(path) as read:
        assert (read.read("first"), read.read("far")) == (b"1", b"22")
        assert read.getinfo("far").header_offset == 5 * 1024**3

    monkeypatch.setattr(zips, "_FULL_32", 1000)
    entry = zips.Entry("large", 0, 6 * 1024**3, 0)
    local = Writer(io.BytesIO(), when=WHEN)._local_header(entry)
    assert local.endswith((6 * 1024**3).to_bytes(8, "little") * 2)
