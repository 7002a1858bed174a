"""What the emulator drew says so for good."""

from collections.abc import Callable
from typing import Any

import pytest

from gallery import storage
from gallery.models import Image
from generation.models import Provider
from generation.references import GivenReference
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(("emulated", "provider"), [(True, "emulator"), (False, "aimlapi")])
def test_a_picture_keeps_who_made_it(
    settings: Any, serve: Callable[..., None], fake: type, emulated: bool, provider: str
) -> None:
    settings.EMULATOR_URL = "http://127.0.0.1:9"
    Provider.objects.filter(name="aimlapi").update(emulated=emulated)
    factories.generation()

    serve(fake())

    assert Image.objects.get().provider == provider


@pytest.mark.parametrize(
    ("emulated", "refined", "term"),
    [
        (True, False, "algorithmicMedia"),
        (False, False, "trainedAlgorithmicMedia"),
        (False, True, "compositeWithTrainedAlgorithmicMedia"),
    ],
)
def test_its_renditions_say_how_it_came_about(
    settings: Any, serve: Callable[..., None], fake: type, emulated: bool, refined: bool, term: str
) -> None:
    settings.EMULATOR_URL = "http://127.0.0.1:9"
    Provider.objects.filter(name="aimlapi").update(emulated=emulated)
    user = factories.person()
    references = [GivenReference(factories.upload(user).original)] if refined else []
    factories.generation(user, references=references)

    serve(fake())

    renditions = Image.objects.get().original.renditions.all()
    assert len(renditions) == 2
    for rendition in renditions:
        assert f"/digitalsourcetype/{term}<".encode() in storage.get(rendition.name)
