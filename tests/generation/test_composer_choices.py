"""The form offers what somebody can make, and the API refuses the rest with the reason."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts import sealing
from accounts.models import User
from generation import composer, wishes
from generation.composer import Draft, Thumb
from generation.models import Generation, ImageModel, Offer, Provider
from generation.references import GivenReference
from generation.wishes import InvalidWish
from tests import factories
from tests.api import rows

pytestmark = pytest.mark.django_db
SetUp = Callable[..., None]
REFERENCE = Thumb("", "/r.webp", "A mug")


@pytest.fixture
def user() -> User:
    return factories.person()


@pytest.fixture
def only() -> SetUp:
    """Set up the providers of these names and no others."""

    def set_up(*names: str) -> None:
        Provider.objects.update(enabled=False)
        key = sealing.seal("key-of-tests")
        Provider.objects.filter(name__in=names).update(enabled=True, sealed_key=key)

    return set_up


def test_only_the_ratios_that_the_one_live_provider_can_be_told(user: User, only: SetUp) -> None:
    only("onemin")

    shown = composer.compose(user, Draft(aspect_ratio="16:9"))

    assert [ratio.name for ratio in shown.ratios] == ["1:1"]
    assert shown.draft.aspect_ratio == "1:1"


def test_another_provider_brings_the_others_back(user: User, only: SetUp) -> None:
    only("onemin", "gmi")

    shown = composer.compose(user, Draft(aspect_ratio="16:9"))

    assert len(list(shown.ratios)) == 10
    notes = {choice.name: (choice.usable, choice.note) for choice in shown.providers}
    assert notes["onemin"] == (False, "Can't be told 16:9")
    assert notes["gmi"] == (True, "")


def test_a_chosen_provider_narrows_what_there_is(user: User, only: SetUp) -> None:
    only("onemin", "gmi")

    assert [ratio.name for ratio in composer.compose(user, Draft(provider="onemin")).ratios] == ["1:1"]


def test_sampling_is_there_when_somebody_takes_it(user: User, only: SetUp) -> None:
    only("aimlapi")
    assert not composer.compose(user, Draft()).temperature

    only("aimlapi", "google")
    assert composer.compose(user, Draft()).temperature
    assert not composer.compose(user, Draft(provider="aimlapi")).temperature


def test_sizes_have_their_prices(user: User, only: SetUp) -> None:
    only("google")

    small = composer.compose(user, Draft(model="gemini-3-pro-image"))
    large = composer.compose(user, Draft(model="gemini-3-pro-image", image_size="4K"))

    assert [size.name for size in small.sizes] == ["1K", "2K", "4K"]
    assert (small.quote.price, large.quote.price) == (8, 14)
    assert (large.ratio.width, large.ratio.height) == (4096, 4096)


def test_a_model_with_one_size_offers_none(user: User, only: SetUp) -> None:
    only("google")

    assert composer.compose(user, Draft()).sizes == []


def test_references_change_the_shapes(user: User, only: SetUp) -> None:
    only("aimlapi")

    alone = composer.compose(user, Draft(model="nano-banana"))
    with_one = composer.compose(user, Draft(model="nano-banana", references=(REFERENCE,)))

    assert len(list(alone.ratios)) == 10
    assert [ratio.name for ratio in with_one.ratios] == ["9:16", "3:4", "1:1", "4:3", "16:9"]


@pytest.mark.parametrize(
    ("wish", "field", "reason"),
    [
        ({"aspect_ratio": "16:9"}, "aspect_ratio", "No provider that is set up can be told 16:9."),
        ({"temperature": 0.5}, "temperature", "No provider that is set up takes a temperature."),
        ({"aspect_ratio": "16:9", "provider": "onemin"}, "aspect_ratio", "1min.ai can't be told 16:9."),
    ],
)
def test_what_nobody_can_make_is_refused_with_the_reason(
    only: SetUp, wish: dict[str, object], field: str, reason: str
) -> None:
    only("onemin")

    with pytest.raises(InvalidWish) as refused:
        wishes.check(prompt="a pier", **wish)  # type: ignore[arg-type]

    assert refused.value.field == field
    assert refused.value.detail.startswith(reason)


def test_with_no_provider_the_reason_names_the_model(only: SetUp) -> None:
    only()

    with pytest.raises(InvalidWish, match=r"No provider that is set up makes Gemini 2\.5 Flash Image"):
        wishes.check(prompt="a pier")


def test_the_page_works_while_no_provider_is_set_up(client: Client, user: User, only: SetUp) -> None:
    only()
    client.force_login(user)

    assert client.get("/").status_code == 200


def test_choices_are_drawn_for_what_is_chosen(client: Client, user: User, only: SetUp) -> None:
    only("aimlapi", "google")
    client.force_login(user)

    drawn = client.post("/choices", {"model": "gemini-3-pro-image", "image_size": "2K", "count": "2"})

    text = drawn.content.decode()
    assert 'name="price" value="8" data-references-max="14"' in text
    assert 'value="2K" checked' in text


def test_choices_ask_for_sign_in(client: Client) -> None:
    assert client.post("/choices").status_code == 302


def test_pages_stand_while_no_model_is_on_offer(client: Client, user: User) -> None:
    ImageModel.objects.update(enabled=False)
    client.force_login(user)

    assert client.get("/").status_code == 200
    assert client.post("/choices").status_code == 200
    assert client.post("/", {"prompt": "a pier"}).status_code == 422


def test_references_are_as_many_as_the_chosen_provider_takes(user: User, only: SetUp) -> None:
    only("google")
    assert composer.compose(user, Draft(model="gemini-3-pro-image")).references_max == 14

    Offer.objects.filter(model__slug="gemini-3-pro-image").update(abilities={})
    assert composer.compose(user, Draft(model="gemini-3-pro-image")).references_max == 3


def test_the_same_form_is_the_same_wish_whatever_changes_of_providers(client: Client, user: User) -> None:
    client.force_login(user)
    form = {"prompt": "a pier", "key": "6f9619ff-8b86-4d01-b42d-00cf4fc964ff", "count": "1"}
    client.post("/", form)
    Provider.objects.get(name="gmi").save()

    client.post("/", form)

    assert Generation.objects.count() == 1


def test_again_uses_no_picture_that_is_no_longer_shared(client: Client, user: User) -> None:
    theirs = rows.image_of(factories.person(), seed=3, visibility="team")
    generation = factories.generation(user, references=[GivenReference(theirs.original, theirs)])
    theirs.visibility = "private"
    theirs.save()
    client.force_login(user)

    answer = client.post(f"/generations/{generation.public_id}/again", headers={"X-Part": "row"})

    assert "no longer shared with you" in answer.content.decode()
    assert Generation.objects.filter(user=user).count() == 1
