"""Many who go on from one picture at the same moment: a branch each, never a branch that forks."""

from collections import Counter

import pytest

from gallery.models import Image
from generation.models import Branch, Conversation, Generation
from tests.accounts.racing import race
from tests.api import rows
from tests.generation import turning

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.timeout(300)]
MANY = 6


@pytest.mark.parametrize("at_once", ["threads", "processes"])
@pytest.mark.parametrize("whose", ["own", "a teammate's"])
def test_turns_from_one_picture_at_once_land_on_a_branch_each(at_once: str, whose: str) -> None:
    user = turning.person()
    if whose == "own":
        image = turning.picture(turning.first(user))
    else:
        image = rows.image_of(turning.person(), visibility=Image.Visibility.EVERYONE)

    landed = race("turns", user=user.pk, image=image.pk, **{at_once: MANY})

    assert landed == Counter({f"branch {number}": 1 for number in range(MANY)})
    assert Conversation.objects.count() == 1
    assert Branch.objects.count() == MANY
    assert Generation.objects.filter(continues=image).count() == MANY
