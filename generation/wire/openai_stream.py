"""OpenAI's images API: an answer as server-sent events, from both sides.

Each picture comes as events `image_generation.partial_image` and at last `image_generation.completed`; edits
have `image_edit` in their names. An error after the beginning is an event too.
"""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from generation.wire.errors import WireError
from generation.wire.messages import ImageBytes
from generation.wire.openai_answers import (
    NO_FACTS,
    Facts,
    decode_facts,
    decode_inline,
    encode_facts,
    with_facts,
)
from generation.wire.openai_errors import OpenAIError, error_object, read_error
from generation.wire.reading import as_credits, as_text, parse_object

CONTENT_TYPE = "text/event-stream"
PARTIAL = "partial_image"
COMPLETED = "completed"
DONE = "[DONE]"

_TYPE = re.compile(rf"image_(generation|edit)\.({PARTIAL}|{COMPLETED})", re.ASCII)
_LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True)
class PictureEvent:
    """A picture that is on its way: `index` counts the partial ones; None is the whole."""

    image: ImageBytes
    index: int | None = None
    edit: bool = False
    facts: Facts = field(default=NO_FACTS)

    @property
    def type(self) -> str:
        kind = COMPLETED if self.index is None else PARTIAL
        return f"image_{'edit' if self.edit else 'generation'}.{kind}"


def encode_event(event: PictureEvent | OpenAIError) -> bytes:
    """One event with the blank line that ends it."""
    if isinstance(event, OpenAIError):
        return _encode("error", {"type": "error", "error": error_object(event)})
    said: dict[str, Any] = {"type": event.type, "b64_json": base64.b64encode(event.image.data).decode()}
    said |= encode_facts(event.facts, created="created_at")
    if event.index is not None:
        said["partial_image_index"] = event.index
    return _encode(event.type, said)


def _encode(name: str, said: dict[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(said)}\n\n".encode()


def decode_events(body: bytes, *, status: int = 200) -> tuple[PictureEvent | OpenAIError, ...]:
    """The events of a whole or broken-off stream; those that nobody knows are left out.

    :raises WireError: not UTF-8, or a known event that cannot be read.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise WireError("not UTF-8") from error
    events: list[PictureEvent | OpenAIError] = []
    for name, data in _events(text):
        if data.strip() == DONE:
            break
        said = parse_object(data.encode("utf-8", "replace"))
        if name == "error" or said.get("error"):
            events.append(read_error(status, said, {}))
        elif match := _TYPE.fullmatch(as_text(said.get("type"), 100) or name):
            events.append(_decode(said, edit=match[1] == "edit", partial=match[2] == PARTIAL))
    return tuple(events)


def _decode(said: dict[str, Any], *, edit: bool, partial: bool) -> PictureEvent:
    facts = decode_facts(said, created="created_at")
    image = with_facts(decode_inline(said.get("b64_json")), facts)
    index = as_credits(said.get("partial_image_index")) or 0
    return PictureEvent(image, index if partial else None, edit, facts)


def _events(text: str) -> Iterator[tuple[str, str]]:
    """Name and data of each event that has data and its blank line, as the specification reads them."""
    name, data = "", list[str]()
    for line in _LINE_END.split(text):
        if not line:
            if data:
                yield name, "\n".join(data)
            name, data = "", []
            continue
        label, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if label == "event":
            name = value
        elif label == "data":
            data.append(value)
