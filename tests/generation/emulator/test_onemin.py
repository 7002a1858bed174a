"""1min.ai as others see it: by clients nobody here wrote, its limits, and a run that outlives its caller."""

import asyncio
import io
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import requests
from PIL import Image

from generation.emulator import onemin as vendor
from generation.wire import onemin, onemin_assets
from tests.emulator_server import EmulatorServer

ASKED = {"type": "IMAGE_GENERATOR", "model": onemin.TEXT_MODEL, "promptObject": {"prompt": "a lake"}}
AUTHORISED = {"API-KEY": "any-key"}


@pytest.fixture
def client(emulator: EmulatorServer) -> Iterator[httpx.Client]:
    emulator.settings(sketch=True)
    with httpx.Client(base_url=emulator.base_url, headers=AUTHORISED, trust_env=False) as opened:
        yield opened


def run(client: httpx.Client, headers: dict[str, str] | None = None, **fields: Any) -> httpx.Response:
    return client.post("/api/features", json={**ASKED, **fields}, headers=headers)


def png(colour: str = "red", size: tuple[int, int] = (32, 32)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "png")
    return file.getvalue()


def upload(client: httpx.Client, data: bytes, **headers: str) -> httpx.Response:
    return client.post("/api/assets", files={"asset": ("in.png", data, "image/png")}, headers=headers)


def finished(client: httpx.Client, uuid: str) -> dict[str, Any]:
    """The record once it is done."""
    ends_at = time.monotonic() + 10
    while time.monotonic() < ends_at:
        record: dict[str, Any] = client.get(f"/api/results/{uuid}").json()["aiRecord"]
        if record["status"] != "PROCESSING":
            return record
        time.sleep(0.02)
    raise AssertionError("it does not end")


@pytest.mark.parametrize("path", ["/api/features", "/onemin/api/features"])
def test_a_run_answers_as_documented(client: httpx.Client, path: str) -> None:
    record = client.post(path, json=ASKED).json()["aiRecord"]

    assert (record["status"], record["type"], record["model"]) == (
        "SUCCESS",
        "IMAGE_GENERATOR",
        "gemini-2.5-flash-image",
    )
    assert record["aiRecordDetail"]["promptObject"] == {"prompt": "a lake"}
    (key,) = record["aiRecordDetail"]["resultObject"]
    assert key.startswith("images/")
    assert "X-Amz-Expires=604800" in record["temporaryUrl"]
    picture = httpx.get(record["temporaryUrl"], trust_env=False)
    assert Image.open(io.BytesIO(picture.content)).size == (1024, 1024)


def test_another_client_uploads_edits_and_fetches(emulator: EmulatorServer) -> None:
    """requests writes its own forms and JSON."""
    emulator.settings(sketch=True)
    with requests.Session() as session:
        session.trust_env = False
        session.headers.update(AUTHORISED)
        base = emulator.base_url
        answers = [
            session.post(
                f"{base}/api/assets", files={"asset": (f"in {n}.png", io.BytesIO(png(colour)))}
            ).json()
            for n, colour in enumerate(("red", "blue"))
        ]
        keys = [answer["fileContent"]["path"] for answer in answers]
        assert keys == [answer["asset"]["key"] for answer in answers]
        body = {
            "type": "IMAGE_EDITOR",
            "model": onemin.EDIT_MODEL,
            "promptObject": {"prompt": "mix", "imageUrl": keys[0], "referenceImage1": keys[1]},
            "async": True,
        }
        begun = session.post(f"{base}/api/features", json=body).json()["aiRecord"]
        assert begun["status"] == "PROCESSING"
        assert begun["aiRecordDetail"]["resultObject"] == []
        ends_at = time.monotonic() + 10
        while (record := session.get(f"{base}/api/results/{begun['uuid']}").json()["aiRecord"])[
            "status"
        ] == "PROCESSING":
            assert time.monotonic() < ends_at
            time.sleep(0.02)
        picture = session.get(record["temporaryUrl"], headers={"API-KEY": None})

    assert record["status"] == "SUCCESS"
    assert Image.open(io.BytesIO(picture.content)).size == (1024, 1024)
    assert [call["references"] for call in emulator.log() if call["prompt"]] == [2]


def test_a_result_can_be_edited_by_its_key(client: httpx.Client, emulator: EmulatorServer) -> None:
    first = run(client).json()["aiRecord"]["aiRecordDetail"]["resultObject"][0]

    edit = {"prompt": "at night", "imageUrl": first}
    answer = run(client, type="IMAGE_EDITOR", model=onemin.EDIT_MODEL, promptObject=edit)

    assert answer.json()["aiRecord"]["status"] == "SUCCESS"


def test_an_address_can_be_edited(client: httpx.Client) -> None:
    link = run(client).json()["aiRecord"]["temporaryUrl"]

    edit = {"prompt": "at night", "imageUrl": link}
    answer = run(client, type="IMAGE_EDITOR", model=onemin.EDIT_MODEL, promptObject=edit)

    assert answer.json()["aiRecord"]["status"] == "SUCCESS"


def test_references_given_to_the_generator_are_ignored(
    client: httpx.Client, emulator: EmulatorServer
) -> None:
    answer = run(client, promptObject={"prompt": "a lake", "imageUrl": "images/none.png", "mood": 3})

    assert answer.json()["aiRecord"]["status"] == "SUCCESS"
    assert emulator.log()[-1]["references"] == 0


def test_an_edit_of_nothing_says_what_its_maker_said(client: httpx.Client, emulator: EmulatorServer) -> None:
    edit = {"prompt": "at night", "imageUrl": "images/none.png"}
    answer = run(client, type="IMAGE_EDITOR", model=onemin.EDIT_MODEL, promptObject=edit)

    assert answer.status_code == 400
    assert answer.json()["errorCode"] == "EXTERNAL_API_RESPONSE_WITH_ERROR"
    details = json.loads(answer.json()["details"])
    assert details["response"]["status"] == 400
    assert "no such asset" in details["response"]["data"]["message"]
    assert not emulator.log()[-1]["paid"]


@pytest.mark.parametrize(
    ("fields", "code", "hint"),
    [
        ({"type": "CHAT_WITH_AI"}, "UNKNOWN_ERROR", "CHAT_WITH_AI"),
        ({"model": "unheard-of"}, "UNSUPPORTED_MODEL", "unheard-of"),
        ({"model": onemin.EDIT_MODEL}, "UNSUPPORTED_MODEL", "IMAGE_GENERATOR"),
        ({"promptObject": {}}, "MISSING_REQUIRED_FIELDS", "prompt is required"),
        ({"type": "IMAGE_EDITOR"}, "MISSING_REQUIRED_FIELDS", "imageUrl is required"),
    ],
)
def test_a_wrong_run_gets_the_documented_envelope(
    client: httpx.Client, fields: dict[str, Any], code: str, hint: str
) -> None:
    answer = run(client, **fields)

    assert (answer.status_code, answer.json()["errorCode"]) == (400, code)
    assert hint in answer.text


def test_a_body_that_is_no_json_is_400(client: httpx.Client) -> None:
    assert client.post("/api/features", content=b"{").json()["errorCode"] == "UNKNOWN_ERROR"


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/api/features"), ("GET", "/api/results/u-1"), ("POST", "/api/assets")]
)
def test_each_address_needs_a_key(client: httpx.Client, method: str, path: str) -> None:
    assert client.request(method, path, headers={"API-KEY": ""}).status_code == 401


def test_the_other_header_for_the_key_does_too(client: httpx.Client) -> None:
    assert run(client, {"API-KEY": "", "Authorization": "Bearer any-key"}).status_code == 200


@pytest.mark.parametrize(
    ("fault", "status", "fields"),
    [
        ("status=406", 406, {"errorCode": "INSUFFICIENT_CREDITS"}),
        ("status=406,envelope=nested", 406, {"success": False}),
        ("status=401,code=MY_OWN,message=So it is", 401, {"errorCode": "MY_OWN", "message": "So it is"}),
        ("quirk=nested_503", 400, {"errorCode": "EXTERNAL_API_RESPONSE_WITH_ERROR"}),
        ("status=503", 503, {"errorCode": "SERVICE_UNAVAILABLE"}),
    ],
)
def test_an_error_can_be_asked_for(
    client: httpx.Client, fault: str, status: int, fields: dict[str, Any]
) -> None:
    answer = run(client, promptObject={"prompt": f"a lake [emulate: {fault}]"})

    assert answer.status_code == status
    assert fields.items() <= answer.json().items()


@pytest.mark.parametrize("status", [520, 522, 524])
def test_the_edge_answers_with_a_page(client: httpx.Client, status: int) -> None:
    answer = run(client, {"x-emulate": f"status={status}"})

    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("quirk", sorted(vendor.QUIRKS))
def test_each_quirk_is_listed_with_a_sentence_and_is_taken(client: httpx.Client, quirk: str) -> None:
    answer = run(client, {"x-emulate": f"quirk={quirk}"})

    assert vendor.QUIRKS[quirk].endswith(".")
    assert "no quirk" not in answer.text


@pytest.mark.parametrize(
    "fault", ["quirk=storm", "quirk=beside+storm", "envelope=title", "result=b64_json", "storm=1"]
)
def test_what_this_vendor_has_not_is_told(client: httpx.Client, emulator: EmulatorServer, fault: str) -> None:
    answer = run(client, {"x-emulate": fault})

    assert answer.status_code == 400
    assert "1min.ai" in answer.json()["message"] or "storm=1" in answer.json()["message"]
    assert not emulator.log()[-1]["paid"]


def test_details_are_json_written_as_text(client: httpx.Client) -> None:
    as_text = run(client, {"x-emulate": "quirk=nested_400"}).json()["details"]
    as_object = run(client, {"x-emulate": "quirk=nested_400+details_object"}).json()["details"]

    assert json.loads(as_text) == as_object
    assert as_object["response"]["status"] == 400


@pytest.mark.parametrize(
    ("fault", "results"),
    [
        ("quirk=failure,message=It broke", ["It broke"]),
        ("quirk=failure_bare", []),
        ("body=empty", []),
    ],
)
def test_a_run_can_end_without_a_picture(client: httpx.Client, fault: str, results: list[str]) -> None:
    begun = run(client, {"x-emulate": fault}, **{"async": True}).json()["aiRecord"]

    record = finished(client, begun["uuid"])

    assert record["status"] == ("SUCCESS" if fault == "body=empty" else "FAILURE")
    assert record["aiRecordDetail"]["resultObject"] == results
    assert "temporaryUrl" not in record


def test_two_results_have_one_address(client: httpx.Client) -> None:
    record = run(client, {"x-emulate": "count=2"}).json()["aiRecord"]

    assert len(record["aiRecordDetail"]["resultObject"]) == 2
    assert isinstance(record["temporaryUrl"], str)


def test_an_unknown_id_is_a_success_that_says_so(client: httpx.Client) -> None:
    answer = client.get("/api/results/00000000-0000-0000-0000-000000000000")

    assert (answer.status_code, answer.json()) == (200, {"aiRecord": None})


@pytest.mark.parametrize("is_async", [True, False])
def test_a_run_goes_on_although_its_caller_has_gone(
    client: httpx.Client, emulator: EmulatorServer, is_async: bool
) -> None:
    emulator.settings(latency=0.3)
    with pytest.raises(httpx.TransportError):
        client.post(
            "/api/features",
            json={**ASKED, "async": is_async},
            headers={"x-emulate": "connection=reset" if is_async else "latency=0.3"},
            timeout=0.1,
        )
    (name,) = emulator._emulator.memory.kept["onemin"]

    assert finished(client, name)["status"] == "SUCCESS"


# --- Uploads and limits ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "status"), [(png(), 200), (b"\xff\xd8\xff...", 200), (b"RIFF....WEBP", 200), (b"GIF89a", 400)]
)
def test_uploads_are_pictures(client: httpx.Client, data: bytes, status: int) -> None:
    assert upload(client, data).status_code == status


def test_an_upload_needs_a_part_called_asset(client: httpx.Client) -> None:
    answer = client.post("/api/assets", files={"file": ("in.png", png(), "image/png")})

    assert answer.json()["errorCode"] == "MISSING_REQUIRED_FIELDS"
    assert "asset is required" in answer.text


def test_an_upload_of_more_than_50_mb_is_refused(client: httpx.Client) -> None:
    most = onemin_assets.ASSET_MAX_BYTES
    data = png().ljust(most, b"\0")

    assert upload(client, data).status_code == 200
    assert upload(client, data + b"\0").status_code == 413


def test_an_upload_can_go_wrong_by_header_or_by_plan(client: httpx.Client) -> None:
    client.post("/_emulator/faults", json={"fault": "status=503", "at": "upload"})

    assert run(client).status_code == 200
    assert [upload(client, png()).status_code for _ in range(2)] == [503, 200]
    assert upload(client, png(), **{"x-emulate": "status=429,retry_after=2"}).headers["retry-after"] == "2"
    assert upload(client, png(), **{"x-emulate": "quirk=storm"}).status_code == 400


def test_the_documented_rates_are_held_when_the_settings_say_so(
    client: httpx.Client, emulator: EmulatorServer
) -> None:
    emulator.settings(vendor_limits=True)

    uploads = [upload(client, png()) for _ in range(101)]
    asked = [client.get("/api/results/u-1") for _ in range(181)]

    for answers in (uploads, asked):
        assert {answer.status_code for answer in answers[:-1]} == {200}
        assert answers[-1].status_code == 429
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert run(client).status_code == 429


def test_without_them_no_rate_is_held(client: httpx.Client) -> None:
    assert {client.get("/api/results/u-1").status_code for _ in range(200)} == {200}


def test_five_uploads_go_on_at_a_time(emulator: EmulatorServer) -> None:
    emulator.settings(vendor_limits=True)

    async def all_at_once() -> list[int]:
        async with httpx.AsyncClient(
            base_url=emulator.base_url, headers={**AUTHORISED, "x-emulate": "latency=0.5"}, trust_env=False
        ) as client:
            files = {"asset": ("in.png", png(), "image/png")}
            answers = await asyncio.gather(*(client.post("/api/assets", files=files) for _ in range(7)))
            return sorted(answer.status_code for answer in answers)

    assert asyncio.run(all_at_once()) == [200] * 5 + [429] * 2


def test_the_models_of_a_feature_are_listed_without_a_key(client: httpx.Client) -> None:
    answer = client.get("/onemin/models", params={"feature": "IMAGE_GENERATOR"}, headers={"API-KEY": ""})

    assert [model["modelId"] for model in answer.json()["models"]] == [onemin.TEXT_MODEL]


async def begin(port: int, runs: int) -> int:
    """Ask for that many runs over one connection, without a client library, which would cost more than the
    server; gives how many were taken on.
    """
    prompt = {"prompt": "a lake [emulate: body=empty]"}  # what is tried is the waiting, not the painting
    body = json.dumps({**ASKED, "promptObject": prompt, "async": True}).encode()
    head = b"POST /api/features HTTP/1.1\r\napi-key: k\r\ncontent-length: %d\r\n" % len(body)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write((head + b"\r\n" + body) * (runs - 1) + head + b"connection: close\r\n\r\n" + body)
    answers = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answers.count(b'"status": "PROCESSING"')


@pytest.mark.slow
def test_a_thousand_slow_runs_wait_side_by_side(emulator: EmulatorServer) -> None:
    """Each answers at once, and all of them are at work in the same moment."""
    emulator.settings(sketch=True, format="jpeg", latency=4.0)
    port = int(emulator.base_url.rsplit(":", 1)[1])

    async def begin_all() -> list[int]:
        return await asyncio.gather(*(begin(port, 100) for _ in range(10)))

    assert sum(asyncio.run(begin_all())) == 1000
    jobs = list(emulator._emulator.memory.kept["onemin"].values())
    assert {job.record.status.value for job in jobs} == {"PROCESSING"}
    ends_at = time.monotonic() + 50
    while any(job.record.status.value == "PROCESSING" for job in jobs):
        assert time.monotonic() < ends_at
        time.sleep(0.05)
    assert {job.record.status.value for job in jobs} == {"SUCCESS"}
