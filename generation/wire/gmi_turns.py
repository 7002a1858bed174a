"""Turns of a conversation as GMI Cloud's queue keeps them: `next_turn_contents`, then `payload.contents`.

The vendor's guide says that the array comes ready, with a last user turn to fill. How its parts are laid out
was found nowhere in public (2026-11); Google's `Content`, in either spelling, is what is expected.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from generation.wire.errors import WireError
from generation.wire.messages import ImageBytes, ImageLink
from generation.wire.reading import (
    as_list,
    as_object,
    as_text,
    decode_base64,
    dump_exact,
    encode_base64,
    is_link,
    parse_object,
)

# Each word of a part in both spellings, the documented one first.
_FILE = ("fileData", "file_data")
_URI = ("fileUri", "file_uri")
_INLINE = ("inlineData", "inline_data")
_TYPE = ("mimeType", "mime_type")

Reference = ImageLink | ImageBytes


@dataclass(frozen=True)
class Turn:
    """What a filled conversation asks for: the new turn, and what there was before it.

    `state` is the conversation with the new turn emptied; `earlier` counts the model's turns in it;
    `picture` is the newest of theirs.
    """

    prompt: str
    references: tuple[Reference, ...]
    state: bytes
    earlier: int = 0
    picture: Reference | None = None


def parse_state(state: bytes) -> list[Any]:
    """The entries of a conversation that was kept.

    :raises WireError: it is no conversation.
    """
    contents = parse_object(b'{"contents":' + state + b"}").get("contents")
    if not isinstance(contents, list) or not contents:
        raise WireError("the conversation is no list, or empty")
    return contents


def fill(state: bytes, prompt: str, references: Sequence[Reference]) -> list[Any]:
    """The conversation with its last user turn filled; every other part stays where and as it is.

    :raises WireError: it is no conversation.
    """
    contents = parse_state(state)
    snake = any(_named(part, _FILE)[0] == _FILE[1] for entry in contents for part in _parts(entry))
    index = _open_turn(contents)
    if index is None:
        contents.append({"role": "user", "parts": []})
        index = len(contents) - 1
    parts = list(_parts(contents[index]))
    _put_text(parts, prompt)
    _put_references(parts, references, spelling=int(snake))
    contents[index] = {**contents[index], "parts": parts}
    return contents


def _open_turn(contents: list[Any]) -> int | None:
    """The last user entry, unless the model has answered it and it has no room for more."""
    index = _last_user(contents)
    if index is None:
        return None
    answered = any(as_object(entry).get("role") == "model" for entry in contents[index + 1 :])
    has_room = any(_is_empty_text(part) for part in _parts(contents[index]))
    return index if has_room or not answered else None


def _last_user(contents: list[Any]) -> int | None:
    places = [index for index, entry in enumerate(contents) if as_object(entry).get("role") == "user"]
    return places[-1] if places else None


def _put_text(parts: list[Any], prompt: str) -> None:
    for index, part in enumerate(parts):
        if _is_empty_text(part):
            parts[index] = {**part, "text": prompt}
            return
    parts.append({"text": prompt})


def _is_empty_text(part: Any) -> bool:
    return isinstance(part, dict) and "text" in part and part["text"] in ("", None)


def _put_references(parts: list[Any], references: Sequence[Reference], *, spelling: int) -> None:
    """Into the file parts without an address while there are some, then as more parts; in their order."""
    empty = [index for index, part in enumerate(parts) if _is_empty_file(part)]
    for reference in references:
        if isinstance(reference, ImageBytes):
            inline = {_TYPE[spelling]: reference.content_type, "data": encode_base64(reference.data)}
            parts.append({_INLINE[spelling]: inline})
            # One that came into an empty place from here on would come before this one.
            empty = []
        elif empty:
            index = empty.pop(0)
            parts[index] = _with_file(parts[index], reference, spelling)
        else:
            kind = reference.content_type or "image/png"
            parts.append({_FILE[spelling]: {_URI[spelling]: reference.url, _TYPE[spelling]: kind}})


def _is_empty_file(part: Any) -> bool:
    file = _named(part, _FILE)[1]
    return isinstance(file, dict) and not _named(file, _URI)[1]


def _with_file(part: dict[str, Any], reference: ImageLink, spelling: int) -> dict[str, Any]:
    """The part with the address where it has room for one, in its own spelling."""
    name, file = _named(part, _FILE)
    filled = {**file, _named(file, _URI)[0] or _URI[spelling]: reference.url}
    if reference.content_type:
        filled[_named(file, _TYPE)[0] or _TYPE[spelling]] = reference.content_type
    return {**part, name: filled}


def read(contents: list[Any]) -> Turn:
    """What a filled conversation asks for; empty text and addresses count as nothing, as with the vendor.

    :raises WireError: there is no user turn in it.
    """
    index = _last_user(contents)
    if index is None:
        raise WireError("no turn of a user")
    parts = _parts(contents[index])
    emptied = [*contents[:index], empty_turn(), *contents[index + 1 :]]
    pictures = [picture for entry in contents[:index] if _is_model(entry) for picture in _pictures(entry)]
    return Turn(
        prompt="\n".join(text for part in parts if (text := _text(part))),
        references=_pictures(contents[index]),
        state=dump_exact(emptied),
        earlier=sum(_is_model(entry) for entry in contents),
        picture=pictures[-1] if pictures else None,
    )


def prompt_of(contents: Any) -> str:
    """The words of the newest user turn; empty when there are none."""
    entries = as_list(contents)
    index = _last_user(entries)
    parts = [] if index is None else _parts(entries[index])
    return "\n".join(text for part in parts if (text := _text(part)))


def empty_turn(*, snake_case: bool = False) -> dict[str, Any]:
    """A user's turn to be filled."""
    spelling = int(snake_case)
    file = {_URI[spelling]: "", _TYPE[spelling]: "image/png"}
    return {"role": "user", "parts": [{"text": ""}, {_FILE[spelling]: file}]}


def next_contents(
    state: bytes | None,
    prompt: str,
    references: Sequence[Reference],
    images: Sequence[Reference],
    *,
    snake_case: bool = False,
    ready: bool = True,
) -> bytes:
    """What a server gives to go on from: the turns so far, the model's with its pictures, and one to fill.

    Without `ready` the turn to fill is left out.

    :raises WireError: `state` is no conversation.
    """
    asked: list[Any] = [{"text": prompt}]
    _put_references(asked, references, spelling=int(snake_case))
    drawn: list[Any] = []
    _put_references(drawn, images, spelling=int(snake_case))
    first = [{"role": "user", "parts": asked}]
    contents = first if state is None else fill(state, prompt, references)
    contents.append({"role": "model", "parts": drawn})
    return dump_exact([*contents, empty_turn(snake_case=snake_case)] if ready else contents)


def _is_model(entry: Any) -> bool:
    return as_object(entry).get("role") == "model"


def _parts(entry: Any) -> list[Any]:
    return as_list(as_object(entry).get("parts"))


def _text(part: Any) -> str:
    text = as_object(part).get("text")
    return as_text(text, len(text)) if isinstance(text, str) else ""


def _named(holder: Any, names: tuple[str, str]) -> tuple[str, Any]:
    """What stands under the first of the names that there is, with that name."""
    fields = as_object(holder)
    return next(((name, fields[name]) for name in names if name in fields), ("", None))


def _pictures(entry: Any) -> tuple[Reference, ...]:
    found = [_picture(part) for part in _parts(entry)]
    return tuple(picture for picture in found if picture is not None)


def _picture(part: Any) -> Reference | None:
    """The picture of one part, where it has one that can be read."""
    file, inline = _named(part, _FILE)[1], _named(part, _INLINE)[1]
    uri = _named(file, _URI)[1]
    if isinstance(uri, str) and is_link(uri):
        return ImageLink(uri, as_text(_named(file, _TYPE)[1], 100))
    data = as_object(inline).get("data")
    if not isinstance(data, str):
        return None
    try:
        return ImageBytes(decode_base64(data), as_text(_named(inline, _TYPE)[1], 100))
    except WireError:
        return None
