"""Google's own client against the emulator, over a real socket: its requests are taken, the answers read."""

import io
import os
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image

from tests.emulator_server import EmulatorServer

with warnings.catch_warnings():
    # It names a part of typing that Python 3.14 warns of.
    warnings.filterwarnings("ignore", "'_UnionGenericAlias' is deprecated", DeprecationWarning)
    from google import genai
    from google.genai import errors, types
    from google.oauth2.credentials import Credentials

MODEL = "gemini-2.5-flash-image"
PRO = "gemini-3-pro-image-preview"


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, emulator: EmulatorServer) -> None:
    """Nothing of the machine's own settings gets into the SDK."""
    emulator.settings(sketch=True, format="jpeg")
    for name in [name for name in os.environ if name.startswith(("GOOGLE_", "GEMINI_"))]:
        monkeypatch.delenv(name)


def options(emulator: EmulatorServer, version: str | None = None, **more: Any) -> types.HttpOptions:
    return types.HttpOptions(
        base_url=f"{emulator.base_url}/google",
        api_version=version,
        client_args={"trust_env": False},
        timeout=20_000,
        **more,
    )


@pytest.fixture
def client(emulator: EmulatorServer) -> Iterator[genai.Client]:
    with genai.Client(api_key="any-key", http_options=options(emulator)) as opened:
        yield opened


def pictures(response: types.GenerateContentResponse) -> list[Image.Image]:
    parts = response.parts or []
    return [Image.open(io.BytesIO(part.inline_data.data or b"")) for part in parts if part.inline_data]


def picture(colour: str = "red") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(file, "png")
    return file.getvalue()


def config(**values: Any) -> types.GenerateContentConfig:
    return types.GenerateContentConfig(**values)


def test_a_prompt_becomes_a_picture(client: genai.Client) -> None:
    response = client.models.generate_content(model=MODEL, contents="a lake")

    assert [one.size for one in pictures(response)] == [(1024, 1024)]
    assert response.text == "Here is a lake."
    assert response.candidates is not None
    assert response.candidates[0].finish_reason == types.FinishReason.STOP
    assert response.usage_metadata is not None
    assert response.usage_metadata.candidates_token_count == 1290
    assert (response.model_version, bool(response.response_id)) == (MODEL, True)


@pytest.mark.parametrize("version", ["v1", "v1beta", None])
def test_every_version_is_answered(emulator: EmulatorServer, version: str | None) -> None:
    with genai.Client(api_key="any-key", http_options=options(emulator, version)) as client:
        assert pictures(client.models.generate_content(model=MODEL, contents="a lake"))


def test_it_works_at_googles_own_paths(emulator: EmulatorServer) -> None:
    at_root = types.HttpOptions(base_url=emulator.base_url, client_args={"trust_env": False})
    with genai.Client(api_key="any-key", http_options=at_root) as client:
        assert pictures(client.models.generate_content(model=MODEL, contents="a lake"))
    assert emulator.log()[-1]["vendor"] == "google"


def test_a_shape_and_sampling_are_taken(client: genai.Client, emulator: EmulatorServer) -> None:
    asked = config(
        response_modalities=["IMAGE"],
        image_config=types.ImageConfig(aspect_ratio="16:9"),
        temperature=0.5,
        top_p=0.9,
    )

    response = client.models.generate_content(model=MODEL, contents="a lake", config=asked)

    assert [one.size for one in pictures(response)] == [(1344, 768)]
    assert response.text is None
    assert emulator.log()[-1]["aspect_ratio"] == "16:9"


def test_larger_sizes_of_the_newer_model(client: genai.Client) -> None:
    asked = config(image_config=types.ImageConfig(aspect_ratio="3:2", image_size="2K"))

    response = client.models.generate_content(model=PRO, contents="a lake", config=asked)

    assert [one.size for one in pictures(response)] == [(2528, 1696)]
    assert response.usage_metadata is not None
    assert response.usage_metadata.candidates_token_count == 1120


def test_pictures_are_taken_inline_and_by_address(client: genai.Client, emulator: EmulatorServer) -> None:
    first = client.models.generate_content(
        model=MODEL, contents=["mix", types.Part.from_bytes(data=picture(), mime_type="image/png")]
    )
    assert pictures(first)
    assert emulator.log()[-1]["references"] == 1
    emulator.fault("result=url")
    linked = client.models.generate_content(model=MODEL, contents="a lake")
    found = [part.file_data for part in linked.parts or [] if part.file_data]
    assert found[0].file_uri

    second = client.models.generate_content(
        model=MODEL,
        contents=["again", types.Part.from_uri(file_uri=found[0].file_uri, mime_type="image/jpeg")],
    )

    assert pictures(second)
    assert emulator.log()[-1]["references"] == 1


@pytest.mark.parametrize("model", [MODEL, PRO])
def test_a_chat_goes_on_over_turns(client: genai.Client, emulator: EmulatorServer, model: str) -> None:
    chat = client.chats.create(model=model)

    for prompt in ("a lake", "make it night", "and rain"):
        assert pictures(chat.send_message(prompt))

    assert [(call["prompt"], call["turns"]) for call in emulator.log()] == [
        ("a lake", 0),
        ("make it night", 1),
        ("and rain", 2),
    ]


def test_a_chat_without_the_signatures_is_refused(client: genai.Client) -> None:
    first = client.models.generate_content(model=PRO, contents="a lake")
    assert first.candidates is not None
    content = first.candidates[0].content
    assert content is not None
    for part in content.parts or []:
        part.thought_signature = None
    asked: list[Any] = [types.UserContent("a lake"), content, types.UserContent("make it night")]

    with pytest.raises(errors.ClientError, match="missing a thought_signature in content position 1"):
        client.models.generate_content(model=PRO, contents=asked)


def test_drafts_are_marked_as_thoughts(client: genai.Client, emulator: EmulatorServer) -> None:
    emulator.fault("quirk=drafts")

    parts = client.models.generate_content(model=PRO, contents="a lake").parts or []

    assert [(bool(part.thought), part.inline_data is not None) for part in parts] == [
        (True, False),
        (True, True),
        (False, False),
        (False, True),
    ]


def test_a_stream_comes_in_pieces(client: genai.Client) -> None:
    pieces = list(client.models.generate_content_stream(model=MODEL, contents="a lake"))

    assert len(pieces) == 2
    assert pieces[0].text == "Here is a lake."
    assert [one.size for one in pictures(pieces[1])] == [(1024, 1024)]
    assert pieces[1].candidates is not None
    assert pieces[1].candidates[0].finish_reason == types.FinishReason.STOP


def test_a_stream_that_fails_says_why(client: genai.Client, emulator: EmulatorServer) -> None:
    emulator.fault("status=429,retry_after=3,quirk=array")

    with pytest.raises(errors.ClientError) as failure:
        list(client.models.generate_content_stream(model=MODEL, contents="a lake"))
    assert (failure.value.code, failure.value.status) == (429, "RESOURCE_EXHAUSTED")


def test_a_blocked_prompt(client: genai.Client, emulator: EmulatorServer) -> None:
    emulator.fault("body=refusal,code=PROHIBITED_CONTENT")

    response = client.models.generate_content(model=MODEL, contents="a lake")

    assert not response.candidates
    assert response.prompt_feedback is not None
    assert response.prompt_feedback.block_reason == types.BlockedReason.PROHIBITED_CONTENT


@pytest.mark.parametrize("quirk", ["role_only", "no_content"])
@pytest.mark.parametrize("reason", ["IMAGE_SAFETY", "NO_IMAGE", "MAX_TOKENS", "IMAGE_OTHER", "RECITATION"])
def test_nothing_drawn_has_its_reason(
    client: genai.Client, emulator: EmulatorServer, reason: str, quirk: str
) -> None:
    emulator.fault(f"body=empty,code={reason},quirk={quirk}")

    response = client.models.generate_content(model=MODEL, contents="a lake")

    assert pictures(response) == []
    assert response.candidates is not None
    assert response.candidates[0].finish_reason == types.FinishReason(reason)


def test_words_instead_of_a_picture(client: genai.Client, emulator: EmulatorServer) -> None:
    emulator.fault("quirk=text_only")

    response = client.models.generate_content(model=MODEL, contents="a lake")

    assert (pictures(response), response.text) == ([], "Here is a lake.")


@pytest.mark.parametrize(
    ("fault", "code", "status"),
    [
        ("status=400", 400, "INVALID_ARGUMENT"),
        ("status=400,code=FAILED_PRECONDITION", 400, "FAILED_PRECONDITION"),
        ("status=403", 403, "PERMISSION_DENIED"),
        ("status=404", 404, "NOT_FOUND"),
        ("status=429,code=GenerateRequestsPerDayPerProjectPerModel-FreeTier", 429, "RESOURCE_EXHAUSTED"),
        ("status=500", 500, "INTERNAL"),
        ("status=503", 503, "UNAVAILABLE"),
        ("status=504", 504, "DEADLINE_EXCEEDED"),
    ],
)
@pytest.mark.parametrize("quirk", ["", ",quirk=array"])
def test_errors_are_read(
    client: genai.Client, emulator: EmulatorServer, fault: str, code: int, status: str, quirk: str
) -> None:
    emulator.fault(fault + quirk)

    with pytest.raises(errors.APIError) as failure:
        client.models.generate_content(model=MODEL, contents="a lake")
    assert (failure.value.code, failure.value.status) == (code, status)
    assert isinstance(failure.value, errors.ServerError if code >= 500 else errors.ClientError)


def test_a_wrong_key_is_400_with_its_reason(emulator: EmulatorServer) -> None:
    emulator.settings(key="the-right-one")

    with (
        genai.Client(api_key="the-wrong-one", http_options=options(emulator)) as client,
        pytest.raises(errors.ClientError, match="API key not valid") as failure,
    ):
        client.models.generate_content(model=MODEL, contents="a lake")
    assert failure.value.code == 400
    assert failure.value.details["error"]["details"][0]["reason"] == "API_KEY_INVALID"


def test_an_unknown_model_is_404(client: genai.Client) -> None:
    with pytest.raises(errors.ClientError, match="models/unheard-of is not found") as failure:
        client.models.generate_content(model="unheard-of", contents="a lake")
    assert failure.value.code == 404


def test_a_shape_that_there_is_not_is_told(client: genai.Client) -> None:
    asked = config(image_config=types.ImageConfig(aspect_ratio="7:5"))

    with pytest.raises(errors.ClientError, match="aspect_ratio must be one of"):
        client.models.generate_content(model=MODEL, contents="a lake", config=asked)


def test_the_sdk_retries_what_it_is_told_to(emulator: EmulatorServer) -> None:
    emulator.fault("status=503", times=2)
    retries = types.HttpRetryOptions(attempts=3, initial_delay=0.01, max_delay=0.02)

    with genai.Client(api_key="k", http_options=options(emulator, retry_options=retries)) as client:
        assert pictures(client.models.generate_content(model=MODEL, contents="a lake"))
    assert [call["status"] for call in emulator.log()] == [503, 503, 200]


def test_the_catalogue_is_listed_in_pages(client: genai.Client) -> None:
    listed = list(client.models.list(config={"page_size": 3, "query_base": True}))

    assert [model.name for model in listed][:2] == [f"models/{MODEL}", f"models/{MODEL}-preview"]
    assert len(listed) == 4
    assert client.models.get(model=PRO).display_name == "Gemini 3 Pro Image"


def test_vertex_in_express_mode(emulator: EmulatorServer) -> None:
    with genai.Client(vertexai=True, api_key="any-key", http_options=options(emulator, "v1beta1")) as client:
        assert pictures(client.models.generate_content(model=MODEL, contents="a lake"))
    assert emulator.log()[-1]["path"] == f"/google/v1beta1/publishers/google/models/{MODEL}:generateContent"


def test_vertex_with_a_project_and_a_token(emulator: EmulatorServer) -> None:
    emulator.settings(key="a-token")
    with genai.Client(
        vertexai=True,
        project="p-1",
        location="europe-west4",
        credentials=Credentials(token="a-token"),
        http_options=options(emulator, "v1"),
    ) as client:
        assert pictures(client.models.generate_content(model=MODEL, contents="a lake"))
    path = emulator.log()[-1]["path"]
    assert path.startswith("/google/v1/projects/p-1/locations/europe-west4/publishers/google/models/")


def test_vertex_explains_its_reasons(emulator: EmulatorServer) -> None:
    """The SDK reads both messages on Vertex AI alone."""
    with genai.Client(vertexai=True, api_key="any-key", http_options=options(emulator, "v1")) as client:
        emulator.fault("body=empty,code=NO_IMAGE,message=Why.")
        undrawn = client.models.generate_content(model=MODEL, contents="a lake")
        emulator.fault("body=refusal,code=JAILBREAK,message=No.")
        blocked = client.models.generate_content(model=MODEL, contents="a lake")

    assert undrawn.candidates is not None
    assert undrawn.candidates[0].finish_message == "Why."
    assert blocked.prompt_feedback is not None
    assert blocked.prompt_feedback.block_reason_message == "No."
