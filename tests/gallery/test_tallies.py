"""Counts that the database keeps, and the index row that goes with its image."""

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from gallery import collections, keeping, likeness, tallies
from gallery.models import Collection, Image, ImageSource, ImageTag, Original, StorageUse, Tag, Upload
from gallery.search import index, rebuilding
from tests import factories
from tests.gallery import rows

pytestmark = pytest.mark.django_db


def entries() -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*) FROM {index.TABLE}")
        return int(cursor.fetchone()[0])


def used(user_id: int) -> tuple[int, int]:
    use = StorageUse.objects.get(user=user_id)
    return use.used_bytes, use.images


def test_images_and_uploads_count_for_their_owner() -> None:
    owner = factories.person(credits=0)
    image = rows.image(owner)
    upload = Upload.objects.create(owner=owner, original=image.original)

    assert used(owner.pk) == (3_800_000, 1)
    upload.delete()
    assert used(owner.pk) == (1_900_000, 1)
    image.delete()
    assert used(owner.pk) == (0, 0)


def test_a_deleted_image_leaves_the_index() -> None:
    image = rows.image(factories.person(credits=0))
    assert entries() == 1

    image.delete()

    assert entries() == 0


def test_tags_and_collections_know_their_size() -> None:
    owner = factories.person(credits=0)
    images = [rows.image(owner) for _ in range(3)]
    tag = Tag.objects.create(name="Dusk", key="dusk")
    ImageTag.objects.bulk_create(ImageTag(image=image, tag=tag) for image in images)
    collection = Collection.objects.create(owner=owner, name="Harbour")
    assert collections.file(collection.pk, images, by_id=owner.pk) == 3
    assert collections.file(collection.pk, images, by_id=owner.pk) == 0

    ImageTag.objects.filter(image=images[0]).delete()
    images[1].delete()

    tag.refresh_from_db()
    collection.refresh_from_db()
    assert (tag.uses, collection.size) == (1, 2)


def test_the_triggers_are_put_back_and_left_alone_when_they_are_there() -> None:
    tallies.remove(connection)
    owner = factories.person(credits=0)
    rows.image(owner)
    assert not StorageUse.objects.filter(user=owner).exists()

    tallies.install(connection)
    before = tallies._found(connection)
    tallies.install(connection)

    assert tallies._found(connection) == before
    assert set(before) == set(tallies.TALLIES)
    rows.image(owner)
    assert used(owner.pk) == (1_900_000, 1)


def test_an_empty_index_is_filled_with_all_that_is_known() -> None:
    owner = factories.person(credits=0)
    images = [rows.image(owner, prompt=f"mug {number}") for number in range(3)]
    Image.objects.filter(pk=images[0].pk).update(trashed_at=images[0].created_at)
    index.remove([image.pk for image in images])
    Original.objects.update(difference_hash=None, palette=[])

    rebuilding.fill_if_empty()

    assert entries() == 2
    original = Original.objects.get(pk=images[1].original_id)
    assert original.difference_hash == likeness.signed(likeness.difference_hash(bytes(768)))
    assert original.palette


def test_rebuilding_goes_on_from_where_it_was() -> None:
    owner = factories.person(credits=0)
    images = [rows.image(owner) for _ in range(3)]
    index.remove([image.pk for image in images])

    assert list(rebuilding.rebuild(after=images[0].pk)) == [images[2].pk]
    assert entries() == 2


def test_an_image_keeps_what_it_was_made_from() -> None:
    owner = factories.person(credits=0)
    first = rows.image(owner)
    image = Image(owner=owner, original=first.original, prompt="made of it")

    keeping.keep(
        image, sources=[keeping.Source(first.original_id, first.pk), keeping.Source(first.original_id)]
    )

    sources = ImageSource.objects.filter(image=image).values_list("position", "original", "source")
    assert list(sources) == [(1, first.original_id, first.pk), (2, first.original_id, None)]
    assert list(first.made_into.values_list("image", flat=True)) == [image.pk]
    assert image.size_bytes == first.original.size_bytes


def test_the_command_says_how_far_it_has_come(capsys: pytest.CaptureFixture[str]) -> None:
    image = rows.image(factories.person(credits=0))
    index.remove([image.pk])

    call_command("rebuild_search")

    assert entries() == 1
    assert capsys.readouterr().out == f"done up to {image.pk}\n"


@pytest.mark.django_db(transaction=True)
def test_all_tables_can_be_emptied_in_any_order() -> None:
    owner = factories.person(credits=0)
    upload = factories.upload(owner)
    with connection.cursor() as cursor, transaction.atomic():
        cursor.execute("DELETE FROM gallery_rendition")
        if connection.vendor == "sqlite":
            # As a flush does: its foreign keys are looked at when all is done.
            cursor.execute("DELETE FROM gallery_original")
        cursor.execute("DELETE FROM gallery_upload")

    assert not Upload.objects.filter(pk=upload.pk).exists()
