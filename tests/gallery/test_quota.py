"""How much a person may keep: what is used, who says how much, and what an admin's word leaves behind."""

from typing import Any

import pytest
from django.test import Client

from accounts import administration
from accounts.ledger_refusals import Refusal
from accounts.models import AdminAct, User
from gallery import quota
from gallery.models import StorageUse
from gallery.quota import QuotaExceeded, Use
from tests import factories
from tests.gallery import rows

pytestmark = pytest.mark.django_db
ADD = "/admin/gallery/storageuse/add/"


@pytest.fixture
def boss() -> User:
    return factories.person(is_staff=True, is_superuser=True)


@pytest.fixture
def person() -> User:
    return factories.person(name="Elif Vural")


def test_without_a_quota_there_is_room(person: User) -> None:
    rows.image(person)

    assert quota.use_of(person) == Use(1_900_000, None)
    quota.check(person, 2**60)


def test_uploads_count_as_images_do(person: User) -> None:
    upload = factories.upload(person)
    assert quota.use_of(person).used_bytes == upload.original.size_bytes
    upload.delete()
    assert quota.use_of(person).used_bytes == 0


@pytest.mark.parametrize(("more", "is_refused"), [(0, False), (100_000, False), (100_001, True)])
def test_there_is_room_up_to_the_last_byte(person: User, settings: Any, more: int, is_refused: bool) -> None:
    rows.image(person)
    settings.STORAGE_QUOTA_BYTES = 2_000_000

    if is_refused:
        with pytest.raises(QuotaExceeded, match=r"1.8 MB of 1.9 MB"):
            quota.check(person, more)
    else:
        quota.check(person, more)


def test_ones_own_goes_before_the_usual(person: User, boss: User, settings: Any) -> None:
    settings.STORAGE_QUOTA_BYTES = 10
    quota.set_quota(by=boss, user=person, quota_bytes=4_000_000, reason="Prints in A0")
    rows.image(person)

    assert quota.use_of(person) == Use(1_900_000, 4_000_000)
    assert (quota.use_of(person).left_bytes, quota.use_of(person).percent) == (2_100_000, 47)
    quota.set_quota(by=boss, user=person, quota_bytes=None, reason="Done")
    assert quota.use_of(person).quota_bytes == 10
    assert StorageUse.objects.get(user=person).used_bytes == 1_900_000


def test_none_at_all_lets_nothing_in(person: User, boss: User) -> None:
    quota.set_quota(by=boss, user=person, quota_bytes=0, reason="On leave")

    with pytest.raises(QuotaExceeded):
        quota.check(person)


def test_an_admins_word_is_recorded(person: User, boss: User) -> None:
    quota.set_quota(by=boss, user=person, quota_bytes=20 * 1024**3, reason="Prints")

    act = AdminAct.objects.get(verb="set_quota")
    assert (act.by, act.subject_id, act.reason) == (boss, str(person.pk), "Prints")
    assert (act.before, act.after) == ({"storage_quota": "the usual"}, {"storage_quota": "20 GB"})


@pytest.mark.parametrize(("size", "reason"), [(-1, "x"), (2**51, "x"), (5, " ")])
def test_what_is_no_quota_is_refused(person: User, boss: User, size: int, reason: str) -> None:
    with pytest.raises(Refusal):
        quota.set_quota(by=boss, user=person, quota_bytes=size, reason=reason)
    assert not AdminAct.objects.exists()


def test_who_may_not_set_rules_sets_none(person: User) -> None:
    with pytest.raises(administration.NotAllowed):
        quota.set_quota(by=person, user=person, quota_bytes=None, reason="More")


def test_it_is_set_in_the_admin(person: User, boss: User, client: Client) -> None:
    rows.image(person)
    client.force_login(boss)

    for gigabytes, expected in (("1.5", 1_610_612_736), ("", None)):
        answer = client.post(ADD, {"user": person.pk, "gigabytes": gigabytes, "reason": "Prints"})
        assert answer.status_code == 302
        use = StorageUse.objects.get(user=person)
        assert (use.quota_bytes, use.used_bytes) == (expected, 1_900_000)
    assert "1.8 MB" in client.get("/admin/gallery/storageuse/").content.decode()
    assert client.get(f"/admin/gallery/storageuse/{person.pk}/change/").status_code == 200


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 bytes"),
        (830, "830 bytes"),
        (1536, "1.5 kB"),
        (5 * 1024**3, "5 GB"),
        (1023 * 1024**3, "1023 GB"),
    ],
)
def test_sizes_in_words(size: int, words: str) -> None:
    assert quota.in_words(size) == words
