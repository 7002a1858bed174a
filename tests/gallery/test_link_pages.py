"""Everything under `/s/`: what each address tells in each state of a link, and with which headers."""

import io
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.utils import timezone
from PIL import Image as Picture
from PIL import PngImagePlugin

from accounts.models import Membership, Team, User
from gallery import ingest, links, storage
from gallery.models import Image, ShareLink
from tests import factories
from tests.gallery import shared

pytestmark = pytest.mark.django_db
SECRETS = [shared.PROMPT, "mara@secret.test", "secret-provider", "secret notes", "4242", "4,242"]
ADDRESSES = ["page", "one", "320", "640", "1280", "download"]


@pytest.fixture
def owner() -> User:
    return factories.person(name="Mara Lindqvist", email="mara@secret.test")


@pytest.fixture
def image(owner: User) -> Image:
    return shared.image(owner)


def revoked(link: ShareLink, image: Image) -> None:
    links.revoke(link, now=timezone.now())


def expired(link: ShareLink, image: Image) -> None:
    ShareLink.objects.filter(pk=link.pk).update(expires_at=timezone.now())


def used_up(link: ShareLink, image: Image) -> None:
    ShareLink.objects.filter(pk=link.pk).update(views_max=2, views=2)


def deactivated(link: ShareLink, image: Image) -> None:
    User.objects.filter(pk=link.owner_id).update(is_active=False)


def team_left(link: ShareLink, image: Image) -> None:
    shared.join(Team.objects.create(name="Studio Nord"), link.owner)
    links.change(link, now=timezone.now(), audience="team")
    Membership.objects.all().delete()


def trashed(link: ShareLink, image: Image) -> None:
    Image.objects.filter(pk=image.pk).update(trashed_at=timezone.now())


def given_away(link: ShareLink, image: Image) -> None:
    Image.objects.filter(pk=image.pk).update(owner=factories.person())


def another_team(link: ShareLink, image: Image) -> None:
    shared.join(Team.objects.create(name="Studio Nord"), link.owner)
    links.change(link, now=timezone.now(), audience="team")


DEAD = [revoked, expired, used_up, deactivated, team_left, trashed, given_away, another_team]


def told(response: Any) -> tuple[int, dict[str, str], bytes]:
    """All of an answer but the number of the request."""
    body = b"".join(response.streaming_content) if response.streaming else response.content
    headers = {name: value for name, value in response.headers.items() if name != "X-Request-Id"}
    return response.status_code, headers, body


@pytest.mark.parametrize("end", DEAD, ids=lambda end: end.__name__)
def test_every_address_of_a_dead_link_answers_as_an_unknown_one(
    owner: User, image: Image, end: Callable[[ShareLink, Image], None]
) -> None:
    link = shared.link(owner, image, download="original", shows_prompt=True)
    addresses = shared.paths(link, image)
    token = shared.token(link)
    assert {Client().get(address).status_code for address in addresses.values()} == {200}

    end(link, image)

    for address in [*addresses.values(), f"{addresses['page']}/open"]:
        client = Client()
        ask = client.post if address.endswith("/open") else client.get
        dead, unknown = told(ask(address)), told(ask(address.replace(token, "A" * 24)))
        assert dead == unknown
        assert dead[0] == 404
        assert b"no longer shared" in dead[2]
        assert not client.cookies


def test_every_address_that_is_none_answers_the_same(owner: User, image: Image) -> None:
    link = shared.link(owner, image, download="original")
    page, foreign = shared.path(link), shared.image(factories.person(), visibility="everyone")
    unknown = told(Client().get("/s/" + "A" * 24))

    for address in [
        "/s/",
        "/s/x",
        "/s/%00",
        "/s/%FF%FE",
        f"/s/{'x' * 5000}",
        "/s/..%2f..%2fadmin",
        f"{page}/",
        f"{page}/x",
        f"{page}/{image.public_id}/x",
        f"{page}/{image.public_id}/original",
        f"{page}/{image.public_id}/321.webp",
        f"{page}/{image.public_id}/99999999999999999999.webp",
        f"{page}?page=2",
        f"{page}?page=0",
        f"{page}?page=%C2%B2",
        *list(shared.paths(link, foreign).values())[1:],
    ]:
        assert told(Client().get(address)) == unknown, address


@pytest.mark.parametrize(
    "end", [revoked, expired, used_up, deactivated, another_team], ids=lambda end: end.__name__
)
def test_a_dead_link_takes_the_one_query_that_an_unknown_one_takes(
    owner: User, image: Image, end: Callable[[ShareLink, Image], None], django_assert_num_queries: Any
) -> None:
    link = shared.link(owner, image)
    page = shared.path(link)
    end(link, image)

    for address in (page, "/s/" + "A" * 24):
        with django_assert_num_queries(1):
            Client().get(address)


# Who is signed in, and what a public link and a link for a team answer them: page, file, download.
ROLES: dict[str, tuple[int, int]] = {
    "owner": (200, 200),
    "teammate": (200, 200),
    "admin": (200, 404),
    "stranger": (200, 404),
    "visitor": (200, 404),
}


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("role", ROLES)
def test_each_address_as_each_role(owner: User, image: Image, role: str, address: str) -> None:
    mate, stranger = factories.person(), factories.person()
    admin = factories.person(is_staff=True, is_superuser=True)
    shared.join(Team.objects.create(name="Studio Nord"), owner, mate)
    client = Client()
    people = {"owner": owner, "teammate": mate, "admin": admin, "stranger": stranger}
    if role in people:
        client.force_login(people[role])

    answered = tuple(
        client.get(shared.paths(link, image)[address]).status_code
        for link in (
            shared.link(owner, image, download="original"),
            shared.link(owner, image, download="original", audience="team"),
        )
    )

    assert answered == ROLES[role]


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_locked_link_tells_nothing_before_its_password(owner: User, image: Image, address: str) -> None:
    link = shared.link(
        owner, image, password="open sesame", download="original", shows_prompt=True, title="Secret title"
    )
    client = Client()

    locked = told(client.get(shared.paths(link, image)[address]))

    if address in ("page", "one"):
        assert locked[0] == 200
        text = locked[2].decode()
        assert "This image is protected" in text
        assert "og:image" not in text
        assert "Secret title" not in text
        assert str(image.public_id) not in text
        assert not [secret for secret in SECRETS if secret in text]
    else:
        assert locked == told(Client().get("/s/" + "A" * 24))
    shared.unlock(client, link, "open sesame")
    assert client.get(shared.paths(link, image)[address]).status_code == 200


def test_a_page_tells_what_its_owner_chose_and_nothing_else(owner: User, image: Image) -> None:
    plain, told_all = shared.link(owner, image), shared.link(owner, image, shows_prompt=True)

    for address in ("page", "one"):
        text = Client().get(shared.paths(plain, image)[address]).content.decode()
        assert not [secret for secret in SECRETS if secret in text]
        assert "Mara Lindqvist" in text
        assert "Gemini 2.5 Flash Image" in text
        assert "Download" not in text
        assert shared.PROMPT in Client().get(shared.paths(told_all, image)[address]).content.decode()


def test_who_has_no_name_is_not_called_by_their_mail(image: Image, owner: User) -> None:
    User.objects.filter(pk=owner.pk).update(name="")
    for terms in ({}, {"password": "open sesame"}):
        text = Client().get(shared.path(shared.link(owner, image, **terms))).content.decode()
        assert "mara@" not in text


def test_a_set_tells_no_more(owner: User) -> None:
    images = [shared.image(owner, seed=seed) for seed in range(3)]
    text = Client().get(shared.path(shared.link(owner, *images))).content.decode()

    assert not [secret for secret in SECRETS if secret in text]
    assert all(str(image.public_id) in text for image in images)


@pytest.mark.parametrize("address", ADDRESSES)
def test_headers_keep_it_out_of_caches_indexes_and_referrers(owner: User, image: Image, address: str) -> None:
    link = shared.link(owner, image, download="preview")

    for path in (shared.paths(link, image)[address], f"/s/{'A' * 24}"):
        headers = Client().get(path).headers
        assert headers["Cache-Control"] == "private, no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Robots-Tag"].startswith("noindex")
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Vary"] == "Cookie"


def test_the_only_cookie_names_nobody_and_goes_back_to_the_link_alone(owner: User, image: Image) -> None:
    link = shared.link(owner, image)
    one, other = Client(), Client()
    one.get(shared.path(link))
    other.get(shared.path(link))

    assert set(one.cookies) == {"easel_share"}
    cookie = one.cookies["easel_share"]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == (shared.path(link), True, "Lax")
    assert cookie["max-age"] == ""


def test_what_changes_nothing_refuses_other_methods_before_it_looks(owner: User, image: Image) -> None:
    link = shared.link(owner, image)
    for method in ("post", "put", "delete", "patch"):
        known = told(getattr(Client(), method)(shared.path(link)))
        assert known == told(getattr(Client(), method)("/s/" + "A" * 24))
        assert known[0] == 405
    assert Client().get(shared.path(link, "open")).status_code == 405


# What a proxy must let through


class _Addresses(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src", "action", "poster", "data") and value:
                self.found.add(value)
            if name == "srcset" and value:
                self.found |= {part.split()[0] for part in value.split(",")}
            if name == "content" and value and value.startswith("http"):
                self.found.add(value)


def addresses_in(text: str) -> set[str]:
    parser = _Addresses()
    parser.feed(text)
    return {address for address in parser.found if not address.startswith(("data:", "?"))}


def test_pages_need_nothing_but_their_own_paths_and_static_files(owner: User, settings: Any) -> None:
    settings.SITE_URL = "https://easel.example"
    images = [shared.image(owner, seed=seed) for seed in range(2)]
    several = shared.link(owner, *images, download="original", shows_prompt=True)
    locked = shared.link(owner, images[0], password="open sesame")
    pages = [
        shared.path(several),
        shared.path(several, "one", images[0].public_id),
        shared.path(locked),
        "/s/" + "A" * 24,
    ]

    for page in pages:
        for address in addresses_in(Client().get(page).content.decode()):
            parts = urlsplit(address)
            assert parts.netloc in ("", "easel.example"), address
            assert parts.path.startswith(("/s/", "/static/")), address


def test_a_card_has_absolute_addresses_and_a_picture_that_is_there(
    owner: User, image: Image, settings: Any
) -> None:
    settings.SITE_URL = "https://easel.example"
    link = shared.link(owner, image, title="Terracotta courtyard")
    text = Client().get(shared.path(link)).content.decode()

    card = dict(re.findall(r'<meta property="og:([\w:]+)" content="([^"]*)">', text))

    assert card["title"] == "Terracotta courtyard"
    assert card["url"] == f"https://easel.example{shared.path(link)}"
    assert card["image"].startswith(f"https://easel.example{shared.path(link)}/")
    picture = Client().get(urlsplit(card["image"]).path)
    with Picture.open(io.BytesIO(picture.content)) as opened:
        assert opened.size == (int(card["image:width"]), int(card["image:height"]))


# Files


def with_text_inside(kind: str, size: tuple[int, int]) -> bytes:
    """A picture whose file holds the prompt, as some makers write it."""
    target = io.BytesIO()
    picture = Picture.open(io.BytesIO(factories.picture(*size)))
    if kind == "PNG":
        words = PngImagePlugin.PngInfo()
        words.add_text("parameters", shared.PROMPT)
        picture.save(target, kind, pnginfo=words)
    else:
        picture.save(target, kind, xmp=f"<x>{shared.PROMPT}</x>".encode(), quality=90)
    return target.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG"])
@pytest.mark.parametrize("size", [(96, 64), (1248, 832), (1400, 900)])
def test_no_copy_is_the_original_or_holds_what_was_written_into_it(
    owner: User, kind: str, size: tuple[int, int]
) -> None:
    data = with_text_inside(kind, size)
    assert shared.PROMPT.encode() in data
    image = shared.image(owner)
    original = ingest.record(ingest.store(data, keep_bytes=True, max_bytes=10**7))
    Image.objects.filter(pk=image.pk).update(original=original)
    link = shared.link(owner, image, download="preview")

    for address in ("320", "640", "1280", "download"):
        response = Client().get(shared.paths(link, image)[address])
        _, headers, body = told(response)
        assert headers["Content-Type"] == "image/webp"
        assert shared.PROMPT.encode() not in body
        assert original.sha256 not in str(headers)
        with Picture.open(io.BytesIO(body)) as opened:
            longest = 1280 if address == "download" else int(address)
            assert max(opened.size) <= max(longest, 320)
            if max(size) <= 1280 and address in ("1280", "download"):
                assert opened.size == size


def test_a_copy_of_a_small_picture_is_made_once(owner: User, image: Image, monkeypatch: Any) -> None:
    from gallery import fitting

    address = shared.paths(shared.link(owner, image), image)["1280"]
    first = told(Client().get(address))
    monkeypatch.setattr(fitting, "fit", None)

    assert told(Client().get(address)) == first


def test_downloads_are_given_as_chosen_and_counted(owner: User, image: Image) -> None:
    link = shared.link(owner, image, title="Terracotta courtyard")
    address = shared.paths(link, image)["download"]
    assert Client().get(address).status_code == 404

    links.change(link, now=timezone.now(), download="original")
    whole = Client().get(address)
    body = told(whole)[2]
    # Says how it came about, and nothing that the link doesn't show.
    assert b"trainedAlgorithmicMedia" in body
    assert b"lighthouse" not in body
    assert body.endswith(storage.get(image.original.name)[33:])
    name = f"terracotta-courtyard-{image.public_id.hex[:8]}.png"
    assert whole.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    part = Client().get(address, HTTP_RANGE="bytes=10-19")
    assert (part.status_code, told(part)[2]) == (206, body[10:20])
    Client().head(address)
    links.change(link, now=timezone.now(), shows_prompt=True)
    assert b"lighthouse" in told(Client().get(address, HTTP_RANGE="bytes=1-99999"))[2]

    link.refresh_from_db()
    assert (link.downloads, link.views) == (1, 0)


def test_files_of_a_revoked_link_are_gone_though_its_page_was_open(owner: User, image: Image) -> None:
    link = shared.link(owner, image, download="original", password="open sesame")
    client = Client()
    shared.unlock(client, link, "open sesame")
    files = [address for name, address in shared.paths(link, image).items() if name not in ("page", "one")]
    assert {client.get(address).status_code for address in files} == {200}

    links.revoke(link, now=timezone.now())

    assert {client.get(address).status_code for address in files} == {404}


def test_a_file_that_is_lost_is_the_same_answer(owner: User, image: Image) -> None:
    link = shared.link(owner, image, download="original")
    storage.delete(image.original.name)

    assert told(Client().get(shared.paths(link, image)["download"])) == told(Client().get("/s/x"))


def test_no_token_is_written_into_the_log(
    owner: User, image: Image, caplog: pytest.LogCaptureFixture, monkeypatch: Any
) -> None:
    from gallery import link_files

    link = shared.link(owner, image, password="open sesame")
    for address in shared.paths(link, image).values():
        Client().get(address)
    shared.unlock(Client(), link, "wrong one")
    monkeypatch.setattr(link_files, "picture", None)
    open_link = shared.link(owner, image)
    Client(raise_request_exception=False).get(shared.paths(open_link, image)["320"])

    assert "Not Found: /s/…" in caplog.text
    assert "Internal Server Error: /s/…" in caplog.text
    assert shared.token(link) not in caplog.text
    assert shared.token(open_link) not in caplog.text


# Large sets


def test_a_set_has_pages_with_the_same_number_of_queries(
    owner: User, monkeypatch: Any, django_assert_num_queries: Any
) -> None:
    from gallery import link_views

    monkeypatch.setattr(link_views, "PAGE", 2)
    images = [shared.image(owner, seed=seed) for seed in range(5)]
    page = shared.path(shared.link(owner, *images))
    seen = []
    for number in (1, 2, 3):
        with django_assert_num_queries(4):
            text = Client().get(f"{page}?page={number}").content.decode()
        seen += [one for one in images if f"/{one.public_id}/640.webp" in text]

    assert seen == images
    assert 'rel="next"' not in text
