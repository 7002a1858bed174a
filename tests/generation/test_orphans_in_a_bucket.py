"""The search for orphans in an S3 bucket, where a file is set aside by a copy and a removal."""

from typing import Any

import pytest
from django.utils import timezone

from gallery import ingest, storage, walking
from generation import orphans
from tests import factories
from tests.gallery.test_s3 import bucket, keys_in
from tests.generation.test_orphans import DAY, lose, names_of, store, tomorrow

__all__ = ["bucket"]  # the fixture

pytestmark = pytest.mark.django_db


@pytest.fixture
def kept(bucket: Any) -> ingest.Stored:
    stored = store(seed=77)
    ingest.record(stored)
    return stored


def test_a_walk_sees_all_and_goes_on_behind_any(bucket: Any) -> None:
    for name in ["f/a/1", "f/a-b/1", "f/b", "g/1"]:
        storage.put(name, b"x")
    every = list(walking.walk("f"))

    assert sorted(found.name for found in every) == ["f/a-b/1", "f/a/1", "f/b"]
    assert all(abs((found.modified - timezone.now()).total_seconds()) < 60 for found in every)
    for place, found in enumerate(every):
        assert [one.name for one in walking.walk("f", after=found.name)] == [
            one.name for one in every[place + 1 :]
        ]


def test_a_bucket_that_is_shared_by_a_prefix_is_searched_below_it(bucket: Any, settings: Any) -> None:
    default = settings.STORAGES["default"]
    options = {**default["OPTIONS"], "location": "easel"}
    bucket.put_object(Key="staging/of/others", Body=b"x")
    settings.STORAGES = {**settings.STORAGES, "default": {**default, "OPTIONS": options}}
    storage.put("staging/1", b"x")
    storage.put("staging/2", b"x")

    assert [found.name for found in walking.walk("staging")] == ["staging/1", "staging/2"]
    assert [found.name for found in walking.walk("staging", after="staging/1")] == ["staging/2"]


def test_orphans_go_and_what_a_row_names_stays(bucket: Any, kept: ingest.Stored) -> None:
    lose(3)
    store()
    generation = factories.generation()
    staged = f"staging/{generation.public_id}/1.1/0"
    storage.put(staged, b"x")

    assert orphans.remove(now=timezone.now()).removed == 0
    assert orphans.remove(now=tomorrow()).removed == 8
    assert orphans.look_aside(now=timezone.now()).put_back == 0
    orphans.look_aside(now=tomorrow())

    assert keys_in(bucket) == sorted(names_of(kept) | {staged})


def test_a_row_that_came_after_the_removal_has_its_file_put_back(bucket: Any, kept: ingest.Stored) -> None:
    late = store()
    orphans.remove(now=tomorrow())
    ingest.record(late)

    assert orphans.look_aside(now=tomorrow() + DAY).put_back == 2

    assert keys_in(bucket) == sorted(names_of(kept) | names_of(late))
    assert storage.get(late.name) == factories.picture()


def test_one_that_is_stored_again_between_the_copy_and_the_removal_stays(
    bucket: Any, kept: ingest.Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = store()
    modified = storage.modified
    monkeypatch.setattr(storage, "modified", lambda name: modified(name) + DAY)

    assert orphans.remove(now=tomorrow()).removed == 0
    assert keys_in(bucket) == sorted(names_of(kept) | names_of(lost))


@pytest.mark.slow
def test_a_walk_of_a_folder_with_more_than_a_page_of_objects(bucket: Any) -> None:
    for number in range(1005):
        bucket.put_object(Key=f"staging/{number:04}", Body=b"")

    assert len(list(walking.walk("staging"))) == 1005
    assert len(list(walking.walk("staging", after="staging/0001"))) == 1003
