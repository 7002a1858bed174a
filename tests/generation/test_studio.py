"""The Studio's page and forms, through the client."""

import uuid
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from zeal import zeal_ignore

from accounts import ledger, limits
from accounts.models import User
from gallery import ingest
from gallery.models import Image, Upload
from generation import submission
from generation.models import Generation
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)
PART = {"X-Part": "row"}


@pytest.fixture
def user() -> User:
    return factories.person()


@pytest.fixture
def owner(user: User) -> Client:
    return signed_in(user)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def picture_file(name: str = "mug.png", data: bytes | None = None) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data or factories.picture(), "image/png")


def wish(**changes: Any) -> dict[str, Any]:
    filled = {"prompt": "a lighthouse", "aspect_ratio": "4:3", "count": "2", "price": "2"}
    return {**filled, "key": str(uuid.uuid4()), **changes}


def image_of(user: User) -> Image:
    stored = ingest.record(ingest.store(factories.picture(), keep_bytes=True, max_bytes=1_000_000))
    return Image.objects.create(owner=user, original=stored, prompt="an old mill", aspect_ratio="3:2")


# Who sees it


def test_a_stranger_is_sent_to_sign_in() -> None:
    answer = Client().get("/")

    assert answer.status_code == 302
    assert "/accounts/login/" in answer["Location"]


def test_the_owner_sees_their_generation_and_a_teammate_does_not(user: User, owner: Client) -> None:
    factories.generation(user, prompt="a secret garden")

    assert b"a secret garden" in owner.get("/").content
    assert b"a secret garden" not in signed_in(factories.person(is_staff=True)).get("/").content


@pytest.mark.parametrize(("method", "action"), [("get", "row"), ("post", "cancel"), ("post", "again")])
def test_a_foreign_and_an_unknown_generation_are_the_same_404(user: User, method: str, action: str) -> None:
    generation = factories.generation(user)
    stranger = signed_in(factories.person())

    for public_id in (generation.public_id, uuid.uuid4()):
        assert getattr(stranger, method)(f"/generations/{public_id}/{action}").status_code == 404
    generation.refresh_from_db()
    assert generation.status == Generation.Status.QUEUED


def test_a_first_visit_says_what_the_credits_are_worth(owner: Client) -> None:
    page = owner.get("/").content.decode()

    assert "What will you make first?" in page
    assert "1,000 credits, which is 500 images" in page


def test_the_price_is_there_without_scripts(owner: Client) -> None:
    page = " ".join(owner.get("/").content.decode().split())

    assert "1 image · <b>2 credits</b> · 998 left" in page


# Making


def test_a_submit_holds_the_price_and_comes_back_to_the_row(user: User, owner: Client) -> None:
    answer = owner.post("/", wish())

    generation = Generation.objects.get(user=user)
    assert answer.status_code == 302
    assert answer["Location"] == f"/#run-{generation.public_id}"
    assert (generation.aspect_ratio, generation.count) == ("4:3", 2)
    assert ledger.standing(user).held == 4


def test_a_script_gets_the_row(user: User, owner: Client) -> None:
    answer = owner.post("/", wish(), headers=PART)

    assert answer.status_code == 201
    assert f'id="run-{Generation.objects.get(user=user).public_id}"' in answer.content.decode()
    assert b"<html" not in answer.content


def test_the_same_form_sent_twice_makes_one_generation(user: User, owner: Client) -> None:
    form = wish()

    answers = [owner.post("/", {**form, "files": [picture_file()]}) for _ in range(2)]

    assert answers[0]["Location"] == answers[1]["Location"]
    assert Generation.objects.filter(user=user).count() == 1
    assert ledger.standing(user).held == 4


def test_a_form_that_was_changed_and_sent_again_makes_another(user: User, owner: Client) -> None:
    form = wish()

    owner.post("/", form)
    owner.post("/", {**form, "prompt": "a windmill"})

    assert Generation.objects.filter(user=user).count() == 2


def test_files_become_references_in_their_order(user: User, owner: Client) -> None:
    kept = factories.upload(user, factories.picture(seed=1))
    image = image_of(user)
    references = [str(image.public_id), str(kept.public_id)]

    owner.post("/", wish(reference=references, files=[picture_file()]))

    rows = list(Generation.objects.get(user=user).references.all())
    assert [row.position for row in rows] == [1, 2, 3]
    assert rows[0].image == image
    assert rows[1].original_id == kept.original_id


def test_line_breaks_of_a_prompt_are_single_characters(user: User, owner: Client) -> None:
    owner.post("/", wish(prompt="a mill\r\nby a brook"))

    assert Generation.objects.get(user=user).prompt == "a mill\nby a brook"


# Refusals


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"prompt": " "}, "Write a prompt first."),
        ({"prompt": "x" * 8_001}, "the limit is 8,000"),
        ({"prompt": "a\x00b"}, "Null characters are not allowed."),
        ({"model": "unheard-of"}, "unheard-of isn&#x27;t on offer."),
        ({"aspect_ratio": "7:5"}, "7:5 isn&#x27;t on offer."),
        ({"count": "0"}, "Ask for 1 to 4 images."),
        ({"count": "5"}, "Ask for 1 to 4 images."),
        ({"count": "many"}, "Say how many images as a number."),
        ({"provider": "nobody"}, "nobody isn&#x27;t set up."),
        ({"temperature": "1.7"}, "No provider that is set up takes a temperature."),
        ({"price": "1"}, "This now costs 4 credits, not 2."),
        ({"reference": str(uuid.uuid4())}, "Reference 1 isn&#x27;t a picture of yours."),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_a_refusal_says_why_and_charges_nothing(
    user: User, owner: Client, changes: dict[str, str], sentence: str
) -> None:
    answer = owner.post("/", wish(**changes))

    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert not Generation.objects.exists()
    assert ledger.standing(user).held == 0


def test_nothing_typed_is_lost_by_a_refusal(user: User, owner: Client) -> None:
    kept = factories.upload(user)

    answer = owner.post(
        "/",
        wish(prompt="a very <long> prompt", count="9", reference=str(kept.public_id), files=[picture_file()]),
    )

    page = answer.content.decode()
    added = Upload.objects.latest("pk")
    assert "a very &lt;long&gt; prompt" in page
    assert 'value="4:3" data-pixels="1184 × 864 px" checked' in page
    for upload in (kept, added):
        assert f'name="reference" value="{upload.public_id}"' in page


def test_too_few_credits_offer_what_they_would_do_for() -> None:
    poor = factories.person(credits=3)

    answer = signed_in(poor).post("/", wish(count="4"))

    assert answer.status_code == 402
    page = answer.content.decode()
    assert "4 images cost 8 credits, you have 3." in page
    assert "Make 1 for 2" in page


def test_the_offered_number_can_be_made_by_its_button() -> None:
    poor = factories.person(credits=3)

    signed_in(poor).post("/", wish(count="4", make="1"))

    assert Generation.objects.get(user=poor).count == 1


def test_a_cap_that_is_reached_refuses_in_words_and_holds_nothing(user: User, owner: Client) -> None:
    limits.set_cap(allowed=3, period="day", reason="for a test", by=user, now=timezone.now(), user=user)

    answer = owner.post("/", wish(prompt="not lost", count="2"), headers=PART)
    page = owner.post("/", wish(prompt="not lost", count="2"))

    assert answer.status_code == page.status_code == 422
    assert "This needs 4 credits. You may spend 3 a day" in answer.content.decode()
    assert "not lost" in page.content.decode()
    assert ledger.standing(user).held == 0


def test_repeating_beyond_a_cap_refuses_in_words(user: User, owner: Client) -> None:
    made = factories.generation(user)
    limits.set_cap(allowed=3, period="day", reason="for a test", by=user, now=timezone.now(), user=user)

    answer = owner.post(f"/generations/{made.public_id}/again", headers=PART)

    assert answer.status_code == 422
    assert "This needs 2 credits. You may spend 3 a day" in answer.content.decode()


def test_without_credits_the_page_says_so_at_once() -> None:
    page = signed_in(factories.person(credits=0)).get("/").content.decode()

    assert "1 image costs 2 credits, you have 0." in page
    assert 'name="make"' not in page.split("<template")[0]


def test_a_fourth_reference_is_refused_and_three_are_kept(user: User, owner: Client) -> None:
    files = [picture_file(data=factories.picture(seed=seed)) for seed in range(4)]

    # One reference after the other is taken in, and there are never more than three.
    with zeal_ignore():
        answer = owner.post("/", wish(files=files))

    page = answer.content.decode()
    assert "You can use up to 3 references. Remove one to add this." in page
    assert all(str(upload.public_id) in page for upload in Upload.objects.filter(owner=user))
    assert Upload.objects.count() == 3


def test_a_file_that_is_no_picture_is_refused_by_its_name(owner: Client) -> None:
    answer = owner.post("/", wish(files=[picture_file("notes.pdf", b"%PDF-1.7")]))

    assert answer.status_code == 422
    assert "notes.pdf isn&#x27;t a picture Easel can use." in answer.content.decode()


def test_a_reference_is_removed_without_losing_the_rest(user: User, owner: Client) -> None:
    first, second = factories.upload(user), factories.upload(user, factories.picture(seed=2))
    references = [str(first.public_id), str(second.public_id)]

    answer = owner.post("/", wish(prompt="kept words", reference=references, remove=references[0]))

    page = answer.content.decode()
    assert answer.status_code == 200
    assert "kept words" in page
    assert references[1] in page
    assert references[0] not in page
    assert not Generation.objects.exists()


# Uploading at once


def test_an_upload_answers_its_id_and_small_picture(user: User, owner: Client) -> None:
    answer = owner.post("/uploads", {"file": picture_file()})

    upload = Upload.objects.get(owner=user)
    assert answer.status_code == 201
    assert answer.json() == {
        "id": str(upload.public_id),
        "src": f"/files/uploads/{upload.public_id}/320",
        "name": "mug.png",
    }


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [(b"no picture", 400, "not_a_picture"), (b"x" * (30 * 1024 * 1024 + 1), 413, "too_large")],
    ids=["not_a_picture", "too_large"],
)
def test_a_refused_upload_says_why(owner: Client, data: bytes, status: int, code: str) -> None:
    answer = owner.post("/uploads", {"file": picture_file("holiday.png", data)})

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert "holiday.png" in answer.json()["detail"]
    assert not Upload.objects.exists()


# From elsewhere


def test_a_generation_can_be_brought_back_into_the_composer(user: User, owner: Client) -> None:
    upload = factories.upload(user)
    references = [factories.GivenReference(upload.original)]
    generation = factories.generation(user, references=references, prompt="a tall ship", aspect_ratio="9:16")

    page = owner.get("/", {"again": str(generation.public_id)}).content.decode()

    assert ">\na tall ship</textarea>" in page
    assert f'name="reference" value="{upload.public_id}"' in page
    assert 'value="9:16" data-pixels="768 × 1344 px" checked' in page


def test_an_image_gives_its_prompt_or_itself(user: User, owner: Client) -> None:
    image = image_of(user)

    by_prompt = owner.get("/", {"prompt_of": str(image.public_id)}).content.decode()
    by_picture = owner.get("/", {"reference": str(image.public_id)}).content.decode()

    assert ">\nan old mill</textarea>" in by_prompt
    assert f'name="reference" value="{image.public_id}"' in by_picture


@pytest.mark.parametrize("name", ["again", "prompt_of", "reference"])
def test_a_foreign_or_broken_id_brings_nothing(user: User, name: str) -> None:
    stranger = signed_in(factories.person())
    foreign = factories.generation(user).public_id if name == "again" else image_of(user).public_id

    for text in (str(foreign), "junk"):
        page = stranger.get("/", {name: text}).content.decode()
        assert ">\n</textarea>" in page
        assert str(foreign) not in page


# Rows


def test_cancelling_gives_the_credits_back(user: User, owner: Client) -> None:
    generation = factories.generation(user)

    answer = owner.post(f"/generations/{generation.public_id}/cancel", headers=PART)

    assert b"Cancelled" in answer.content
    assert ledger.standing(user).held == 0


def test_cancelling_what_has_ended_shows_how_it_ended(user: User, owner: Client) -> None:
    generation = factories.generation(user)
    submission.cancel(generation=generation, now=timezone.now())

    answer = owner.post(f"/generations/{generation.public_id}/cancel", follow=True)

    assert "This had ended already." in answer.content.decode()


def test_again_submits_the_same_wish_once_for_each_key(user: User, owner: Client) -> None:
    upload = factories.upload(user)
    references = [factories.GivenReference(upload.original)]
    first = factories.generation(user, references=references, count=4, aspect_ratio="3:2")
    form = {"key": str(uuid.uuid4()), "count": "1", "price": "2"}

    for _ in range(2):
        owner.post(f"/generations/{first.public_id}/again", form)

    second = Generation.objects.exclude(pk=first.pk).get()
    assert (second.prompt, second.aspect_ratio, second.count) == (first.prompt, "3:2", 1)
    assert [row.original_id for row in second.references.all()] == [upload.original_id]


def test_again_without_credits_says_so_and_keeps_the_wish() -> None:
    poor = factories.person(credits=8)
    generation = factories.generation(poor, count=4, prompt="a tall ship")

    client = signed_in(poor)
    answer = client.post(
        f"/generations/{generation.public_id}/again", {"count": "4", "price": "2"}, follow=True
    )

    page = answer.content.decode()
    assert "you have 0" in page
    assert ">\na tall ship</textarea>" in page


def test_older_rows_are_a_link_away(user: User, owner: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("generation.feed.PAGE", 1)
    first = factories.generation(user, prompt="the first one")
    second = factories.generation(user, prompt="the second one")

    page = owner.get("/").content.decode()
    assert f"?before={second.public_id}" in page
    older = owner.get("/", {"before": str(second.public_id)}).content.decode()
    assert f'id="run-{first.public_id}"' in older
    assert f'id="run-{second.public_id}"' not in older
