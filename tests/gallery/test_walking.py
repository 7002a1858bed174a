"""A walk sees every file in the order of names, goes on where an earlier one stopped, and holds few names."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from gallery import storage, walking

pytestmark = pytest.mark.django_db  # for a folder of its own

NAMES = ["f/a/1", "f/a/2/x", "f/a-b/1", "f/b", "f/c/1"]


@pytest.fixture(autouse=True)
def stored() -> None:
    for name in [*NAMES, "other/1"]:
        storage.put(name, name.encode())


def names(**options: Any) -> list[str]:
    return [found.name for found in walking.walk("f", **options)]


def test_it_sees_every_file_of_the_folder_and_no_other() -> None:
    assert sorted(names()) == sorted(NAMES)
    assert names(after="") == names()


def test_it_goes_on_behind_any_file() -> None:
    every = names()

    for place, name in enumerate(every):
        assert names(after=name) == every[place + 1 :]


def test_it_goes_on_where_a_file_is_gone() -> None:
    every = names()
    storage.delete("f/a/2/x")

    assert names(after="f/a/2/x") == every[every.index("f/a/2/x") + 1 :]


def test_a_folder_larger_than_the_window_is_seen_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(10):
        storage.put(f"f/a/n{number}", b"")
    whole = names()

    for window in (1, 2, 3, 7):
        monkeypatch.setattr(walking, "WINDOW", window)
        assert names() == whole


def test_it_says_when_a_file_was_stored() -> None:
    [found] = [found for found in walking.walk("f") if found.name == "f/b"]

    assert abs(found.modified - timezone.now()) < timedelta(minutes=1)
    assert found.modified == storage.modified("f/b")


def test_an_empty_folder_is_told_and_a_folder_that_is_not_there_is_empty() -> None:
    storage.delete("f/c/1")

    assert [found.name for found in walking.walk("f") if found.is_folder] == ["f/c"]
    assert list(walking.walk("nowhere")) == []


def test_what_is_removed_during_the_walk_does_not_end_it() -> None:
    seen = []
    for found in walking.walk("f"):
        seen.append(found.name)
        for name in ("f/a/2/x", "f/c/1"):
            storage.delete(name)
        storage.remove_empty_folder("f/c")
        storage.remove_empty_folder("f/a/2")

    assert [name for name in seen if name in NAMES][-1] == "f/b"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("x")
    Path(default_storage.path("f/link")).symlink_to(tmp_path / "outside")

    assert "f/link/secret" not in names()
