"""What the emulator drew says so for good."""

from collections.abc import Callable
from typing import Any

import pytest

from gallery.models import Image
from generation.models import Provider
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
