"""What a provider is given for a turn: its own state where it holds one and may be told, else the picture."""

import pytest

from accounts.models import User
from gallery import storage
from gallery.models import Image
from generation import receipt_words
from generation.models import Attempt, Generation, Offer
from generation.providers.base import Abilities, Answer, ImageBytes, Spec
from tests import factories
from tests.generation import turning
from tests.generation.turning import picture, refine

pytestmark = pytest.mark.django_db(transaction=True)
STATE = b"what the vendor remembers"
REMEMBERS = Abilities(
    temperature=False, top_p=False, count_max=4, references_max=3, resumable=False, multi_turn=True
)


@pytest.fixture
def user() -> User:
    return turning.person()


@pytest.fixture(autouse=True)
def offers_that_remember() -> None:
    Offer.objects.update(abilities={"multi_turn": True, "state_max_bytes": 1_000})


def remembering(state: bytes | None = STATE, seed: int = 0):
    """An answer with a state for the next turn."""

    def answer(spec: Spec) -> Answer:
        image = ImageBytes(factories.picture(1024, 1024, seed=seed))
        return Answer(images=(image,), state=state, description="The light is warm now.")

    return answer


def begun(user: User, serve, fake, state: bytes | None = STATE) -> Generation:
    """A first turn that has delivered, with a state."""
    generation = factories.generation(user)
    serve(fake(remembering(state)))
    generation.refresh_from_db()
    return generation


def went_on(generation: Generation, serve, provider) -> tuple[Spec, Attempt]:
    serve(provider)
    return provider.calls[-1], generation.attempts.get()


def said(attempt: Attempt) -> str:
    return receipt_words.said_of_choice(attempt, "Acme", {})


def test_the_same_provider_goes_on_from_its_own_state(user, serve, fake):
    turn = refine(user, picture(begun(user, serve, fake)))

    spec, attempt = went_on(turn, serve, fake(remembering(seed=1)))

    assert (spec.state, spec.references) == (STATE, ())
    assert "starts from the picture" not in said(attempt)
    assert attempt.description == "The light is warm now."


def test_what_it_remembers_is_stored_whole_for_every_turn(user, serve, fake):
    first = begun(user, serve, fake)
    turn = refine(user, picture(first))
    went_on(turn, serve, fake(remembering(STATE + b" and more", seed=1)))

    kept = [storage.get(one.attempts.get().state) for one in (first, turn)]
    assert kept == [STATE, STATE + b" and more"]


def other_provider(fake):
    class Other(fake):
        name = "other"

    return Other(remembering(seed=1))


def test_another_provider_restarts_from_the_picture_and_says_so(user, serve, fake):
    from generation.models import Provider

    image = picture(begun(user, serve, fake))
    ours = Offer.objects.get(provider__name="aimlapi", model__slug=image.model)
    row = Provider.objects.get(name="aimlapi")
    row.pk, row.name, row.title = None, "other", "Other"
    row.save(force_insert=True)
    Offer.objects.create(provider=row, model=ours.model, vendor_model="x", abilities={"multi_turn": True})
    turn = refine(user, image, provider="other")

    spec, attempt = went_on(turn, serve, other_provider(fake))

    assert spec.state is None
    assert [given.data for given in spec.references] == [storage.get(image.original.name)]
    assert attempt.choice["restarted"] is True
    assert "It doesn't hold this conversation, so it starts from the picture." in said(attempt)


@pytest.mark.parametrize("trouble", ["too large", "gone", "no longer multi-turn"])
def test_a_state_that_cannot_be_used_restarts_from_the_picture_and_says_so(user, serve, fake, trouble):
    image = picture(begun(user, serve, fake))
    if trouble == "too large":
        Offer.objects.update(abilities={"multi_turn": True, "state_max_bytes": len(STATE) - 1})
    elif trouble == "gone":
        storage.delete(image.output.attempt.state)
    else:
        Offer.objects.update(abilities={"multi_turn": False})
    turn = refine(user, image)

    spec, attempt = went_on(turn, serve, fake(remembering(seed=1)))

    assert spec.state is None
    assert [given.data for given in spec.references] == [storage.get(image.original.name)]
    assert "starts from the picture" in said(attempt)


def test_a_teammates_picture_is_never_gone_on_from_with_their_state(user, serve, fake):
    image = picture(begun(turning.person(), serve, fake))
    Image.objects.filter(pk=image.pk).update(visibility=Image.Visibility.EVERYONE)
    turn = refine(user, image)

    spec, attempt = went_on(turn, serve, fake(remembering(seed=1)))

    assert spec.state is None
    assert [given.data for given in spec.references] == [storage.get(image.original.name)]
    assert attempt.provider == "aimlapi"


def test_where_nothing_was_remembered_nothing_restarts(user, serve, fake):
    turn = refine(user, picture(begun(user, serve, fake, state=None)))

    spec, attempt = went_on(turn, serve, fake(remembering(seed=1)))

    assert len(spec.references) == 1
    assert "restarted" not in attempt.choice


def test_a_state_is_no_file_that_an_address_leads_to(user, serve, fake, client):
    """Nor does it stand in the pages, the receipt or the API of anybody."""
    generation = begun(user, serve, fake)
    image, name = picture(generation), generation.attempts.get().state
    assert name.startswith("turns/")
    storage.get(name)

    for someone in (user, turning.person(is_staff=True, is_superuser=True)):
        client.force_login(someone)
        for path in (
            f"/files/{name}",
            f"/files/images/{image.public_id}/{name}",
            f"/files/signed/{name}",
            f"/static/{name}",
            f"/media/{name}",
            f"/{name}",
        ):
            assert client.get(path).status_code == 404, path
    client.force_login(user)
    for path in (
        f"/images/{image.public_id}/",
        f"/images/{image.public_id}/?panel=details",
        f"/receipts/{generation.public_id}/",
        f"/api/v1/generations/{generation.public_id}",
        f"/api/v1/generations/{generation.public_id}/receipt",
        f"/api/v1/images/{image.public_id}",
    ):
        text = client.get(path).content
        assert STATE not in text, path
        assert name.encode() not in text, path
