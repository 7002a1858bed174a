"""Google's answers as the emulator puts them together: words, pictures, signatures, reasons, and pieces."""

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

from generation.emulator.context import Context, link, quirks
from generation.emulator.faults import without_words
from generation.wire import google
from generation.wire.google import GoogleAnswer
from generation.wire.google_models import MODELS
from generation.wire.google_parts import encode_part, field, is_thought, listed, snake
from generation.wire.messages import ImageBytes, ImageRequest

SIGNATURE = "thoughtSignature"
_MISSING = (
    "Image part is missing a thought_signature in content position {turn}, part position {part}. "
    "Please refer to https://ai.google.dev/gemini-api/docs/thought-signatures for more details."
)
TOKENS_PER_REFERENCE = 258


def encode_answer(
    context: Context,
    asked: ImageRequest,
    pictures: list[ImageBytes],
    modalities: frozenset[str],
    *,
    in_pieces: bool,
) -> list[dict[str, Any]]:
    """The answer as one object, or as the several that a stream sends, one a part."""
    parts = [] if _is_bare(context) else _parts(context, asked, pictures, modalities)
    if in_pieces and len(parts) > 1:
        *earlier, last = parts
        pieces = [{"candidates": [_candidate(context, [part], last=False)]} for part in earlier]
        return [*pieces, _whole(context, asked, [last], pictures)]
    return [_whole(context, asked, parts, pictures)]


def _is_bare(context: Context) -> bool:
    """Whether nothing at all comes: no picture and no words."""
    return context.fault.body in ("empty", "refusal")


def _whole(
    context: Context, asked: ImageRequest, parts: list[dict[str, Any]], pictures: list[ImageBytes]
) -> dict[str, Any]:
    fault, odd = context.fault, quirks(context)
    facts: dict[str, Any] = {}
    if "no_facts" not in odd:
        facts = {
            "usageMetadata": _usage(asked, len(pictures)),
            "modelVersion": asked.model,
            "responseId": context.vendor_id,
        }
    if fault.body == "refusal":
        blocked = GoogleAnswer((), fault.message or "", block_reason=fault.code or "SAFETY")
        body = {**google.answer_fields(blocked), **facts}
    elif "per_candidate" in odd:
        each = [_candidate(context, [part], last=True, index=index) for index, part in enumerate(parts)]
        body = {"candidates": each, **facts}
    else:
        body = {"candidates": [_candidate(context, parts, last=True)], **facts}
    return snaked(body) if "snake" in odd else body


def _candidate(
    context: Context, parts: list[dict[str, Any]], *, last: bool, index: int = 0
) -> dict[str, Any]:
    odd, fault = quirks(context), context.fault
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": index}
    if not parts and "role_only" in odd:
        candidate["content"] = {"role": "model"}
    elif not parts and "no_content" in odd:
        del candidate["content"]
    if last:
        candidate["finishReason"] = fault.code or google.STOPPED
    if last and fault.code and fault.message:
        candidate["finishMessage"] = fault.message
    return candidate


def _parts(
    context: Context, asked: ImageRequest, pictures: list[ImageBytes], modalities: frozenset[str]
) -> list[dict[str, Any]]:
    odd = quirks(context)
    drawn = [encode_part(link(context, one) if context.fault.result == "url" else one) for one in pictures]
    if MODELS[asked.model].signs or "signed" in odd:
        drawn = [{**part, SIGNATURE: signature(part)} for part in drawn]
    # Without a picture there are always words: that is what such an answer is for.
    wordless = pictures and ("silent" in odd or "TEXT" not in modalities)
    words = [] if wordless else [{"text": f"Here is {without_words(asked.prompt)}."[:500]}]
    drafts = [
        {"text": "First a sketch.", "thought": True},
        *({**part, "thought": True} for part in drawn[:1]),
    ]
    before = drafts if "drafts" in odd else []
    return [*before, *drawn, *words] if "pictures_first" in odd else [*before, *words, *drawn]


def _usage(asked: ImageRequest, pictures: int) -> Mapping[str, Any]:
    """Tokens as Google counts them: so many for each picture, and a quarter of the letters for words."""
    words, seen = len(asked.prompt) // 4 + 1, TOKENS_PER_REFERENCE * len(asked.references)
    model = MODELS[asked.model]
    drawn = pictures * model.tokens[asked.image_size or "1K"]
    return {
        "promptTokenCount": words + seen,
        "candidatesTokenCount": drawn,
        "totalTokenCount": words + seen + drawn,
        "promptTokensDetails": [
            {"modality": "TEXT", "tokenCount": words},
            *([{"modality": "IMAGE", "tokenCount": seen}] if seen else []),
        ],
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": drawn}] if drawn else [],
    }


def signature(part: Any) -> str:
    """What signs a part: it fits this part alone, so that one that comes back changed is known."""
    inline, file = field(part, "inlineData"), field(part, "fileData")
    held = str(field(inline, "data") or field(file, "fileUri") or "")
    # A client may send base64 back in the URL alphabet; the bytes are the same.
    plain = held.replace("-", "+").replace("_", "/").rstrip("=")
    return base64.b64encode(hashlib.sha256(plain.encode()).digest()).decode()


def unsigned(history: list[dict[str, Any]]) -> str:
    """What Google says of a conversation whose pictures lost their signatures; empty when none did."""
    for turn, content in enumerate(history):
        if field(content, "role") != "model":
            continue
        for index, part in enumerate(listed(field(content, "parts"))):
            if is_thought(part) or not (field(part, "inlineData") or field(part, "fileData")):
                continue
            sent = field(part, SIGNATURE)
            if not sent:
                return _MISSING.format(turn=turn, part=index)
            if str(sent).replace("-", "+").replace("_", "/") != signature(part):
                return "Corrupted thought signature."
    return ""


def snaked(value: Any) -> Any:
    """The same message with its names in snake_case."""
    if isinstance(value, dict):
        return {snake(name): snaked(inner) for name, inner in value.items()}
    return [snaked(inner) for inner in value] if isinstance(value, list) else value
