"""Made-up pictures for trying out a large gallery."""

from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Count, Sum

from gallery.models import Collection, Favourite, Image, ImageTag, Original, StorageUse, Tag
from gallery.search import index
from gallery.seeding import vocabulary
from tests import factories
from tests.gallery import rows

pytestmark = pytest.mark.django_db


def seed(**options: Any) -> None:
    call_command(
        "seed_gallery", **{"images": 500, "people": 20, "tags": 100, "files": 3, "verbosity": 0} | options
    )


def entries() -> list[Any]:
    columns = (
        "id, document::text" if connection.vendor == "postgresql" else "rowid, title, prompt, notes, marks"
    )
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM {index.TABLE} ORDER BY 1")
        return cursor.fetchall()


def test_entries_are_those_that_writing_each_picture_would_make() -> None:
    seed()
    made = entries()

    index.write(Image.objects.values_list("pk", flat=True))

    assert len(made) == 500
    assert entries() == made


@pytest.mark.needs_postgres
def test_the_words_of_all_entries_are_known() -> None:
    """Though other triggers are off meanwhile, where the database lets us."""
    seed()

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT one.lexeme FROM gallery_search, unnest(document) one"
            " WHERE one.positions IS NOT NULL EXCEPT SELECT word FROM gallery_search_word"
        )
        assert cursor.fetchall() == []
        cursor.execute("SELECT word FROM gallery_search_word WHERE word ~ '^[A-Z]'")
        assert cursor.fetchall() == []


def test_counts_are_right_and_kept_from_then_on() -> None:
    seed()

    for tag in Tag.objects.annotate(real=Count("image_tags")):
        assert tag.uses == tag.real
    for collection in Collection.objects.annotate(real=Count("items")):
        assert collection.size == collection.real
    of = Image.objects.values("owner").annotate(images=Count("pk"), used=Sum("size_bytes"))
    assert {one["owner"]: (one["images"], one["used"]) for one in of} == {
        use.pk: (use.images, use.used_bytes) for use in StorageUse.objects.all()
    }
    tagged = ImageTag.objects.select_related("tag").first()
    assert tagged is not None
    tagged.delete()
    assert Tag.objects.get(pk=tagged.tag_id).uses == tagged.tag.uses - 1


def test_ids_and_times_are_in_one_order_and_go_on_after_what_is_there() -> None:
    seed(images=50)
    seed(images=50, seed=2)
    rows.image(factories.person(credits=0))

    times = list(Image.objects.order_by("pk").values_list("created_at", flat=True))

    assert len(times) == 101
    assert times == sorted(times)


def test_there_is_something_of_everything() -> None:
    seed()

    assert set(Image.objects.values_list("visibility", flat=True)) == {"private", "team", "everyone"}
    assert Image.objects.exclude(title="").exists()
    assert Image.objects.exclude(notes="").exists()
    assert Favourite.objects.exists()
    assert Collection.objects.filter(size__gt=0).exists()
    assert Original.objects.count() == 3
    assert Image.objects.filter(sources__source__isnull=False).exists()


def test_real_pictures_are_left_alone_unless_it_is_said() -> None:
    rows.image(factories.person(credits=0))

    with pytest.raises(CommandError, match="--beside-real-ones"):
        seed()
    assert Image.objects.count() == 1

    seed(images=10, beside_real_ones=True)
    assert Image.objects.count() == 11
    assert len(entries()) == 11


def test_files_may_come_from_a_folder(tmp_path: Any) -> None:
    (tmp_path / "one.png").write_bytes(factories.picture(96, 64))
    (tmp_path / "two.png").write_bytes(b"no picture")

    seed(images=5, folder=tmp_path)

    assert [(one.width, one.height) for one in Original.objects.all()] == [(96, 64)]


def test_a_folder_without_pictures_is_said(tmp_path: Any) -> None:
    with pytest.raises(CommandError, match="no picture"):
        seed(folder=tmp_path)


def test_words_and_names_differ() -> None:
    for made in (vocabulary.words(3_000), vocabulary.tag_names(3_000)):
        assert len(made) == len(set(made)) == 3_000


def test_made_up_people_have_whole_and_different_names() -> None:
    names = vocabulary.people(200)

    assert len(set(names)) == 200
    assert all(len(name.split()) == 2 for name in names)
