"""Passwords of share links: kept as hashes, asked for by POST, guessed slowly, nobody locked out."""

import asyncio
import time
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.models import User
from gallery import link_passwords, links
from gallery.models import ShareLink
from tests import factories
from tests.gallery import shared

pytestmark = pytest.mark.django_db
PASSWORD = "open sesame"


@pytest.fixture
def owner() -> User:
    return factories.person(name="Mara Lindqvist")


@pytest.fixture
def link(owner: User) -> ShareLink:
    return shared.link(owner, password=PASSWORD)


def is_open(client: Client, link: ShareLink) -> bool:
    response = client.get(shared.path(link))
    assert response.status_code == 200
    return "This image is protected" not in response.content.decode()


def test_it_is_kept_as_a_hash(link: ShareLink) -> None:
    assert PASSWORD not in str(ShareLink.objects.values().get())
    assert "$" in link.password


def test_the_right_one_opens_the_link_for_this_browser_alone(link: ShareLink) -> None:
    client = Client()
    assert not is_open(client, link)

    response = shared.unlock(client, link, PASSWORD)

    assert (response.status_code, response.headers["Location"]) == (302, shared.path(link))
    assert is_open(client, link)
    assert not is_open(Client(), link)


def test_it_needs_no_csrf_token_as_a_page_without_referrer_has_no_origin(link: ShareLink) -> None:
    client = Client(enforce_csrf_checks=True)
    assert shared.unlock(client, link, PASSWORD, HTTP_ORIGIN="null").status_code == 302
    assert is_open(client, link)


def test_a_pass_is_for_one_link_and_ends_with_its_password(owner: User, link: ShareLink) -> None:
    client = Client()
    shared.unlock(client, link, PASSWORD)
    given = client.cookies["easel_share"].value
    other = shared.link(owner, password=PASSWORD)
    thief = Client()
    thief.cookies["easel_share"] = given
    assert not is_open(thief, other)
    assert is_open(thief, link)

    links.change(link, now=timezone.now(), password=PASSWORD)
    assert not is_open(client, link)


def test_a_pass_from_before_there_was_a_password_opens_nothing(owner: User) -> None:
    link, client = shared.link(owner), Client()
    assert is_open(client, link)
    links.change(link, now=timezone.now(), password=PASSWORD)
    assert not is_open(client, link)


def test_a_pass_ends_after_twelve_hours(link: ShareLink) -> None:
    client = Client()
    shared.unlock(client, link, PASSWORD)
    with time_machine.travel(timezone.now() + timedelta(hours=11)):
        assert is_open(client, link)
    with time_machine.travel(timezone.now() + timedelta(hours=36)):
        assert not is_open(client, link)


@pytest.mark.parametrize("given", ["", "x", "[]", "W10:1:x", "\x00", "é" * 500])
def test_a_made_up_pass_opens_nothing(link: ShareLink, given: str) -> None:
    resolved = links.resolve(shared.token(link), links.Visitor(given_pass=given), now=timezone.now())
    public_id = resolved.images[0].public_id

    with pytest.raises(links.Gone):
        resolved.image(public_id)


@pytest.mark.parametrize("value", ["text", 5, None, [], [1, 2], [None, None, None], ["a", "b", "c", "d"]])
def test_what_was_signed_for_something_else_opens_nothing(link: ShareLink, value: Any) -> None:
    from django.core import signing

    given = signing.dumps(value, salt="gallery.links")
    resolved = links.resolve(shared.token(link), links.Visitor(given_pass=given), now=timezone.now())
    assert resolved.gate == "password"


def test_tries_are_counted_down_and_then_wait(link: ShareLink) -> None:
    client = Client()
    for left in ("4 tries", "3 tries", "2 tries", "1 try"):
        response = shared.unlock(client, link, "wrong one")
        assert response.status_code == 403
        assert f"doesn’t match. {left} left." in response.content.decode()
    assert "Wait five minutes" in shared.unlock(client, link, "wrong one").content.decode()

    # The right one isn't even looked at.
    for _ in range(3):
        response = shared.unlock(client, link, PASSWORD)
        assert response.status_code == 429
        assert 1 <= int(response.headers["Retry-After"]) <= 300
        assert not is_open(client, link)


def test_after_the_wait_it_may_be_tried_again(link: ShareLink) -> None:
    for _ in range(6):
        shared.unlock(Client(), link, "wrong one")
    with time_machine.travel(timezone.now() + timedelta(seconds=301)):
        assert shared.unlock(Client(), link, PASSWORD).status_code == 302


def test_nobody_else_is_locked_out(owner: User, link: ShareLink) -> None:
    for _ in range(8):
        shared.unlock(Client(), link, "wrong one", REMOTE_ADDR="203.0.113.5")

    assert shared.unlock(Client(), link, PASSWORD, REMOTE_ADDR="203.0.113.5").status_code == 429
    assert shared.unlock(Client(), link, PASSWORD, REMOTE_ADDR="203.0.113.6").status_code == 302
    other = shared.link(owner, password=PASSWORD)
    assert shared.unlock(Client(), other, PASSWORD, REMOTE_ADDR="203.0.113.5").status_code == 302


def test_one_network_of_ipv6_is_one_visitor(link: ShareLink) -> None:
    for host in range(6):
        shared.unlock(Client(), link, "wrong one", REMOTE_ADDR=f"2001:db8:1:2::{host}")

    assert shared.unlock(Client(), link, PASSWORD, REMOTE_ADDR="2001:db8:1:2:ffff::1").status_code == 429
    assert shared.unlock(Client(), link, PASSWORD, REMOTE_ADDR="2001:db8:1:3::1").status_code == 302


def test_the_right_one_forgets_the_wrong_ones(link: ShareLink) -> None:
    for _ in range(3):
        for _ in range(4):
            shared.unlock(Client(), link, "wrong one")
        assert shared.unlock(Client(), link, PASSWORD).status_code == 302


def test_a_forwarded_address_is_believed_only_where_a_proxy_is_set_up(link: ShareLink) -> None:
    for number in range(6):
        shared.unlock(Client(), link, "wrong one", HTTP_X_FORWARDED_FOR=f"203.0.113.{number}")

    assert shared.unlock(Client(), link, PASSWORD, HTTP_X_FORWARDED_FOR="198.51.100.1").status_code == 429


def test_wrong_ones_from_everywhere_delay_and_refuse_nobody(link: ShareLink, monkeypatch: Any) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    for number in range(60):
        shared.unlock(Client(), link, "wrong one", REMOTE_ADDR=f"203.0.113.{number}")

    assert slept[:11] == [0.0] * 11
    assert slept[20:22] == pytest.approx([1.0, 1.1])
    assert max(slept) == link_passwords.DELAY_MAX_SECONDS
    assert shared.unlock(Client(), link, PASSWORD, REMOTE_ADDR="198.51.100.9").status_code == 302
    assert slept[-1] == link_passwords.DELAY_MAX_SECONDS


def test_the_delay_is_of_one_link_and_ends(owner: User, link: ShareLink) -> None:
    for number in range(30):
        with pytest.raises(link_passwords.WrongPassword):
            link_passwords.check(link, "wrong", address=f"203.0.113.{number}", now=timezone.now())

    assert link_passwords.delay_seconds(shared.token(link)) == pytest.approx(2.0)
    assert link_passwords.delay_seconds(shared.token(shared.link(owner))) == 0.0
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        assert link_passwords.delay_seconds(shared.token(link)) == 0.0


def test_a_guesser_at_one_address_gets_five_tries_in_five_minutes(link: ShareLink, monkeypatch: Any) -> None:
    looked: list[str] = []
    monkeypatch.setattr(link_passwords, "check_password", lambda given, _: looked.append(given))
    client, began = Client(), time.monotonic()

    answers = [shared.unlock(client, link, f"guess {number}").status_code for number in range(100)]

    assert (len(looked), answers.count(403), answers.count(429)) == (5, 5, 95)
    assert time.monotonic() - began < 60


def test_while_the_cache_is_away_the_right_one_still_opens(link: ShareLink, settings: Any) -> None:
    settings.CACHES = {
        "default": {"BACKEND": "config.caches.ForgivingRedisCache", "LOCATION": "redis://127.0.0.1:1/0"}
    }
    assert shared.unlock(Client(), link, "wrong one").status_code == 403
    assert shared.unlock(Client(), link, PASSWORD).status_code == 302
