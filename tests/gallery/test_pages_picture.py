"""The page of one picture: who may see it, what it says, and what its owner may change."""

import uuid

import pytest
from django.test import Client

from accounts.models import User
from gallery import browsing, provenance
from gallery.browsing import Walk
from gallery.models import Image, ImageSource, Original
from tests import factories
from tests.gallery import rows

pytestmark = pytest.mark.django_db
EVERYONE, PRIVATE = Image.Visibility.EVERYONE, Image.Visibility.PRIVATE


@pytest.fixture
def owner() -> User:
    return factories.person(name="Mara Lindqvist")


@pytest.fixture
def image(owner: User) -> Image:
    return rows.image(owner, credits=2, aspect_ratio="3:2")


def as_(client: Client, user: User) -> Client:
    client.force_login(user)
    return client


def path(image: Image) -> str:
    return f"/images/{image.public_id}/"


def text(client: Client, image: Image) -> str:
    response = client.get(path(image))
    assert response.status_code == 200, response
    return response.content.decode()


def test_the_owner_reads_the_wall_label(client: Client, owner: User, image: Image) -> None:
    page = text(as_(client, owner), image)

    for fact in (
        "a lighthouse at dusk",
        "Mara Lindqvist",
        "Gemini 2.5 Flash Image",
        "AI/ML API",
        "2 credits",
    ):
        assert fact in page
    assert "1248 × 832 · 3:2" in page
    assert "PNG, 1.8\xa0MB" in page


def test_a_teammate_gets_a_private_picture_as_not_found(client: Client, image: Image) -> None:
    assert as_(client, factories.person()).get(path(image)).status_code == 404


def test_an_unknown_picture_is_not_found(client: Client, owner: User) -> None:
    assert as_(client, owner).get(f"/images/{uuid.uuid4()}/").status_code == 404


def test_a_stranger_is_sent_to_sign_in(client: Client, image: Image) -> None:
    assert client.get(path(image)).headers["Location"].startswith("/accounts/login/")


def test_an_admin_gets_a_private_picture_as_not_found(client: Client, image: Image) -> None:
    admin = factories.person(is_staff=True, is_superuser=True)

    assert as_(client, admin).get(path(image)).status_code == 404


def test_a_teammate_sees_a_shared_picture_without_its_price_or_its_switch(
    client: Client, owner: User
) -> None:
    page = text(as_(client, factories.person()), rows.image(owner, visibility=EVERYONE))

    assert "Charged" not in page
    assert 'name="visibility"' not in page
    assert "Everyone signed in" in page


def test_the_owner_shares_it_with_everyone_and_takes_it_back(
    client: Client, owner: User, image: Image
) -> None:
    for chosen in (EVERYONE, PRIVATE):
        response = as_(client, owner).post(f"{path(image)}visibility", {"visibility": chosen})
        image.refresh_from_db()

        assert response.headers["Location"] == f"{path(image)}?panel=details"
        assert image.visibility == chosen


def test_a_teammate_may_not_change_who_sees_it(client: Client, owner: User) -> None:
    image = rows.image(owner, visibility=EVERYONE)

    response = as_(client, factories.person()).post(f"{path(image)}visibility", {"visibility": PRIVATE})

    image.refresh_from_db()
    assert response.status_code == 404
    assert image.visibility == EVERYONE


def test_an_unknown_visibility_changes_nothing(client: Client, owner: User, image: Image) -> None:
    response = as_(client, owner).post(f"{path(image)}visibility", {"visibility": "world"})

    image.refresh_from_db()
    assert response.status_code == 422
    assert image.visibility == PRIVATE


def test_sharing_needs_the_csrf_token(owner: User, image: Image) -> None:
    client = as_(Client(enforce_csrf_checks=True), owner)

    assert client.post(f"{path(image)}visibility", {"visibility": EVERYONE}).status_code == 403


def test_it_leads_to_the_studio_as_reference_and_as_prompt(client: Client, owner: User, image: Image) -> None:
    page = text(as_(client, owner), image)

    assert f'href="/?reference={image.public_id}"' in page
    assert f'href="/?prompt_of={image.public_id}"' in page
    assert f'href="/files/images/{image.public_id}/original?download=1"' in page


def test_neighbours_stay_within_the_walk(owner: User) -> None:
    older = rows.image(owner, prompt="blue")
    rows.image(owner, prompt="red")
    middle = rows.image(owner, prompt="blue")
    rows.image(factories.person(), prompt="blue", visibility=EVERYONE)
    newer = rows.image(owner, prompt="blue")

    beside = browsing.neighbours(owner, Walk(text="blue"), middle)

    assert (beside.newer, beside.older) == (newer, older)


def test_a_walk_ends_at_its_ends(owner: User, image: Image) -> None:
    beside = browsing.neighbours(owner, Walk(), image)

    assert (beside.newer, beside.older) == (None, None)


def test_a_picture_of_a_provider_says_what_is_known_of_it(owner: User, image: Image) -> None:
    said = provenance.of(image)

    assert said.title == "Made with AI"
    assert said.text == "Carries Google's invisible SynthID watermark."


def test_a_picture_of_the_emulator_claims_no_watermark(owner: User) -> None:
    said = provenance.of(rows.image(owner, provider="emulator"))

    assert said.provider == "Built-in emulator"
    assert said.text == "Made by the built-in emulator for demonstration."


def test_an_unknown_model_claims_no_watermark(owner: User) -> None:
    assert provenance.of(rows.image(owner, model="other-1")).text == ""


CREDENTIALS = {
    "state": "untrusted",
    "title": "A fox",
    "signer": "Test Signer",
    "organisation": "Test Works",
    "issued_at": "2025-11-20T10:11:12+00:00",
    "claim_generator": "Test maker 1.0",
    "actions": [
        {
            "action": "c2pa.created",
            "source_type": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
        },
        {"action": "com.example.made_<up>"},
    ],
    "chain": [{"title": "The first", "signer": "", "claim_generator": "Camera 1", "actions": []}],
}


def with_credentials(owner: User, found: dict[str, object] | None, **facts: object) -> Image:
    image = rows.image(owner, **facts)
    Original.objects.filter(pk=image.original_id).update(credentials=found)
    return Image.objects.get(pk=image.pk)


def test_signed_credentials_are_shown_with_signer_date_and_chain(client: Client, owner: User) -> None:
    page = text(as_(client, owner), with_credentials(owner, CREDENTIALS))

    assert "Carries Google&#x27;s invisible SynthID watermark and signed Content Credentials." in page
    assert "View credentials" in page
    assert "Who signed it is on no list of trusted" in page
    assert "Test Signer, Test Works" in page
    assert "20 Nov 2025, 10:11" in page
    assert "Created: made with AI; Made &lt;up&gt;" in page
    assert "Made from</strong> · The first" in page
    assert "Camera 1" in page


def test_credentials_that_do_not_match_are_warned_of(client: Client, owner: User) -> None:
    page = text(as_(client, owner), with_credentials(owner, {**CREDENTIALS, "state": "invalid"}))

    assert "The Content Credentials in this file don’t match it any more." in page
    assert "and signed Content Credentials" not in page
    assert "Don’t rely on what they say." in page


def test_credentials_that_cannot_be_read_are_said_to_be_so(client: Client, owner: User) -> None:
    page = text(as_(client, owner), with_credentials(owner, {"state": "unreadable"}))

    assert "The Content Credentials in this file can’t be read." in page
    assert "View credentials" not in page


def test_credentials_that_are_not_there_are_not_mentioned(client: Client, owner: User, image: Image) -> None:
    page = text(as_(client, owner), image)

    assert "redentials" not in page.partition("made-title")[2]


def test_credentials_of_another_maker_are_carried_alone(owner: User) -> None:
    said = provenance.of(with_credentials(owner, CREDENTIALS, model="other-1"))

    assert (said.text, said.explanation) == ("Carries signed Content Credentials.", "")


@pytest.mark.parametrize("issued_at", ["", "yesterday", "2025-99-99T10:00:00Z"])
def test_a_date_that_is_none_is_not_shown(owner: User, issued_at: str) -> None:
    said = provenance.of(with_credentials(owner, {**CREDENTIALS, "issued_at": issued_at}))

    assert said.credentials is not None
    assert said.credentials.statements[0].issued_at is None


def test_the_page_says_what_synthid_is_and_who_can_look(client: Client, owner: User, image: Image) -> None:
    page = text(as_(client, owner), image)

    assert "Easel can’t check it itself" in page
    assert "Gemini app" in page
    assert "SynthID Detector" in page


def test_an_edited_picture_is_said_to_be_edited(owner: User, image: Image) -> None:
    edited = rows.image(owner)
    ImageSource.objects.create(image=edited, position=1, original=image.original, source=image)

    assert (provenance.of(edited).title, provenance.of(image).title) == ("Edited with AI", "Made with AI")


def test_an_uploaded_picture_claims_nothing_of_ai(client: Client, owner: User) -> None:
    given = rows.image(owner, origin=Image.Origin.UPLOADED, prompt="", model="", provider="")

    page = text(as_(client, owner), given)

    assert f"<strong>Uploaded by {owner.get_full_name()}</strong>" in page
    assert "It was written anew on the way in" in page
    assert "with AI" not in page.partition("made-title")[2]


def test_the_page_asks_the_database_a_fixed_number_of_times(
    client: Client, owner: User, image: Image, django_assert_max_num_queries: object
) -> None:
    for _ in range(5):
        rows.image(owner)
    as_(client, owner)
    with django_assert_max_num_queries(28):  # type: ignore[operator]
        text(client, image)


def test_the_time_of_a_picture_says_its_zone(owner: User, image: Image) -> None:
    client = Client()
    client.force_login(owner)

    page = client.get(f"/images/{image.public_id}/").content.decode()

    assert f"{image.created_at:%H:%M} UTC</time>" in page
