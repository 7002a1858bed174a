"""The pages that share: the dialog as a page, each change saved, one's own links, and nobody else's."""

import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Membership, Team, User
from gallery import links
from gallery.models import Image, ShareLink
from tests import factories
from tests.gallery import rows, shared

pytestmark = pytest.mark.django_db
PART = {"HX-Request": "true"}
PRIVATE, TEAM = Image.Visibility.PRIVATE, Image.Visibility.TEAM


@pytest.fixture
def owner() -> User:
    return factories.person(name="Mara Lindqvist")


@pytest.fixture
def mara(owner: User) -> Client:
    return as_(owner)


@pytest.fixture
def image(owner: User) -> Image:
    return rows.image(owner, title="Terracotta courtyard")


def as_(user: User | None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user)
    return client


def new(*images: Image) -> str:
    return f"/share/new?{'&'.join(f'image={image.public_id}' for image in images)}"


def terms(link: ShareLink, **changed: Any) -> dict[str, Any]:
    """The form as its page would send it, with what was changed."""
    form: dict[str, Any] = {
        "title": link.title,
        "audience": link.audience,
        "expires": "keep" if link.expires_at else "",
        "download": link.download,
        "views_max": link.views_max or "",
    }
    if link.password:
        form["has_password"] = "on"
    return {**form, **changed}


def settings_path(link: ShareLink) -> str:
    return reverse("gallery:share_link", args=[link.public_id])


# Who may

ROLES = ("owner", "teammate", "admin", "stranger", "visitor")
PAGES: dict[tuple[str, str], tuple[int, int, int, int, int]] = {
    ("GET", "/share/"): (200, 200, 200, 200, 302),
    ("GET", "/share/new?image={image}"): (200, 404, 404, 404, 302),
    ("POST", "/share/new?image={image}"): (200, 404, 404, 404, 302),
    ("GET", "/share/new?collection={collection}"): (200, 404, 404, 404, 302),
    ("GET", "/share/revoke-all"): (200, 200, 200, 200, 302),
    ("POST", "/share/revoke-all"): (302, 302, 302, 302, 302),
    ("GET", "/share/{link}"): (200, 404, 404, 404, 302),
    ("POST", "/share/{link}"): (422, 404, 404, 404, 302),
    ("GET", "/share/{link}/revoke"): (200, 404, 404, 404, 302),
    ("POST", "/share/{link}/revoke"): (302, 404, 404, 404, 302),
    ("DELETE", "/share/{link}"): (405, 405, 405, 405, 302),
    ("POST", "/share/"): (405, 405, 405, 405, 302),
}


@pytest.mark.parametrize(("method", "path"), PAGES)
def test_each_page_as_each_role(owner: User, method: str, path: str) -> None:
    team = Team.objects.create(name="Studio Nord")
    teammate, stranger = factories.person(), factories.person()
    admin = factories.person(is_staff=True, is_superuser=True)
    shared.join(team, owner, teammate)
    image = rows.image(owner, team=team, visibility=TEAM)
    collection = shared.collection(owner, image, team=team, visibility="team")
    link = shared.link(owner, image)
    asked = path.format(image=image.public_id, collection=collection.public_id, link=link.public_id)

    answered = {
        role: as_(user).generic(method, asked).status_code
        for role, user in zip(ROLES, (owner, teammate, admin, stranger, None), strict=True)
    }

    assert tuple(answered.values()) == PAGES[method, path]


def test_every_page_of_sharing_stands_in_the_table() -> None:
    from gallery.urls import urlpatterns

    routes = {re.sub("<uuid:public_id>", "{link}", f"/{entry.pattern}") for entry in urlpatterns}
    stated = {path.partition("?")[0] for _, path in PAGES}

    assert {route for route in routes if route.startswith("/share/")} == stated


def test_strangers_find_the_same_answer_for_foreign_and_unknown_links(owner: User) -> None:
    link, stranger = shared.link(owner), as_(factories.person())
    foreign = stranger.get(settings_path(link))
    unknown = stranger.get(reverse("gallery:share_link", args=[uuid.uuid4()]))

    assert foreign.status_code == unknown.status_code == 404


# Choosing


def test_one_picture_is_shared_in_two_clicks(mara: Client, image: Image) -> None:
    page = mara.get(new(image)).content.decode()
    assert "Share “Terracotta courtyard”" in page

    response = mara.post(new(image), {"reach": "link"})

    link = ShareLink.objects.get()
    assert response.headers["Location"] == settings_path(link)
    page = mara.get(settings_path(link)).content.decode()
    assert links.address_of(link) in page
    assert "0 views" in page


def test_an_open_page_and_a_dialog_are_the_same_piece(mara: Client, image: Image) -> None:
    whole, part = mara.get(new(image)), mara.get(new(image), headers=PART)

    assert "<html" in whole.content.decode()
    assert "<html" not in part.content.decode()
    assert "HX-Request" in part.headers["Vary"]
    assert "data-share-panel" in part.content.decode()
    made = mara.post(new(image), {"reach": "link"}, headers=PART)
    assert links.address_of(ShareLink.objects.get()) in made.content.decode()


def test_private_and_team_choose_who_sees_it_signed_in(mara: Client, owner: User, image: Image) -> None:
    shared.join(Team.objects.create(name="Studio Nord"), owner)

    mara.post(new(image), {"reach": "team"})
    image.refresh_from_db()
    assert image.visibility == TEAM
    page = mara.post(new(image), {"reach": "private"}, headers=PART).content.decode()
    image.refresh_from_db()
    assert image.visibility == PRIVATE
    assert re.search(r'value="private" aria-pressed="true"', page)


def test_a_selection_is_shown_to_the_team_at_once(mara: Client, owner: User) -> None:
    shared.join(Team.objects.create(name="Studio Nord"), owner)
    images = [rows.image(owner) for _ in range(4)]

    page = mara.post(new(*images), {"reach": "team"}, headers=PART).content.decode()

    assert set(Image.objects.values_list("visibility", flat=True)) == {TEAM}
    assert re.search(r'value="team" aria-pressed="true"', page)


def test_without_a_team_the_team_card_is_off(mara: Client, image: Image) -> None:
    page = mara.get(new(image)).content.decode()
    assert re.search(r'value="team"[^>]*disabled', page)
    response = mara.post(new(image), {"reach": "team"})
    assert response.status_code == 422
    assert "aren&#x27;t in a team" in response.content.decode()


def test_links_that_work_are_named_whatever_is_chosen(mara: Client, owner: User, image: Image) -> None:
    link = shared.link(owner, image)
    both = shared.link(owner, image, rows.image(owner))

    page = mara.post(new(image), {"reach": "private"}, headers=PART).content.decode()

    assert links.address_of(link) in page
    assert links.address_of(both) not in page


def test_a_selection_becomes_one_link_in_its_order(mara: Client, owner: User) -> None:
    images = [rows.image(owner) for _ in range(3)]

    mara.post(new(*reversed(images)), {"reach": "link"})

    assert list(links.shown_by(ShareLink.objects.get())) == images[::-1]


def test_a_selection_may_come_in_a_form(mara: Client, owner: User) -> None:
    images = [rows.image(owner) for _ in range(2)]

    page = mara.post("/share/new", {"image": [str(image.public_id) for image in images]})

    assert page.status_code == 200
    assert "Share 2 pictures" in page.content.decode()


def test_a_collection_is_shared_and_made_live(mara: Client, owner: User, image: Image) -> None:
    collection = shared.collection(owner, image)
    path = f"/share/new?collection={collection.public_id}"
    assert "Share “Harbour”" in mara.get(path).content.decode()
    mara.post(path, {"reach": "link"})
    link = ShareLink.objects.get()
    assert (link.collection, link.is_live, link.title) == (collection, False, "Harbour")

    mara.post(settings_path(link), terms(link, is_live="on"))

    link.refresh_from_db()
    assert link.is_live is True


def test_a_collection_is_shown_to_the_team(mara: Client, owner: User, image: Image) -> None:
    shared.join(Team.objects.create(name="Studio Nord"), owner)
    collection = shared.collection(owner, image)

    mara.post(f"/share/new?collection={collection.public_id}", {"reach": "team"})

    collection.refresh_from_db()
    image.refresh_from_db()
    assert (collection.visibility, image.visibility) == (TEAM, PRIVATE)


@pytest.mark.parametrize("query", ["", "image=", "image=x", "collection=", "collection=x", "image=%00"])
def test_nothing_to_share_is_not_found(mara: Client, query: str) -> None:
    assert mara.get(f"/share/new?{query}").status_code == 404


def test_too_many_pictures_or_one_that_is_foreign_are_not_found(mara: Client, image: Image) -> None:
    many = "&".join(f"image={uuid.uuid4()}" for _ in range(201))
    foreign = rows.image(factories.person(), visibility="everyone")

    assert mara.get(f"/share/new?{many}").status_code == 404
    assert mara.get(new(image, foreign)).status_code == 404


def test_an_empty_collection_says_so(mara: Client, owner: User) -> None:
    path = f"/share/new?collection={shared.collection(owner).public_id}"
    assert mara.get(path).status_code == 200
    response = mara.post(path, {"reach": "link"})
    assert response.status_code == 422
    assert "no picture in this collection" in response.content.decode()


# Changing


def test_every_change_is_saved(mara: Client, owner: User, image: Image) -> None:
    link = shared.link(owner, image)
    changes: list[tuple[dict[str, Any], str, Any]] = [
        ({"title": "Harbour  light"}, "title", "Harbour light"),
        ({"download": "original"}, "download", "original"),
        ({"shows_prompt": "on"}, "shows_prompt", True),
        ({"views_max": "5"}, "views_max", 5),
        ({"expires": ""}, "expires_at", None),
    ]
    for changed, column, expected in changes:
        response = mara.post(settings_path(link), terms(link, **changed), headers=PART)
        link.refresh_from_db()
        assert (response.status_code, getattr(link, column)) == (200, expected)


def test_an_end_is_chosen_in_days_or_by_date(mara: Client, owner: User, image: Image) -> None:
    link = shared.link(owner, image)
    day = (timezone.now() + timedelta(days=3)).date()

    mara.post(settings_path(link), terms(link, expires="7"))
    link.refresh_from_db()
    assert link.expires_at is not None
    assert abs(link.expires_at - timezone.now() - timedelta(days=7)) < timedelta(minutes=1)
    mara.post(settings_path(link), terms(link, expires="date", expires_on=day.isoformat()))
    link.refresh_from_db()
    assert link.expires_at is not None
    assert link.expires_at.date() == day + timedelta(days=1)
    end = link.expires_at
    mara.post(settings_path(link), terms(link, expires="keep"))
    link.refresh_from_db()
    assert link.expires_at == end


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"expires": "date"}, "Choose the last day"),
        ({"expires": "date", "expires_on": "2001-01-01"}, "still to come"),
        ({"expires": "date", "expires_on": "9999-12-31"}, "still to come"),
        ({"expires": "date", "expires_on": "soon"}, "Write a date"),
        ({"has_password": "on"}, "Write the password"),
        ({"has_password": "on", "password": "short"}, "6 to 128 characters"),
        ({"views_max": "many"}, "whole number of views"),
        ({"views_max": "0"}, "at least one view"),
        ({"title": "x" * 121}, "at most 120 characters"),
        ({"audience": "team"}, "aren&#x27;t in a team"),
    ],
)
def test_what_cannot_be_is_said_at_its_field_and_nothing_is_saved(
    mara: Client, owner: User, image: Image, changed: dict[str, str], words: str
) -> None:
    link = shared.link(owner, image)
    before = ShareLink.objects.values().get(pk=link.pk)

    response = mara.post(settings_path(link), terms(link, **changed), headers=PART)

    assert response.status_code == 422
    assert words in response.content.decode()
    assert ShareLink.objects.values().get(pk=link.pk) == before


def test_a_password_is_set_kept_and_taken_off(mara: Client, owner: User, image: Image) -> None:
    link = shared.link(owner, image)

    page = mara.post(
        settings_path(link), terms(link, has_password="on", password="open sesame"), headers=PART
    )
    assert "open sesame" not in page.content.decode()
    link.refresh_from_db()
    kept = link.password
    assert kept
    mara.post(settings_path(link), terms(link, shows_prompt="on"))
    link.refresh_from_db()
    assert link.password == kept
    mara.post(settings_path(link), {**terms(link), "has_password": ""})
    link.refresh_from_db()
    assert link.password == ""


def test_a_team_link_is_chosen_by_who_is_in_one(mara: Client, owner: User, image: Image) -> None:
    team = Team.objects.create(name="Studio Nord")
    shared.join(team, owner)
    link = shared.link(owner, image)

    mara.post(settings_path(link), terms(link, audience="team"))
    link.refresh_from_db()
    assert (link.audience, link.team) == ("team", team)

    # Who left can still see and end it.
    Membership.objects.all().delete()
    assert mara.get(settings_path(link)).status_code == 200


# Ending


def test_revoking_asks_once_and_ends_it(mara: Client, owner: User, image: Image) -> None:
    link = shared.link(owner, image)
    path = reverse("gallery:revoke_share", args=[link.public_id])
    assert "no longer shared" in mara.get(path).content.decode()

    assert mara.post(path).status_code == 302

    assert Client().get(shared.path(link)).status_code == 404
    page = mara.post(settings_path(link), terms(link, shows_prompt="on")).content.decode()
    assert "revoked, for good" in page
    link.refresh_from_db()
    assert link.shows_prompt is False


def test_revoking_in_the_dialog_leads_back_to_the_choice(mara: Client, owner: User, image: Image) -> None:
    link = shared.link(owner, image)
    path = reverse("gallery:revoke_share", args=[link.public_id])

    page = mara.post(path, headers=PART).content.decode()

    assert "Share “Terracotta courtyard”" in page
    assert links.address_of(link) not in page


def test_revoking_all_names_the_number(mara: Client, owner: User, image: Image) -> None:
    made = [shared.link(owner, image) for _ in range(3)]
    assert "Revoke all 3 links?" in mara.get("/share/revoke-all").content.decode()

    mara.post("/share/revoke-all")

    assert {Client().get(shared.path(link)).status_code for link in made} == {404}


# My links


def test_my_links_are_listed_with_their_states(mara: Client, owner: User, image: Image) -> None:
    shared.link(factories.person(), title="Somebody else's")
    shared.link(owner, image, title="Works link", password="open sesame")
    expired, used, revoked = (shared.link(owner, image, title=f"link {number}") for number in range(3))
    ShareLink.objects.filter(pk=expired.pk).update(expires_at=timezone.now())
    ShareLink.objects.filter(pk=used.pk).update(views_max=4, views=4)
    links.revoke(revoked, now=timezone.now())

    page = mara.get("/share/").content.decode()

    for words in (
        "Works link",
        ">Works<",
        ">Expired<",
        ">Used up<",
        ">Revoked<",
        ">Password<",
        "4 of 4 views",
    ):
        assert words in page
    assert "Somebody else" not in page
    assert links.address_of(expired) in page
    assert links.address_of(revoked) not in page


def test_my_links_have_pages_and_a_constant_number_of_queries(
    mara: Client,
    owner: User,
    image: Image,
    monkeypatch: pytest.MonkeyPatch,
    django_assert_max_num_queries: Any,
) -> None:
    from gallery import share_views

    monkeypatch.setattr(share_views, "PAGE", 4)
    made = [shared.link(owner, image, title=f"link {number}") for number in range(6)]
    with django_assert_max_num_queries(8):
        first = mara.get("/share/").content.decode()
    older = re.search(r"\?before=\d+", first)
    assert older is not None
    second = mara.get(f"/share/{older[0]}").content.decode()

    assert [link.title in first for link in made] == [False, False, True, True, True, True]
    assert [link.title in second for link in made] == [True, True, False, False, False, False]
    assert mara.get("/share/?before=x").status_code == 404


def test_a_link_of_an_earlier_key_says_why_it_has_no_address(
    mara: Client, owner: User, image: Image, settings: Any
) -> None:
    link = shared.link(owner, image)
    ShareLink.objects.filter(pk=link.pk).update(nonce=b"another nonce 16")

    assert "earlier key" in mara.get(settings_path(link)).content.decode()
    assert mara.get("/share/").status_code == 200


# On the page of a picture


def test_only_the_owner_finds_the_button(mara: Client, owner: User, image: Image) -> None:
    path = reverse("gallery:image", args=[image.public_id])
    assert new(image) in mara.get(path).content.decode()
    Image.objects.filter(pk=image.pk).update(visibility="everyone")
    assert "/share/new" not in as_(factories.person()).get(path).content.decode()
