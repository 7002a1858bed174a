"""Google's part of the emulator over plain HTTP: keys, streams, lists, oddities, and 1,000 calls at once."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from generation.emulator.google import QUIRKS
from generation.wire import google
from tests.emulator_server import EmulatorServer
from tests.generation.wire import strategies_google as strategies
from tests.generation.wire.fuzzing import EXAMPLES

MODEL = "gemini-2.5-flash-image"
PATH = f"/v1beta/models/{MODEL}:generateContent"
STREAM = f"/v1beta/models/{MODEL}:streamGenerateContent"
ASKED = {"contents": [{"parts": [{"text": "a lake"}]}]}


@pytest.fixture
def client(emulator: EmulatorServer) -> Iterator[httpx.Client]:
    emulator.settings(sketch=True, format="jpeg")
    with httpx.Client(
        base_url=emulator.base_url, headers={"x-goog-api-key": "any-key"}, trust_env=False
    ) as opened:
        yield opened


def ask(client: httpx.Client, fault: str = "", path: str = PATH, **fields: Any) -> httpx.Response:
    return client.post(path, json={**ASKED, **fields}, headers={"x-emulate": fault} if fault else None)


def parts(answer: httpx.Response) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answer.json()["candidates"][0]["content"]["parts"]
    return found


@pytest.mark.parametrize("prefix", ["", "/v1", "/v1beta", "/v1alpha", "/google", "/google/v1"])
def test_every_version_of_the_address(client: httpx.Client, prefix: str) -> None:
    answer = ask(client, path=f"{prefix}/models/{MODEL}:generateContent")

    assert list(parts(answer)[1]["inlineData"]) == ["mimeType", "data"]
    assert base64.b64decode(parts(answer)[1]["inlineData"]["data"]).startswith(b"\xff\xd8\xff")


@pytest.mark.parametrize(
    ("headers", "query", "status", "word"),
    [
        ({}, "", 403, "PERMISSION_DENIED"),
        ({"x-goog-api-key": "wrong"}, "", 400, "INVALID_ARGUMENT"),
        ({"x-goog-api-key": "right"}, "", 200, ""),
        ({}, "?key=right", 200, ""),
        ({}, "?key=wrong", 400, "INVALID_ARGUMENT"),
        ({"authorization": "Bearer right"}, "", 200, ""),
    ],
)
def test_a_key_comes_in_a_header_or_in_the_address(
    emulator: EmulatorServer, headers: dict[str, str], query: str, status: int, word: str
) -> None:
    emulator.settings(sketch=True, key="right")

    answer = httpx.post(emulator.base_url + PATH + query, json=ASKED, headers=headers, trust_env=False)

    assert answer.status_code == status
    assert answer.json().get("error", {}).get("status", "") == word
    assert emulator.log()[-1]["key_sent"] == bool(headers or query)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "Invalid JSON payload received."),
        (b"{}", "* GenerateContentRequest.contents: contents is not specified"),
        (json.dumps({**ASKED, "generationConfig": {"temperature": 3}}).encode(), "temperature must be in"),
        (json.dumps({**ASKED, "generationConfig": {"candidateCount": 2}}).encode(), "Multiple candidates"),
        (json.dumps({**ASKED, "generationConfig": {"imageConfig": {"imageSize": "2K"}}}).encode(), "only 1K"),
    ],
)
def test_a_wrong_request_gets_googles_envelope(client: httpx.Client, body: bytes, said: str) -> None:
    answer = client.post(PATH, content=body)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["status"]) == (400, 400, "INVALID_ARGUMENT")
    assert said in error["message"]


def test_a_quota_says_which_and_how_long(client: httpx.Client) -> None:
    answer = ask(client, "status=429,code=GenerateRequestsPerMinutePerProjectPerModel,retry_after=34")

    quota, retry = answer.json()["error"]["details"]
    assert quota["violations"] == [{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel"}]
    assert retry == {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34s"}


def test_a_limit_says_how_long(client: httpx.Client, emulator: EmulatorServer) -> None:
    emulator.settings(per_minute=1)
    assert ask(client).status_code == 200

    answer = ask(client)

    assert answer.status_code == 429
    assert answer.json()["error"]["details"][0]["retryDelay"].endswith("s")


def test_a_stream_is_events_or_one_list(client: httpx.Client) -> None:
    events = ask(client, path=f"{STREAM}?alt=sse")
    listed = ask(client, path=STREAM)

    assert events.headers["content-type"] == "text/event-stream"
    pieces = [json.loads(line.removeprefix("data: ")) for line in events.text.split("\r\n\r\n") if line]
    for whole in (pieces, listed.json()):
        assert [next(iter(piece["candidates"][0]["content"]["parts"][0])) for piece in whole] == [
            "text",
            "inlineData",
        ]
        assert ["finishReason" in piece["candidates"][0] for piece in whole] == [False, True]


def test_a_stream_that_fails_is_a_list_of_one(client: httpx.Client) -> None:
    assert ask(client, "status=503", path=STREAM).json()[0]["error"]["status"] == "UNAVAILABLE"
    assert ask(client, "status=503", path=f"{STREAM}?alt=sse").json()["error"]["status"] == "UNAVAILABLE"


@pytest.mark.parametrize("quirk", sorted(QUIRKS))
def test_each_quirk_shows(client: httpx.Client, quirk: str) -> None:
    plain = {"array": "status=500", "role_only": "body=empty", "no_content": "body=empty"}.get(quirk, "")

    usual = ask(client, plain or "status=200")
    odd = ask(client, f"{plain + ',' if plain else ''}quirk={quirk}")

    assert shape(odd.json()) != shape(usual.json())


def shape(value: Any) -> Any:
    """The message without its texts and figures: its names, and the order of things."""
    if isinstance(value, dict):
        return [(name, shape(inner)) for name, inner in value.items()]
    return [shape(inner) for inner in value] if isinstance(value, list) else None


def test_an_unknown_quirk_is_told_and_not_ignored(client: httpx.Client) -> None:
    answer = ask(client, "quirk=snake+storm")

    assert answer.status_code == 400
    assert "storm" in answer.json()["message"]


def test_words_alone_where_no_picture_is_wanted(client: httpx.Client) -> None:
    answer = ask(client, generationConfig={"responseModalities": ["TEXT"]})

    assert parts(answer) == [{"text": "Here is a lake."}]


def test_a_picture_alone_where_no_words_are_wanted(client: httpx.Client) -> None:
    answer = ask(client, generation_config={"response_modalities": ["Image"]})

    assert [list(part) for part in parts(answer)] == [["inlineData"]]


@pytest.mark.parametrize("path", ["/v1beta/models", "/google/v1/models", "/google/models"])
def test_the_catalogue_needs_a_key(client: httpx.Client, path: str) -> None:
    assert client.get(path).json()["models"][0]["name"] == f"models/{MODEL}"
    assert client.get(path, headers={"x-goog-api-key": ""}).status_code == 403


def test_the_catalogue_comes_in_pages(client: httpx.Client) -> None:
    first = client.get("/v1beta/models", params={"pageSize": 3}).json()
    second = client.get("/v1beta/models", params={"pageSize": 3, "pageToken": first["nextPageToken"]}).json()

    assert (len(first["models"]), len(second["models"])) == (3, 1)
    assert "nextPageToken" not in second


def test_one_model_by_its_name(client: httpx.Client) -> None:
    assert client.get(f"/v1beta/models/{MODEL}").json()["displayName"] == "Gemini 2.5 Flash Image"
    assert client.get("/v1beta/models/unheard-of").status_code == 404


@settings(max_examples=min(EXAMPLES // 3, 2000), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from([MODEL, "gemini-3-pro-image"]),
    strategies.objects
    | strategies.spoilt(strategies.requests.map(lambda sent: json.loads(google.encode_request(sent)))),
)
def test_no_request_makes_it_fail(client: httpx.Client, model: str, value: Any) -> None:
    # Nothing is painted, for that would take long.
    headers = {"x-emulate": "body=empty"}

    answer = client.post(
        f"/v1beta/models/{model}:generateContent", content=json.dumps(value), headers=headers
    )

    assert answer.status_code in (200, 400)


def test_other_methods_and_addresses_are_not_googles(client: httpx.Client) -> None:
    assert client.get(PATH).status_code == 404
    assert client.post(f"/v1beta/models/{MODEL}:countTokens", json=ASKED).status_code == 404
