"""The API's event stream: who may listen, what is told, and a real server heard by a client of its own."""

import json
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.test import Client
from django.utils import timezone
from openai._streaming import ServerSentEvent, SSEDecoder

from accounts import events, hub, keys, stream
from accounts.models import Event, User
from gallery import sharing
from gallery.models import Image
from tests import factories
from tests.accounts import another
from tests.api import rows
from tests.api.conftest import Caller, caller

pytestmark = pytest.mark.django_db(transaction=True)


def heard(response: Any) -> list[ServerSentEvent]:
    """What a stream that ends at once has told."""
    said = list(SSEDecoder().iter_bytes(iter([b"".join(response.streaming_content)])))
    return [event for event in said if event.event not in (None, "end")]


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams end after one look."""
    monkeypatch.setattr(stream, "LIFE_SECONDS", 0.2)


def tell_all(user: User) -> dict[str, str]:
    ids = {"generation": str(uuid.uuid4()), "image": str(uuid.uuid4())}
    events.record(user_id=user.pk, kind=events.Kind.GENERATION, subject=ids["generation"])
    events.record(user_id=user.pk, kind=events.Kind.CREDITS, subject="refund:12")
    events.record(user_id=user.pk, kind=events.Kind.IMAGE, subject=ids["image"])
    events.record(user_id=user.pk, kind=events.Kind.NOTICE)
    return ids


@pytest.mark.usefixtures("short")
def test_each_event_says_where_to_read_what_changed(owner: Caller) -> None:
    after = events.place(owner.user.pk)
    ids = tell_all(owner.user)

    told = heard(owner.client.get("/api/v1/events", {"after": str(after)}))

    api = "http://testserver/api/v1"
    assert [(event.event, json.loads(event.data)) for event in told] == [
        (kind, {"type": kind, "id": found, "url": url})
        for kind, found, url in [
            ("generation", ids["generation"], f"{api}/generations/{ids['generation']}"),
            ("credits", None, f"{api}/credits"),
            ("image", ids["image"], f"{api}/images/{ids['image']}"),
            ("notice", None, None),
        ]
    ]
    place = events.place_of(told[-1].id or "")
    assert place is not None
    assert place.pk == Event.objects.latest("pk").pk


@pytest.mark.usefixtures("short")
def test_of_many_pictures_at_once_none_is_named(owner: Caller) -> None:
    after = events.place(owner.user.pk)
    events.record(user_id=owner.user.pk, kind=events.Kind.IMAGE)

    (told,) = heard(owner.client.get("/api/v1/events", {"after": str(after)}))

    assert json.loads(told.data) == {"type": "image", "id": None, "url": None}


@pytest.mark.usefixtures("short")
def test_only_the_types_asked_for_are_told(owner: Caller) -> None:
    after = events.place(owner.user.pk)
    tell_all(owner.user)

    told = heard(owner.client.get("/api/v1/events", {"after": str(after), "types": "credits,image"}))

    assert [event.event for event in told] == ["credits", "image"]


@pytest.mark.parametrize(
    ("query", "headers", "code"),
    [
        ({"types": "generation,shares"}, {}, "invalid_choice"),
        ({"types": ""}, {}, "invalid_choice"),
        ({"after": "yesterday"}, {}, "invalid_event_id"),
        ({}, {"Last-Event-ID": "yesterday"}, "invalid_event_id"),
        ({"since": "1"}, {}, "unknown_parameter"),
    ],
)
def test_what_is_not_understood_is_a_problem(
    query: dict[str, str], headers: dict[str, str], code: str, owner: Caller
) -> None:
    answer = owner.client.get("/api/v1/events", query, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert answer["Content-Type"] == "application/problem+json"


def test_a_strangers_and_a_revoked_keys_refusal_are_problems(owner: Caller) -> None:
    keys.revoke(key=owner.key, now=timezone.now())

    for client in (Client(), owner.client):
        answer = client.get("/api/v1/events", headers={"Accept": "text/event-stream"})
        assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("before", ["private", "everyone"])
def test_everybody_hears_that_a_picture_is_shown_or_hidden(
    before: str, owner: Caller, teammate: Caller
) -> None:
    image = rows.image_of(owner.user, visibility=before)
    (other,) = {"private", "everyone"} - {before}
    places = {who: events.place(who.user.pk) for who in (owner, teammate)}

    owner.client.patch(f"/api/v1/images/{image.public_id}", {"visibility": other})
    owner.client.patch(f"/api/v1/images/{image.public_id}", {"visibility": other})

    for who, after in places.items():
        (told,) = heard(who.client.get("/api/v1/events", {"after": str(after), "types": "image"}))
        assert json.loads(told.data)["id"] == str(image.public_id)
        read = who.client.get(json.loads(told.data)["url"].removeprefix("http://testserver"))
        assert read.status_code == (200 if who is owner or other == "everyone" else 404)


def test_the_pages_button_tells_everybody_too(owner: Caller) -> None:
    image = rows.image_of(owner.user)
    browser = Client()
    browser.force_login(owner.user)

    browser.post(f"/images/{image.public_id}/visibility", {"visibility": "everyone"})

    image.refresh_from_db()
    assert image.visibility == "everyone"
    assert Event.objects.filter(user=None, kind="image", subject=str(image.public_id)).count() == 1


def test_nothing_is_told_of_a_choice_that_changes_nothing(owner: Caller) -> None:
    image = rows.image_of(owner.user)
    Image.objects.filter(pk=image.pk).update(visibility="everyone")

    # Somebody else was quicker; what was read before says otherwise.
    sharing.show_to(image, "everyone")

    assert not Event.objects.filter(user=None).exists()


def test_the_schema_says_what_the_stream_is(owner: Caller) -> None:
    described = owner.client.get("/api/v1/schema").json()["paths"]["/api/v1/events"]["get"]

    assert set(described["responses"]["200"]["content"]) == {"text/event-stream"}
    assert {given["name"] for given in described["parameters"]} == {"types", "after", "Last-Event-ID"}
    assert "`read`" in described["description"]


# --- A real server ------------------------------------------------------------------------------


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """Uvicorn in a process of its own, on the test's database."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "uvicorn",
            "config.asgi:application",
            "--port",
            str(port),
            "--lifespan",
            "off",
        ],
        cwd=another.ROOT,
        env=another.environment(tmp_path) | {"PORT": str(port), "DJANGO_SETTINGS_MODULE": "config.settings"},
    )
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 40
        while True:
            try:
                if httpx.get(f"{address}/healthz").status_code == 200:
                    break
            except httpx.TransportError:
                assert time.monotonic() < deadline, "uvicorn never answered"
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.mark.slow
def test_a_real_server_tells_at_once_and_goes_on_where_it_was(server: str) -> None:
    person = caller(factories.person(credits=0))
    other = factories.person(credits=0)
    headers = {"Authorization": f"Bearer {person.secret}"}

    def tell(subject: str) -> float:
        events.record(user_id=person.user.pk, kind=events.Kind.GENERATION, subject=subject)
        return time.monotonic()

    with httpx.Client(headers=headers, timeout=20) as http:
        with http.stream("GET", f"{server}/api/v1/events") as answer:
            assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream")
            told = SSEDecoder().iter_bytes(answer.iter_raw())
            first = next(told)
            assert (first.retry, first.event) == (stream.RECONNECT_MS, None)
            begun = next(told)
            assert begun.id
            for number in range(3):
                events.record(user_id=other.pk, kind=events.Kind.GENERATION, subject="theirs")
                at = tell(f"a{number}")
                event = next(told)
                assert time.monotonic() - at < 0.5
                assert json.loads(event.data)["id"] == f"a{number}"
                assert json.loads(event.data)["url"] == f"{server}/api/v1/generations/a{number}"
        tell("meanwhile")
        again = {"Last-Event-ID": event.id or ""}
        with http.stream("GET", f"{server}/api/v1/events", headers=again) as answer:
            told = SSEDecoder().iter_bytes(answer.iter_raw())
            assert next(told).retry
            assert json.loads(next(told).data)["id"] == "meanwhile"
            keys.revoke(key=person.key, now=timezone.now())
            revoked = time.monotonic()
            assert next(told).event == "end"
            assert time.monotonic() - revoked < 2 * hub.CHECK_SECONDS
        assert http.get(f"{server}/api/v1/events", headers=again).status_code == 401
