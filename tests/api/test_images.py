"""Pictures over the API: the gallery's images, their files, and uploads."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from accounts.models import Event
from gallery.models import Image, Upload
from tests import factories
from tests.api import rows
from tests.api.conftest import Caller
from tests.gallery import drawing, heic

URL = "/api/v1/images"
pytestmark = pytest.mark.django_db


def ids(answer: Any) -> list[str]:
    return [row["id"] for row in answer.json()["results"]]


def test_an_image_shows_its_size_facts_and_copies(owner: Caller) -> None:
    image = rows.finished(owner.user, prompt="A pier", aspect_ratio="3:2").outputs.get().image

    body = owner.client.get(f"{URL}/{image.public_id}").json()

    assert (body["width"], body["height"], body["content_type"]) == (64, 64, "image/png")
    assert (body["prompt"], body["aspect_ratio"], body["credits"]) == ("A pier", "3:2", 2)
    assert (body["visibility"], body["mine"], body["provider"]) == ("private", True, "aimlapi")
    assert all(copy["url"].startswith("http://testserver/api/v1/images/") for copy in body["renditions"])


def test_the_list_has_ones_own_and_what_is_shared(owner: Caller, teammate: Caller) -> None:
    mine = rows.image_of(owner.user, seed=1)
    rows.image_of(teammate.user, seed=2)
    shared = rows.image_of(teammate.user, seed=3, visibility=Image.Visibility.EVERYONE)

    assert ids(owner.client.get(URL)) == [str(shared.public_id), str(mine.public_id)]
    assert ids(owner.client.get(f"{URL}?mine=true")) == [str(mine.public_id)]
    assert ids(owner.client.get(f"{URL}?mine=false")) == [str(shared.public_id)]


def test_mine_is_true_or_false(owner: Caller) -> None:
    assert owner.client.get(f"{URL}?mine=banana").json()["code"] == "invalid_choice"
    assert owner.client.get(f"{URL}?mine=").json()["code"] == "blank"


def test_the_list_costs_the_same_number_of_queries(owner: Caller, django_assert_max_num_queries: Any) -> None:
    def queries(expected: int) -> int:
        with django_assert_max_num_queries(20) as captured:
            assert len(ids(owner.client.get(URL))) == expected
        return len(captured)

    rows.image_of(owner.user, seed=0)
    owner.client.get(URL)
    few = queries(1)
    for seed in range(1, 6):
        rows.image_of(owner.user, seed=seed)

    assert queries(6) == few


def test_the_owner_shares_an_image(owner: Caller, teammate: Caller) -> None:
    image = rows.image_of(owner.user)

    answer = owner.client.patch(f"{URL}/{image.public_id}", {"visibility": "everyone"})

    assert (answer.status_code, answer.json()["visibility"]) == (200, "everyone")
    assert teammate.client.get(f"{URL}/{image.public_id}").status_code == 200
    # Told to everybody: who may see it now, and who no longer may.
    assert Event.objects.filter(user=None, kind="image", subject=str(image.public_id)).exists()


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"visibility": "world"},
        {"visibility": None},
        {"prompt": "x"},
        [],
        {"title": None},
        {"title": "x" * 121},
        {"notes": "x" * 4001},
        {"title": "fine", "visibility": "team"},
    ],
)
def test_a_change_that_means_nothing_is_refused(owner: Caller, change: Any) -> None:
    image = rows.image_of(owner.user)

    answer = owner.client.patch(f"{URL}/{image.public_id}", change)

    assert answer.status_code == 400
    image.refresh_from_db()
    assert (image.visibility, image.title) == ("private", "")


def test_the_file_is_the_stored_picture_byte_for_byte(owner: Caller) -> None:
    image = rows.image_of(owner.user, seed=4)

    answer = owner.client.get(f"{URL}/{image.public_id}/file", headers={"Accept": "image/*"})

    assert answer.getvalue() == factories.picture(seed=4)
    assert answer["Content-Type"] == "image/png"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"


def test_a_size_is_one_of_the_copies(owner: Caller) -> None:
    image = rows.image_of(owner.user)

    assert owner.client.get(f"{URL}/{image.public_id}/file?size=320").status_code == 200
    wrong = owner.client.get(f"{URL}/{image.public_id}/file?size=321")
    assert (wrong.status_code, wrong.json()["code"]) == (400, "unknown_size")


def test_an_address_ends_after_five_minutes_but_not_for_a_key(owner: Caller, stranger: Client) -> None:
    image = rows.image_of(owner.user)
    url = owner.client.get(f"{URL}/{image.public_id}").json()["url"]
    start = timezone.now()

    with time_machine.travel(start + timedelta(minutes=4, seconds=50), tick=False):
        assert stranger.get(url).status_code == 200
    with time_machine.travel(start + timedelta(minutes=6), tick=False):
        assert stranger.get(url).status_code == 401
        assert owner.client.get(url).status_code == 200


def test_a_token_opens_no_other_picture_and_no_other_size(owner: Caller, stranger: Client) -> None:
    one, other = rows.image_of(owner.user, seed=1), rows.image_of(owner.user, seed=2)
    url = owner.client.get(f"{URL}/{one.public_id}").json()["url"]

    assert stranger.get(url.replace(str(one.public_id), str(other.public_id))).status_code == 401
    assert stranger.get(url.replace("size=original", "size=320")).status_code == 401
    assert stranger.get(url[:-1] + ("A" if url[-1] != "A" else "B")).status_code == 401


def test_an_upload_is_taken_and_can_be_looked_at(owner: Caller) -> None:
    file = SimpleUploadedFile("../my mug.png", factories.picture(80, 60), "application/pdf")

    answer = owner.client.post("/api/v1/uploads", {"file": file}, format="multipart")

    body = answer.json()
    assert answer.status_code == 201
    assert (body["width"], body["height"], body["content_type"]) == (80, 60, "image/png")
    assert body["file_name"] == "my mug.png"
    assert owner.client.get(answer["Location"]).json() == body


def test_an_upload_can_be_taken_back(owner: Caller) -> None:
    upload = factories.upload(owner.user)

    assert owner.client.delete(f"/api/v1/uploads/{upload.public_id}").status_code == 204

    assert not Upload.objects.exists()
    assert owner.client.get(f"/api/v1/uploads/{upload.public_id}").status_code == 404


def test_a_deleted_upload_leaves_the_generation_its_reference(owner: Caller) -> None:
    upload = factories.upload(owner.user)
    given = {"prompt": "This", "references": [str(upload.public_id)]}
    generation = owner.client.post("/api/v1/generations", given).json()

    owner.client.delete(f"/api/v1/uploads/{upload.public_id}")

    again = owner.client.get(f"/api/v1/generations/{generation['id']}").json()
    assert len(again["references"]) == 1


def test_an_upload_of_heic_is_stored_as_what_browsers_show(owner: Caller) -> None:
    file = SimpleUploadedFile("IMG_0042.jpg", heic.picture(), "image/jpeg")

    body = owner.client.post("/api/v1/uploads", {"file": file}, format="multipart").json()

    assert (body["content_type"], body["width"], body["height"]) == ("image/jpeg", 400, 300)


def test_an_upload_of_damaged_heic_is_refused(owner: Caller) -> None:
    file = SimpleUploadedFile("IMG_0042.heic", heic.picture()[:5000], "image/heic")

    answer = owner.client.post("/api/v1/uploads", {"file": file}, format="multipart")

    assert (answer.status_code, answer.json()["code"]) == (400, "unreadable")
    assert "IMG_0042.heic is damaged" in answer.json()["detail"]


def test_an_upload_may_have_more_than_providers_take(owner: Caller) -> None:
    data = drawing.encoded(drawing.noise((1700, 1700)), compress_level=1)
    file = SimpleUploadedFile("noise.png", data, "image/png")

    answer = owner.client.post("/api/v1/uploads", {"file": file}, format="multipart")

    assert len(data) > 7 * 1024 * 1024
    assert (answer.status_code, answer.json()["width"]) == (201, 1700)
