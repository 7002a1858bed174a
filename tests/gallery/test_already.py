"""Pictures that are there already, told before another is paid for."""

import uuid
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Membership, Team, User
from gallery import already, keeping, sharing
from gallery.keeping import Source
from gallery.models import Image
from generation.models import Generation
from tests import factories
from tests.gallery import rows

pytestmark = pytest.mark.django_db
PROMPT = "a blue mug on a wooden table in soft morning light"


@pytest.fixture
def mara() -> User:
    return factories.person(name="Mara", credits=0)


def made_from(owner: User, *sources: Image, **fields: Any) -> Image:
    """An image made with those as references."""
    plain = rows.image(owner, prompt="plain")
    image = Image(owner=owner, original=plain.original, **fields)
    keeping.keep(image, sources=[Source(one.original_id, one.pk) for one in sources])
    return image


def test_the_same_words_and_references_are_the_same(mara: User) -> None:
    image = rows.image(mara, prompt=PROMPT)

    (match,) = already.find(mara, f"  {PROMPT.upper()}! ")

    assert match == already.Match(image, is_exact=True, share=1.0)


def test_a_word_changed_is_like_it_and_half_of_them_is_not(mara: User) -> None:
    rows.image(mara, prompt=PROMPT.replace("blue", "red"))
    rows.image(mara, prompt="a blue mug in heavy rain at night over the old harbour")

    (match,) = already.find(mara, PROMPT)

    assert not match.is_exact
    assert match.share == pytest.approx(9 / 11)


def test_other_references_make_it_another_picture(mara: User) -> None:
    one, other = rows.image(mara, prompt="one"), rows.image(mara, prompt="other")
    of_other = made_from(mara, other, prompt=PROMPT)
    of_both = made_from(mara, one, other, prompt=PROMPT)
    of_one = made_from(mara, one, prompt=PROMPT)
    without = rows.image(mara, prompt=PROMPT)

    found = already.find(mara, PROMPT, [one.original_id])

    assert [match.image for match in found] == [of_one, of_both, without, of_other]
    assert [match.is_exact for match in found] == [True, False, False, False]


def test_the_newest_come_first_and_at_most_six(mara: User) -> None:
    images = [rows.image(mara, prompt=PROMPT) for _ in range(8)]

    assert [match.image for match in already.find(mara, PROMPT)] == images[:1:-1]


def test_private_pictures_of_others_are_never_told_of(mara: User) -> None:
    team, other = Team.objects.create(name="North"), factories.person(credits=0)
    for user in (mara, other):
        Membership.objects.create(user=user, team=team)
    image = rows.image(other, prompt=PROMPT, team=team)

    assert already.find(mara, PROMPT) == []
    for visibility in ("team", "everyone"):
        sharing.show_to(image, visibility)
        assert len(already.find(mara, PROMPT)) == 1
    sharing.show_to(image, "private")
    assert already.find(mara, PROMPT) == []


@pytest.mark.parametrize("prompt", ["", "  ", "?!", "…"])
def test_without_words_nothing_is_like_it(mara: User, prompt: str) -> None:
    rows.image(mara, prompt=prompt)

    assert already.find(mara, prompt) == []


def test_it_costs_as_many_queries_for_many_as_for_few(mara: User) -> None:
    counts = []
    for more in (1, 7):
        for _ in range(more):
            rows.image(mara, prompt=PROMPT)
        with CaptureQueriesContext(connection) as asked:
            already.find(mara, PROMPT)
        counts.append(len(asked))

    assert counts[0] == counts[1]


def test_the_api_takes_words_and_references_by_id(client: Client, mara: User) -> None:
    one = rows.image(mara, prompt="one")
    image = made_from(mara, one, prompt=PROMPT)
    client.force_login(mara)

    answer = client.post(
        "/api/v1/images/already",
        {"prompt": PROMPT, "references": [str(one.public_id)]},
        content_type="application/json",
    )

    (shown,) = answer.json()["results"]
    assert (shown["image"]["id"], shown["exact"], shown["share"]) == (str(image.public_id), True, 1.0)


@pytest.mark.parametrize(
    "given", [{}, {"prompt": 1}, {"prompt": "a", "references": ["x"]}, {"prompt": "a" * 40_001}]
)
def test_the_api_refuses_what_it_cannot_read(client: Client, mara: User, given: dict[str, Any]) -> None:
    client.force_login(mara)

    assert client.post("/api/v1/images/already", given, content_type="application/json").status_code == 400


def test_references_of_others_count_for_nothing(mara: User) -> None:
    private = rows.image(factories.person(credits=0))

    assert already.originals_of(mara, [private.public_id, uuid.uuid4()]) == []


def test_the_strip_leads_to_the_pictures(client: Client, mara: User) -> None:
    image = rows.image(mara, prompt=PROMPT)
    near = rows.image(mara, prompt=PROMPT.replace("blue", "<red>"))
    client.force_login(mara)

    strip = client.post("/already", {"prompt": PROMPT}).content.decode()

    assert "We already have this" in strip
    assert "1 like it" in strip
    assert f'href="/images/{image.public_id}/"' in strip
    assert f'href="/images/{near.public_id}/"' in strip
    assert "<red>" not in strip
    assert client.post("/already", {"prompt": "something else entirely"}).content.decode().strip() == ""


def test_who_asks_first_gets_the_page_back_with_the_draft_and_pays_nothing(
    client: Client, mara: User
) -> None:
    rows.image(mara, prompt=PROMPT)
    client.force_login(mara)

    page = client.post("/", {"prompt": PROMPT, "look": "1", "count": "3"}).content.decode()

    assert "We already have this" in page
    assert PROMPT in page
    assert not Generation.objects.exists()
