"""What goes into the trash leaves everywhere, comes back for thirty days, and is then deleted for good."""

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections, transaction
from django.test import Client
from django.utils import timezone

from accounts import rows as raw_rows
from accounts.models import Event, Membership, Team, User
from gallery import browsing, files, ingest, keeping, storage, telling, trash
from gallery.models import (
    Collection,
    CollectionItem,
    Favourite,
    Image,
    ImageTag,
    Original,
    StorageUse,
    Tag,
    Upload,
)
from generation import orphans
from generation.models import Output
from tests import factories
from tests.api import rows as made
from tests.gallery import rows
from tests.generation import turning

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> User:
    return factories.person(credits=0)


def seen(user: User, **walk: Any) -> list[Image]:
    return browsing.page(user, browsing.Walk(**walk)).images


def long_ago(*images: Image, days: float = 31) -> None:
    at = timezone.now() - timedelta(days=days)
    Image.objects.filter(pk__in=[image.pk for image in images]).update(trashed_at=at)


# In and out


def test_it_leaves_gallery_search_and_files_and_comes_back(owner: User) -> None:
    image, other = rows.image(owner, prompt="a red boat"), rows.image(owner, prompt="a red kite")
    assert seen(owner, text="boat") == [image]

    assert trash.put(owner, [image.pk]) == [image.pk]

    assert seen(owner) == [other]
    assert seen(owner, text="boat") == []
    assert list(trash.of(owner)) == [image]
    assert not Image.objects.visible_to(owner).filter(pk=image.pk).exists()

    assert trash.take_out(owner, [image.pk]) == [image.pk]

    assert seen(owner, text="boat") == [image]
    assert not trash.of(owner).exists()


def test_it_leaves_a_collection_and_comes_back_to_its_place(owner: User) -> None:
    images = [rows.image(owner) for _ in range(3)]
    collection = Collection.objects.create(owner=owner, name="Boats", cover=images[1])
    for place, image in enumerate(images):
        CollectionItem.objects.create(collection=collection, image=image, position=place, added_by=owner)
    walk = {"scope": "all", "collection": collection.public_id, "sort": "manual"}

    trash.put(owner, [images[1].pk])
    assert seen(owner, **walk) == [images[0], images[2]]

    trash.take_out(owner, [images[1].pk])
    assert seen(owner, **walk) == images


def test_others_pictures_and_unknown_ids_are_passed_over(owner: User) -> None:
    mine, theirs = rows.image(owner), rows.image(factories.person(), visibility=Image.Visibility.EVERYONE)

    assert trash.put(owner, [mine.pk, theirs.pk, 10**12, mine.pk]) == [mine.pk]
    assert trash.put(owner, [mine.pk]) == []
    assert trash.take_out(factories.person(), [mine.pk]) == []
    theirs.refresh_from_db()
    assert theirs.trashed_at is None


def test_what_is_over_does_not_come_back(owner: User) -> None:
    image = rows.image(owner)
    trash.put(owner, [image.pk])
    long_ago(image)

    assert trash.take_out(owner, [image.pk]) == []
    assert not trash.of(owner).exists()


def test_the_days_left_are_whole_ones(owner: User) -> None:
    image, now = rows.image(owner), timezone.now()
    for ago, left in (
        (timedelta(), 30),
        (timedelta(hours=1), 30),
        (timedelta(days=29, hours=1), 1),
        (timedelta(days=40), 0),
    ):
        image.trashed_at = now - ago
        assert trash.days_left(image, now=now) == left


def told(kind: str = "image") -> set[tuple[int | None, str]]:
    return set(Event.objects.filter(kind=kind).values_list("user_id", "subject"))


def test_who_saw_it_hears_of_it(owner: User) -> None:
    team = Team.objects.create(name="Posters")
    mate = factories.person(credits=0)
    for user in (owner, mate):
        Membership.objects.create(user=user, team=team)
    private = rows.image(owner)
    shared = rows.image(owner, visibility=Image.Visibility.TEAM, team=team)
    open_to_all = rows.image(owner, visibility=Image.Visibility.EVERYONE)
    Event.objects.all().delete()

    trash.put(owner, [private.pk, shared.pk, open_to_all.pk])

    assert told() == {
        (owner.pk, str(private.public_id)),
        (owner.pk, str(shared.public_id)),
        (mate.pk, str(shared.public_id)),
        (None, str(open_to_all.public_id)),
    }


def test_of_many_it_is_told_that_they_changed(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "SUBJECTS_MAX", 2)
    images = [rows.image(owner) for _ in range(3)]
    Event.objects.all().delete()

    trash.put(owner, [image.pk for image in images])

    assert told() == {(owner.pk, "")}


def test_batches_are_transactions_of_their_own(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trash, "BATCH", 3)
    images = [rows.image(owner) for _ in range(8)]

    assert len(trash.put(owner, [image.pk for image in images])) == 8
    assert len(trash.take_out(owner, [image.pk for image in images[:5]])) == 5
    assert trash.empty(owner) == 3
    assert Image.objects.count() == 5


# Files


@pytest.fixture
def stored(owner: User) -> Image:
    found = ingest.store(factories.picture(900, 700), keep_bytes=True, max_bytes=10**7)
    image = Image(
        owner=owner, original=ingest.record(found), prompt="a boat", visibility=Image.Visibility.EVERYONE
    )
    keeping.keep(image)
    return image


@pytest.mark.parametrize(
    ("variant", "status"), [("320", 200), ("640", 200), ("1280", 404), ("original", 404)]
)
def test_its_owner_sees_small_copies_of_it_in_the_trash(stored: Image, variant: str, status: int) -> None:
    trash.put(stored.owner, [stored.pk])
    client = Client()
    client.force_login(stored.owner)

    assert client.get(files.image_path(stored, variant)).status_code == status


def test_nobody_else_gets_its_files(stored: Image) -> None:
    address, path = files.signed_address("", stored, "320"), files.image_path(stored, "320")
    other = Client()
    other.force_login(factories.person())
    assert (Client().get(address).status_code, other.get(path).status_code) == (200, 200)

    trash.put(stored.owner, [stored.pk])

    assert (Client().get(address).status_code, other.get(path).status_code) == (404, 404)
    assert Client().get(path).status_code == 404


# For good


def test_after_thirty_days_the_row_goes_with_all_that_hung_on_it(owner: User) -> None:
    image, kept = rows.image(owner), rows.image(owner)
    tag = Tag.objects.create(name="Boats", key="boats")
    ImageTag.objects.create(image=image, tag=tag)
    Favourite.objects.create(user=owner, image=image)
    trash.put(owner, [image.pk])
    use = StorageUse.objects.get(user=owner)
    assert (use.used_bytes, use.images) == (3_800_000, 2)

    long_ago(image, days=29)
    assert trash.purge_due(timezone.now()) == 0
    long_ago(image, days=30)
    assert trash.purge_due(timezone.now()) == 1

    assert list(Image.objects.all()) == [kept]
    use.refresh_from_db()
    tag.refresh_from_db()
    assert (use.used_bytes, use.images, tag.uses) == (1_900_000, 1, 0)


def test_the_generation_keeps_the_digest(owner: User) -> None:
    image = made.image_of(factories.person())
    digest = image.original.sha256
    trash.put(image.owner, [image.pk])

    assert trash.empty(image.owner) == 1

    output = Output.objects.get()
    assert (output.image_id, output.sha256) == (None, digest)


def test_emptying_deletes_ones_own_alone(owner: User) -> None:
    other = factories.person()
    images = [rows.image(owner), rows.image(owner), rows.image(other)]
    trash.put(owner, [images[0].pk])
    trash.put(other, [images[2].pk])

    assert trash.empty(owner) == 1
    assert set(Image.objects.all()) == {images[1], images[2]}


def test_what_the_time_does_not_do_for_is_out_at_once_and_deleted_by_the_clock(
    owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trash, "BATCH", 2)
    monkeypatch.setattr(trash, "EMPTY_SECONDS", 0)
    trash.put(owner, [rows.image(owner).pk for _ in range(5)])

    assert trash.empty(owner) == 5

    assert not trash.of(owner).exists()
    assert Image.objects.count() == 3
    assert trash.purge_due(timezone.now()) == 3


def test_one_is_deleted_from_the_trash_alone(owner: User) -> None:
    image = rows.image(owner)

    assert trash.delete(owner, [image.pk]) == []
    trash.put(owner, [image.pk])
    assert trash.delete(factories.person(), [image.pk]) == []
    assert trash.delete(owner, [image.pk]) == [image.pk]


def test_what_an_unfinished_turn_goes_on_from_waits(owner: User) -> None:
    person = factories.person()
    image = turning.picture(turning.first(person))
    turn = turning.refine(person, image)
    trash.put(person, [image.pk])

    assert trash.delete(person, [image.pk]) == []
    trash.empty(person)
    assert Image.objects.filter(pk=image.pk).exists()

    turning.cancel(turn)
    assert trash.purge_due(timezone.now()) == 1


# Originals that nobody has any more


def later() -> Any:
    return timezone.now() + timedelta(hours=25)


def test_an_original_goes_when_the_last_who_has_it_is_gone(stored: Image) -> None:
    twin = Image(owner=factories.person(), original=stored.original)
    keeping.keep(twin)
    trash.put(stored.owner, [stored.pk])
    trash.empty(stored.owner)

    assert trash.delete_unused(now=later()) == (0, None)
    trash.put(twin.owner, [twin.pk])
    trash.empty(twin.owner)
    assert trash.delete_unused(now=timezone.now()) == (0, None)
    assert trash.delete_unused(now=later()) == (1, None)
    assert not Original.objects.exists()


@pytest.mark.parametrize("user", ["upload", "reference", "source"])
def test_an_original_stays_for_whoever_else_has_it(stored: Image, user: str) -> None:
    person = factories.person()
    if user == "upload":
        Upload.objects.create(owner=person, original=stored.original)
    elif user == "reference":
        from generation.references import GivenReference

        factories.generation(person, references=[GivenReference(stored.original, stored)])
    else:
        keeping.keep(
            Image(owner=person, original=rows.image(person).original),
            sources=[keeping.Source(stored.original_id, stored.pk)],
        )
    trash.put(stored.owner, [stored.pk])
    trash.empty(stored.owner)

    trash.delete_unused(now=later())

    assert Original.objects.filter(pk=stored.original_id).exists()


def test_it_goes_on_where_it_was(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trash, "BATCH", 2)
    trash.put(owner, [rows.image(owner).pk for _ in range(5)])
    trash.empty(owner)
    ids = list(Original.objects.order_by("pk").values_list("pk", flat=True))

    assert trash.delete_unused(now=later(), seconds=0) == (2, ids[1])
    assert trash.delete_unused(now=later(), after=ids[1]) == (3, None)


def test_its_files_are_removed_with_the_orphans(stored: Image) -> None:
    keeping.keep(Image(owner=stored.owner, original=rows.image(stored.owner).original))
    name = stored.original.name
    trash.put(stored.owner, [stored.pk])
    trash.empty(stored.owner)
    trash.delete_unused(now=later())

    assert orphans.remove(now=later()).removed == 3

    with pytest.raises(FileNotFoundError):
        storage.get(name)


# At once


@pytest.mark.needs_postgres
@pytest.mark.django_db(transaction=True)
def test_what_is_stored_again_at_that_moment_stays() -> None:
    """Who records the same content holds the row; whoever comes after its end makes it anew."""
    found = ingest.store(factories.picture(), keep_bytes=True, max_bytes=10**7)
    with transaction.atomic():
        first = ingest.record(found)
    with transaction.atomic():
        again = ingest.record(found)
        assert again.pk == first.pk
        deleted = in_thread(lambda: trash.delete_unused(now=later()))
        assert deleted == [(0, None)]
        Upload.objects.create(owner=factories.person(), original=again)
    assert Original.objects.filter(pk=first.pk).exists()

    Upload.objects.all().delete()
    holding, release = threading.Event(), threading.Event()
    deleting = threading.Thread(target=_delete_slowly, args=(first.pk, holding, release))
    deleting.start()
    assert holding.wait(10)
    recorded: list[Original] = []
    recording = threading.Thread(target=_record, args=(found, recorded))
    recording.start()
    time.sleep(0.3)
    assert recorded == []
    release.set()
    deleting.join(10)
    recording.join(10)
    assert recorded[0].pk != first.pk
    assert Upload.objects.get().original_id == recorded[0].pk


def _delete_slowly(pk: int, holding: threading.Event, release: threading.Event) -> None:
    with transaction.atomic():
        list(Original.objects.select_for_update().filter(pk=pk))
        Original.objects.filter(pk=pk).delete()
        holding.set()
        release.wait(10)
    connections.close_all()


def _record(found: ingest.Stored, recorded: list[Original]) -> None:
    with transaction.atomic():
        original = ingest.record(found)
        Upload.objects.create(owner=factories.person(), original=original)
    recorded.append(original)
    connections.close_all()


def in_thread(act: Any) -> list[Any]:
    found: list[Any] = []

    def run() -> None:
        found.append(act())
        connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(10)
    return found


def test_a_picture_deleted_since_it_was_looked_up_is_refused(owner: User) -> None:
    from generation.references import GivenReference
    from generation.wishes import InvalidWish

    person = factories.person()
    image = made.image_of(person)
    given = GivenReference(image.original, image)
    trash.put(person, [image.pk])

    with pytest.raises(InvalidWish) as caught:
        factories.generation(person, references=[given])
    assert caught.value.code == "unknown_reference"
    assert raw_rows.hold(Image, [image.pk, 10**12]) == {image.pk}
