"""GMI Cloud's queue as others see it: addresses, records over time, uploads, and its own log."""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from generation.emulator.gmi import QUIRKS
from generation.emulator.gmi_jobs import Job
from generation.wire import gmi, gmi_catalog
from generation.wire.messages import ImageRequest
from tests.emulator_server import EmulatorServer

KEY = {"authorization": "Bearer any-key"}
ASKED = {"model": gmi.MODEL, "payload": {"prompt": "a lake"}}


@pytest.fixture
def client(emulator: EmulatorServer) -> Iterator[httpx.Client]:
    emulator.settings(sketch=True)
    with httpx.Client(base_url=emulator.base_url, headers=KEY, trust_env=False) as opened:
        yield opened


def submit(client: httpx.Client, emulate: str = "", **payload: Any) -> httpx.Response:
    body = {"model": gmi.MODEL, "payload": {"prompt": "a lake", **payload}}
    return client.post(gmi.REQUESTS, json=body, headers={"x-emulate": emulate} if emulate else None)


def record(client: httpx.Client, request_id: str, *, until: str = "success") -> dict[str, Any]:
    ends_at, found = time.monotonic() + 20, {}
    while time.monotonic() < ends_at:
        found = client.get(f"{gmi.REQUESTS}/{request_id}").json()
        if found["status"] == until:
            return found
        time.sleep(0.02)
    raise AssertionError(f"it never became {until}: {found}")


@pytest.mark.parametrize("mount", ["", "/gmi"])
def test_a_submit_is_answered_at_once_and_finished_later(client: httpx.Client, mount: str) -> None:
    answer = client.post(mount + gmi.REQUESTS, json=ASKED, params={"source_product": "studio"})

    assert answer.status_code == 200
    assert answer.json()["outcome"] is None
    done = record(client, answer.json()["request_id"])
    assert set(done) >= {
        "request_id",
        "org_id",
        "user_id",
        "model",
        "status",
        "is_public",
        "payload",
        "outcome",
    }
    assert done["payload"] == {"prompt": "a lake"}
    assert client.get(done["outcome"]["media_urls"][0]["url"]).headers["content-type"] == "image/png"


@pytest.mark.parametrize(
    ("part", "status"), [(0.0, "queued"), (0.15, "dispatched"), (0.5, "processing"), (3.0, "processing")]
)
def test_the_status_moves_with_time(part: float, status: str) -> None:
    job = Job(
        request_id="r-1",
        owner="",
        org_id="",
        asked=ImageRequest(gmi.MODEL, "a lake"),
        echo={},
        quirks=frozenset(),
        seconds=1000.0,
        created_at=0,
        updated_at=0,
        started=time.monotonic() - 1000 * part,
    )

    assert job.status == status
    job.end("success")
    assert (job.status, job.updated_at > 0) == ("success", True)


def test_a_blocking_submit_answers_the_finished_record(client: httpx.Client) -> None:
    done = submit(client, "quirk=blocking,latency=0.2").json()

    assert done["status"] == "success"
    assert done["updated_at"] >= done["created_at"]


def test_work_goes_on_though_the_client_has_gone(client: httpx.Client) -> None:
    with pytest.raises(httpx.ReadTimeout):
        client.post(
            gmi.REQUESTS, json=ASKED, headers={"x-emulate": "quirk=blocking,latency=0.4"}, timeout=0.1
        )

    request_id = client.get(gmi.REQUESTS).json()["requests"][0]["request_id"]
    assert record(client, request_id)["outcome"]["media_urls"]


def test_the_list_is_newest_first_and_filtered(client: httpx.Client) -> None:
    ids = [submit(client).json()["request_id"] for _ in range(3)]

    for query in ({}, {"model_id": gmi.MODEL}, {"model": gmi.MODEL}):
        listing = client.get(gmi.REQUESTS, params=query).json()
        assert [one["request_id"] for one in listing["requests"]] == ids[::-1]
        assert listing["total"] == 3
    assert client.get(gmi.REQUESTS, params={"model_id": "other"}).json() == {"requests": [], "total": 0}


def test_others_see_none_of_it(client: httpx.Client) -> None:
    request_id = submit(client).json()["request_id"]
    other = {"authorization": "Bearer another-key"}

    assert client.get(gmi.REQUESTS, headers=other).json()["requests"] == []
    assert client.get(f"{gmi.REQUESTS}/{request_id}", headers=other).status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", gmi.REQUESTS),
        ("GET", gmi.REQUESTS),
        ("GET", f"{gmi.REQUESTS}/r-1"),
        ("DELETE", f"{gmi.REQUESTS}/r-1"),
        ("POST", gmi_catalog.UPLOADS),
        ("GET", gmi_catalog.MODELS),
    ],
)
def test_without_a_key_the_answer_is_401(client: httpx.Client, method: str, path: str) -> None:
    answer = client.request(method, path, json=ASKED, headers={"authorization": ""})

    assert (answer.status_code, list(answer.json())) == (401, ["error"])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"model": gmi.MODEL, "payload": {}}, 400),
        ({"model": gmi.MODEL}, 400),
        ({"payload": {"prompt": "p"}}, 400),
        ({"model": gmi.MODEL, "payload": {"prompt": "p", "aspect_ratio": "7:5"}}, 400),
        ({"model": gmi.MODEL.upper(), "payload": {"prompt": "p"}}, 404),
        ([], 400),
    ],
)
def test_a_wrong_request_is_told_so_in_one_text(client: httpx.Client, body: Any, status: int) -> None:
    answer = client.post(gmi.REQUESTS, json=body)

    assert (answer.status_code, type(answer.json()["error"])) == (status, str)


def test_models_are_listed_with_and_without_a_key(client: httpx.Client) -> None:
    assert client.get(gmi_catalog.MODELS).json() == {"model_ids": [gmi.MODEL]}
    open_models = gmi_catalog.MODELS.replace("/apikey", "")
    assert client.get(open_models, headers={"authorization": ""}).json() == {"models": [gmi.MODEL]}
    for path in (gmi_catalog.MODELS, open_models):
        detail = client.get(f"{path}/{gmi.MODEL}").json()
        assert {one["name"] for one in detail["parameters"]} == {
            "prompt",
            "image",
            "aspect_ratio",
            "contents",
        }
        assert client.get(f"{path}/unheard-of").status_code == 404


def test_a_cancelled_request_stays_so(client: httpx.Client) -> None:
    request_id = submit(client, "latency=30").json()["request_id"]

    assert client.delete(f"{gmi.REQUESTS}/{request_id}").json()["status"] == "cancelled"
    assert client.delete(f"{gmi.REQUESTS}/{request_id}").status_code == 409
    assert record(client, request_id, until="cancelled")["outcome"] is None


def test_a_cancelled_request_gives_its_place_back(client: httpx.Client, emulator: EmulatorServer) -> None:
    emulator.settings(concurrency=1)
    request_id = submit(client, "latency=30").json()["request_id"]
    limited = submit(client)
    assert limited.status_code == 429
    assert limited.json()["rate_limit"]["retry_after_ms"] == 1000

    client.delete(f"{gmi.REQUESTS}/{request_id}")

    assert submit(client).status_code == 200


# --- Uploads ------------------------------------------------------------------------------------


def link(client: httpx.Client, file_type: str = "png") -> dict[str, str]:
    found: dict[str, str] = client.post(gmi_catalog.UPLOADS, json={"file_type": file_type}).json()
    return found


def put(url: str, content_type: str | None, **headers: str) -> httpx.Response:
    named = {"content-type": content_type} if content_type else {}
    return httpx.put(url, content=b"bytes", headers={**named, **headers}, trust_env=False)


@pytest.mark.parametrize(
    ("file_type", "content_type"),
    [("png", "image/png"), ("jpeg", "image/jpeg"), ("jpg", "image/jpg"), ("mp4", "video/mp4")],
)
def test_the_signed_type_must_match_to_the_letter(
    client: httpx.Client, file_type: str, content_type: str
) -> None:
    places = link(client, file_type)

    for wrong in ("image/webp", content_type.upper(), f"{content_type}; a=b"):
        assert put(places["upload_url"], wrong).status_code == 403
    assert put(places["upload_url"], None).status_code == 400
    assert put(places["upload_url"], content_type, authorization="Bearer k").status_code == 400
    assert httpx.get(places["public_url"], trust_env=False).status_code == 404
    assert put(places["upload_url"], content_type).status_code == 200
    assert httpx.get(places["public_url"], trust_env=False).content == b"bytes"


def test_jpg_as_jpeg_is_403(client: httpx.Client) -> None:
    assert put(link(client, "jpg")["upload_url"], "image/jpeg").status_code == 403


def test_a_link_names_its_life_and_ends(client: httpx.Client, emulator: EmulatorServer) -> None:
    assert "X-Goog-Expires=899&" in link(client)["upload_url"]
    emulator.fault("links=expired", at="gmi:upload-url")

    assert put(link(client)["upload_url"], "image/png").status_code == 400


def test_another_signature_is_403(client: httpx.Client) -> None:
    assert put(link(client)["upload_url"] + "0", "image/png").status_code == 403


@pytest.mark.parametrize("file_type", ["webp", "heic", "", None])
def test_other_types_get_no_link(client: httpx.Client, file_type: Any) -> None:
    answer = client.post(gmi_catalog.UPLOADS, json={"file_type": file_type})

    assert answer.status_code == 400


def test_a_reference_that_never_came_fails_the_request(client: httpx.Client) -> None:
    request_id = submit(client, image=link(client)["public_url"]).json()["request_id"]

    failed = record(client, request_id, until="failed")

    assert failed["outcome"]["error"].startswith("Backend error (400). Unable to process input image")


# --- Faults and the log -------------------------------------------------------------------------


@pytest.mark.parametrize("quirk", ["unheard_of", "blocking+unheard_of", "failed_in=nowhere"])
def test_an_unknown_quirk_is_refused_with_those_there_are(client: httpx.Client, quirk: str) -> None:
    answer = submit(client, f"quirk={quirk}")

    assert answer.status_code == 400
    assert all(known in answer.json()["message"] for known in QUIRKS)


def test_every_quirk_says_what_it_does() -> None:
    assert all(sentence.endswith(".") and len(sentence) > 20 for sentence in QUIRKS.values())


def test_a_fault_that_names_no_call_is_left_for_the_submit(
    client: httpx.Client, emulator: EmulatorServer
) -> None:
    emulator.fault("status=402")

    assert client.get(gmi.REQUESTS).status_code == 200
    assert link(client)
    assert submit(client).status_code == 402


def test_a_fault_in_the_prompt_is_taken(client: httpx.Client) -> None:
    assert submit(client, prompt="a lake [emulate: status=503]").status_code == 503


def test_an_empty_result_is_a_success_without_pictures(client: httpx.Client) -> None:
    outcomes = [submit(client, f"quirk=blocking,body={body}").json()["outcome"] for body in ("empty", "null")]

    assert outcomes == [{"media_urls": []}, None]


def test_only_submits_are_paid_and_noted(client: httpx.Client, emulator: EmulatorServer) -> None:
    request_id = submit(client).json()["request_id"]
    record(client, request_id)
    link(client)
    client.get(gmi_catalog.MODELS)

    paid = [call for call in emulator.log() if call["paid"]]
    assert [(call["method"], call["vendor"], call["prompt"]) for call in paid] == [("POST", "gmi", "a lake")]


def test_a_payload_too_deep_to_echo_is_taken_all_the_same(client: httpx.Client) -> None:
    nested = "[" * 600 + "]" * 600
    body = f'{{"model":"{gmi.MODEL}","payload":{{"prompt":"a lake","extra":{nested}}}}}'

    answer = client.post(gmi.REQUESTS, content=body.encode())

    assert answer.status_code in (200, 400)
    assert json.loads(answer.content)
