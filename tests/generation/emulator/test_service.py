"""The emulator as others see it: addresses, envelopes, links that end, faults by three ways, its own log."""

import io
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from PIL import Image

from generation.emulator.aiml import MODELS
from generation.wire import aiml, reading
from tests.emulator_server import EmulatorServer

ROOT = Path(__file__).parents[3]
AUTHORISED = {"authorization": "Bearer any-key"}
ASKED = {"model": aiml.TEXT_MODEL, "prompt": "a lake"}


@pytest.fixture
def client(emulator: EmulatorServer) -> Iterator[httpx.Client]:
    emulator.settings(sketch=True)
    with httpx.Client(base_url=emulator.base_url, headers=AUTHORISED, trust_env=False) as opened:
        yield opened


def create(client: httpx.Client, headers: dict[str, str] | None = None, **fields: Any) -> httpx.Response:
    return client.post("/v1/images/generations", json={**ASKED, **fields}, headers=headers)


@pytest.mark.parametrize("path", ["/v1/images/generations", "/images/generations"])
def test_pictures_are_made_with_and_without_v1(client: httpx.Client, path: str) -> None:
    answer = client.post(path, json=ASKED)

    assert answer.status_code == 200
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-inference-id"])
    assert answer.json()["meta"]["usage"] == {"credits_used": 84000, "usd_spent": 0.042}


def test_an_openai_client_reads_the_answer(emulator: EmulatorServer) -> None:
    with (
        httpx.Client(trust_env=False) as transport,
        openai.OpenAI(
            base_url=emulator.base_url + "/v1", api_key="any-key", max_retries=0, http_client=transport
        ) as client,
    ):
        answer = client.images.generate(
            model=aiml.TEXT_MODEL, prompt="a lake", extra_body={"aspect_ratio": "16:9", "num_images": 2}
        )
        assert answer.data is not None
        assert len(answer.data) == 2
        assert answer.data[0].url is not None
        picture = Image.open(io.BytesIO(transport.get(answer.data[0].url).content))

    assert picture.size == (1344, 768)


def test_an_openai_client_reads_the_errors(emulator: EmulatorServer) -> None:
    emulator.fault("status=429,retry_after=1,envelope=nested")
    with (
        httpx.Client(trust_env=False) as transport,
        openai.OpenAI(
            base_url=emulator.base_url + "/v1", api_key="any-key", max_retries=0, http_client=transport
        ) as client,
        pytest.raises(openai.RateLimitError),
    ):
        client.images.generate(model=aiml.TEXT_MODEL, prompt="a lake")


@pytest.mark.parametrize(
    "headers", [{"authorization": ""}, {"authorization": "Basic abc"}, {"authorization": "Bearer"}]
)
def test_without_a_key_the_answer_is_401(client: httpx.Client, headers: dict[str, str]) -> None:
    answer = create(client, headers)

    assert answer.status_code == 401
    assert answer.json()["statusCode"] == "401"


def test_a_demanded_key_is_the_only_one(client: httpx.Client, emulator: EmulatorServer) -> None:
    emulator.settings(key="the-right-one")

    assert create(client).status_code == 401
    assert create(client, {"authorization": "Bearer the-right-one"}).status_code == 200


@pytest.mark.parametrize(
    ("fields", "hint"),
    [
        ({"prompt": None}, "Required (at prompt)"),
        ({"num_images": 0}, "greater than or equal to 1 (at num_images)"),
        ({"num_images": 5}, "less than or equal to 4 (at num_images)"),
        ({"aspect_ratio": "7:5"}, "received '7:5' (at aspect_ratio)"),
        ({"model": aiml.EDIT_MODEL}, "Required (at image_urls)"),
        ({"image_urls": ["https://x.example.test/a.png"]}, "Unrecognized key(s) in object: 'image_urls'"),
        ({"model": "google/unheard-of"}, "received 'google/unheard-of' (at model)"),
    ],
)
def test_a_wrong_request_gets_the_documented_envelope(
    client: httpx.Client, fields: dict[str, Any], hint: str
) -> None:
    answer = create(client, **fields)

    assert answer.status_code == 400
    assert set(answer.json()) == {"message", "path", "requestId", "statusCode", "timestamp"}
    assert answer.json()["message"].startswith("Body validation error\n")
    assert hint in answer.json()["message"]


def test_a_body_that_is_no_json_is_400(client: httpx.Client) -> None:
    assert client.post("/v1/images/generations", content=b"{").status_code == 400


def test_the_client_request_id_is_echoed_where_it_is_valid(client: httpx.Client) -> None:
    assert create(client, {"x-client-request-id": "g-1.1"}).headers["x-client-request-id"] == "g-1.1"
    assert "x-client-request-id" not in create(client, {"x-client-request-id": "no spaces"}).headers


def test_a_header_asks_for_a_fault(client: httpx.Client) -> None:
    answer = create(client, {"x-emulate": "status=429,retry_after=3"})

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")


def test_a_word_in_the_prompt_asks_for_a_fault(client: httpx.Client) -> None:
    assert create(client, prompt="a lake [emulate: status=503]").status_code == 503


def test_an_admin_call_asks_for_a_fault(client: httpx.Client) -> None:
    planned = client.post("/_emulator/faults", json={"fault": "status=500", "times": 2})

    assert planned.json() == {"planned": "status=500"}
    assert [create(client).status_code for _ in range(3)] == [500, 500, 200]


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("faults", {}),
        ("faults", {"fault": "storm=1"}),
        ("faults", {"fault": "status=500", "times": "many"}),
        ("settings", {"mood": 1}),
        ("settings", {"latency": "long"}),
        ("settings", {"shape": True}),
        ("settings", []),
    ],
)
def test_a_wrong_admin_call_is_400_with_a_reason(client: httpx.Client, path: str, values: Any) -> None:
    answer = client.post(f"/_emulator/{path}", json=values)

    assert answer.status_code == 400
    assert answer.json()["error"]


def test_settings_do_not_show_the_key(client: httpx.Client) -> None:
    answer = client.post("/_emulator/settings", json={"latency": 0, "key": "s3cret-key"})

    assert "s3cret-key" not in answer.text


def test_an_unknown_fault_is_told_and_not_ignored(client: httpx.Client) -> None:
    answer = create(client, {"x-emulate": "storm=1"})

    assert answer.status_code == 400
    assert "storm=1" in answer.json()["message"]


def test_a_result_ends_after_its_lifetime(client: httpx.Client, emulator: EmulatorServer) -> None:
    lasting = create(client).json()["data"][0]["url"]
    emulator.fault("links=expired")
    ended = create(client).json()["data"][0]["url"]

    assert [client.get(url).status_code for url in (lasting, ended)] == [200, 403]


@pytest.mark.parametrize(
    ("kind", "head"), [("png", b"\x89PNG"), ("jpeg", b"\xff\xd8\xff"), ("webp", b"RIFF")]
)
def test_pictures_come_in_each_type(client: httpx.Client, kind: str, head: bytes) -> None:
    url = create(client, {"x-emulate": f"format={kind}"}).json()["data"][0]["url"]
    picture = client.get(url)

    assert picture.content.startswith(head)
    assert picture.headers["content-type"] == f"image/{kind}"


def test_asking_again_gives_another_picture(client: httpx.Client, emulator: EmulatorServer) -> None:
    first, second = (fetched(client, "shape=2") for _ in range(2))
    emulator.reset()
    emulator.settings(sketch=True)

    assert first != second
    assert fetched(client, "shape=2") == first


def fetched(client: httpx.Client, fault: str, **fields: Any) -> bytes:
    return client.get(create(client, {"x-emulate": fault}, **fields).json()["data"][0]["url"]).content


def test_a_picture_can_have_the_wrong_size(client: httpx.Client) -> None:
    assert Image.open(io.BytesIO(fetched(client, "size=640x480"))).size == (640, 480)


def test_a_picture_can_be_blank(client: httpx.Client) -> None:
    picture = Image.open(io.BytesIO(fetched(client, "picture=blank")))

    assert picture.getextrema() == ((255, 255),) * 3


@pytest.mark.parametrize("fault", ["picture=junk", "picture=truncated"])
def test_a_picture_can_be_no_picture(client: httpx.Client, fault: str) -> None:
    data = fetched(client, fault)

    with pytest.raises(OSError, match=r"cannot identify|truncated|broken"):
        Image.open(io.BytesIO(data)).load()


def test_a_reference_can_come_back_unchanged(client: httpx.Client) -> None:
    file = io.BytesIO()
    Image.new("RGB", (32, 32), "red").save(file, "png")
    uri = reading.encode_data_uri(file.getvalue(), "image/png")

    returned = fetched(client, "picture=reference", model=aiml.EDIT_MODEL, image_urls=[uri])

    assert returned == file.getvalue()


def test_the_log_counts_what_was_taken_on(client: httpx.Client, emulator: EmulatorServer) -> None:
    for fault in ("shape=1", "status=500", "status=429", "status=400", "connection=reset_body"):
        try:
            create(client, {"x-emulate": fault, "x-client-request-id": "g-1.1"})
        except httpx.TransportError:
            continue

    report = client.get("/_emulator/log").json()
    assert report["paid_calls"] == {"g-1.1": 3}
    assert [call["status"] for call in report["calls"]] == [200, 500, 429, 400, 200]
    assert "any-key" not in str(report)


def test_a_reset_forgets_calls_and_faults(client: httpx.Client) -> None:
    client.post("/_emulator/faults", json={"fault": "status=500", "times": None})
    create(client)

    client.post("/_emulator/reset")

    assert client.get("/_emulator/log").json()["calls"] == []
    assert create(client).status_code == 200


@pytest.mark.parametrize("path", ["/v1/models", "/models", "/api/v1/models"])
def test_the_catalogue_needs_no_key(client: httpx.Client, path: str) -> None:
    listed = client.get(path, headers={"authorization": ""}).json()["data"]

    assert [model["id"] for model in listed] == list(MODELS)


def test_the_catalogue_can_be_filtered(client: httpx.Client) -> None:
    assert len(client.get("/v1/models", params={"id": aiml.EDIT_MODEL}).json()["data"]) == 1
    assert client.get("/v1/models", params={"type": "video"}).json()["data"] == []


def test_one_model_keeps_its_slashes(client: httpx.Client) -> None:
    assert client.get(f"/model/{aiml.TEXT_MODEL}").json()["id"] == aiml.TEXT_MODEL
    assert client.get("/model/google/unheard-of").status_code == 404


def test_the_balance_needs_a_key(client: httpx.Client) -> None:
    assert client.get("/v2/billing", headers={"authorization": ""}).status_code == 401
    assert client.get("/v2/billing").json()["balance"] == 100.0


def test_the_home_page_says_what_it_is(client: httpx.Client) -> None:
    page = client.get("/")

    assert page.headers["content-type"].startswith("text/html")
    assert "stands in for image providers" in page.text


def test_health_is_told_and_not_logged(client: httpx.Client, emulator: EmulatorServer) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert emulator.log() == []


def test_an_unknown_address_is_404(client: httpx.Client) -> None:
    assert client.get("/nowhere").status_code == 404
    assert client.get("/results/nothing.png").status_code == 404


def raw(emulator: EmulatorServer, data: bytes) -> bytes:
    """What the server sends to these bytes before it closes."""
    host, port = emulator.base_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_a_body_in_chunks_is_read(emulator: EmulatorServer) -> None:
    head = b"POST /_emulator/settings HTTP/1.1\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"

    answer = raw(emulator, head + b'4\r\n{"sh\r\n8\r\nape": 3}\r\n0\r\n\r\n')

    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b'"shape": 3' in answer


def test_a_client_that_waits_for_100_continue_gets_it(emulator: EmulatorServer) -> None:
    head = b"POST /_emulator/reset HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n"

    assert raw(emulator, head + b"{}").startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")


@pytest.mark.parametrize(
    "data",
    [
        b"hello\r\n\r\n",
        b"GET / SPDY/3\r\n\r\n",
        b"GET / HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\ncontent-length: 99999999999\r\n\r\n",
        b"GET / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nx: " + b"a" * 70_000 + b"\r\n\r\n",
    ],
)
def test_what_is_no_http_gets_400(emulator: EmulatorServer, data: bytes) -> None:
    assert raw(emulator, data).startswith(b"HTTP/1.1 400 ")


def started(*arguments: str) -> tuple[subprocess.Popen[str], str]:
    """An emulator of its own process, and the address it says it answers at."""
    process = subprocess.Popen(
        [sys.executable, *arguments, "--port", "0"],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    line = next(line for line in process.stderr if "answers at" in line)
    found = re.search(r"http://[\d.:]+", line)
    assert found is not None
    return process, found[0]


@pytest.mark.parametrize(
    "arguments",
    [("-m", "generation.emulator"), ("manage.py", "emulate_providers")],
    ids=["module", "command"],
)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_it_runs_until_it_is_told_to_stop(arguments: tuple[str, ...], number: signal.Signals) -> None:
    process, address = started(*arguments)
    try:
        health = httpx.get(f"{address}/healthz", trust_env=False)
        process.send_signal(number)
        _, rest = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()

    assert health.status_code == 200
    assert (process.returncode, "Traceback" in rest) == (0, False)


def test_a_port_that_is_taken_is_told(emulator: EmulatorServer) -> None:
    port = emulator.base_url.rsplit(":", 1)[1]

    ended = subprocess.run(
        [sys.executable, "manage.py", "emulate_providers", "--port", port],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
    )

    assert ended.returncode == 1
    assert f"cannot listen at 127.0.0.1:{port}" in ended.stderr
    assert "Traceback" not in ended.stderr
