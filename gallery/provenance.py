"""Where a picture came from, in words: what its page says of model, provider, watermark and credentials.

What isn't known isn't claimed. Google states that every picture of its Gemini image models carries SynthID.
Since November 2025 anybody can ask the Gemini app whether a picture carries it (Google, "How we're bringing
AI image verification to the Gemini app", blog.google); the portal SynthID Detector was opened to journalists
and testers first (blog.google, 20 May 2025). There is no way for a program of ours to look.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime

from gallery import credentials
from gallery.models import Image

EMULATOR = "emulator"
_PROVIDERS = {"aimlapi": "AI/ML API", EMULATOR: "Built-in emulator"}
_WATERMARKED = "gemini-"
_WATERMARK = "Google's invisible SynthID watermark"
_CREDENTIALS = "signed Content Credentials"
SYNTHID = (
    "SynthID is a mark that Google’s models put into the pixels, where nobody sees it. It is meant to last "
    "when a picture is cropped or compressed. Easel can’t check it itself and goes by what Google says of "
    "the model: to look, give the picture to the Gemini app and ask whether it was made with Google AI, or "
    "use Google’s SynthID Detector."
)
UPLOADED = (
    "Easel doesn’t know how it was made. It was written anew on the way in, and what its file said of itself "
    "was lost."
)
UNMATCHED = "The Content Credentials in this file don’t match it any more"
UNREADABLE = "The Content Credentials in this file can’t be read"

_ACTIONS = {
    "c2pa.created": "Created",
    "c2pa.opened": "Opened an earlier picture",
    "c2pa.placed": "Placed another picture in it",
    "c2pa.edited": "Edited",
    "c2pa.converted": "Converted to another format",
    "c2pa.transcoded": "Encoded anew",
    "c2pa.resized": "Resized",
    "c2pa.cropped": "Cropped",
    "c2pa.color_adjustments": "Changed its colours",
    "c2pa.drawing": "Drew on it",
    "c2pa.filtered": "Filtered",
    "c2pa.published": "Published",
    "c2pa.repackaged": "Packed anew",
    "c2pa.watermarked": "Put a watermark in",
    "c2pa.unknown": "Did something it doesn’t name",
}
_SOURCE_TYPES = {
    "trainedAlgorithmicMedia": "made with AI",
    "compositeWithTrainedAlgorithmicMedia": "edited with AI",
    "algorithmicMedia": "drawn by a program",
    "digitalCapture": "taken by a camera",
    "computationalCapture": "taken by a camera",
    "compositeSynthetic": "put together with synthetic parts",
    "digitalCreation": "drawn by a person",
    "humanEdits": "edited by a person",
}
_SIGNED = {
    credentials.TRUSTED: "Valid, and signed by somebody on the list of trusted signers.",
    credentials.UNTRUSTED: "Valid: the file is as it was signed. Who signed it is on no list of trusted "
    "signers that Easel has, so anybody may have called themselves that.",
    credentials.INVALID: "Not valid: the file was changed after it was signed, or the credentials were made "
    "for another one. Don’t rely on what they say.",
}


@dataclass(frozen=True)
class Statement:
    """What one of the signed manifests says: of the picture, or of one it was made from."""

    title: str
    signer: str
    issued_at: datetime | None
    claim_generator: str
    actions: tuple[str, ...]


@dataclass(frozen=True)
class Credentials:
    """The Content Credentials of a file, with a sentence on whether to rely on them; what it says, then what
    is said of the pictures it was made from.
    """

    state: str
    sentence: str
    statements: tuple[Statement, ...]


@dataclass(frozen=True)
class Provenance:
    """The provider's name for people, the plain sentences about how the picture was made, a warning, what a
    watermark is, and signed credentials; each is empty where there is nothing to say.
    """

    provider: str
    title: str
    text: str
    warning: str = ""
    explanation: str = ""
    credentials: Credentials | None = None


def of(image: Image) -> Provenance:
    """What may be said of the picture. Needs `original`."""
    found = image.original.credentials or {}
    state = found.get("state", "")
    signed = _credentials(found) if state in _SIGNED else None
    warning = {credentials.INVALID: UNMATCHED, credentials.UNREADABLE: UNREADABLE}.get(state, "")
    if image.origin == Image.Origin.UPLOADED:
        title = f"Uploaded by {image.owner.get_full_name() or image.owner.email}"
        return Provenance("", title, UPLOADED, warning, credentials=signed)
    provider = provider_name(image.provider)
    if image.provider == EMULATOR:
        text = "Made by the built-in emulator for demonstration."
        return Provenance(provider, "Made for show", text, warning, credentials=signed)
    has_watermark = image.model.startswith(_WATERMARKED)
    carried = [_WATERMARK] if has_watermark else []
    if signed and not warning:
        carried.append(_CREDENTIALS)
    return Provenance(
        provider,
        "Edited with AI" if image.sources.exists() else "Made with AI",
        f"Carries {' and '.join(carried)}." if carried else "",
        warning,
        SYNTHID if has_watermark else "",
        signed,
    )


def provider_name(provider: str) -> str:
    """What people call the maker of a picture: `emulator` is `Built-in emulator`."""
    return _PROVIDERS.get(provider, provider)


def model_name(model: str) -> str:
    """A model's id as words: `gemini-2.5-flash-image` is `Gemini 2.5 Flash Image`."""
    return " ".join(word.capitalize() for word in model.rsplit("/", 1)[-1].split("-"))


def _credentials(found: dict[str, Any]) -> Credentials:
    statements = tuple(_statement(one) for one in (found, *found.get("chain", [])))
    return Credentials(found["state"], _SIGNED[found["state"]], statements)


def _statement(told: dict[str, Any]) -> Statement:
    signer, organisation = told.get("signer", ""), told.get("organisation", "")
    if signer and organisation and organisation != signer:
        signer = f"{signer}, {organisation}"
    return Statement(
        title=told.get("title", ""),
        signer=signer,
        issued_at=_moment(told.get("issued_at", "")),
        claim_generator=told.get("claim_generator", ""),
        actions=tuple(dict.fromkeys(_actions(told.get("actions", [])))),
    )


def _actions(actions: Iterable[dict[str, str]]) -> Iterable[str]:
    for one in actions:
        name = one.get("action", "")
        words = _ACTIONS.get(name) or name.rpartition(".")[2].replace("_", " ").capitalize() or "Something"
        kind = _SOURCE_TYPES.get(one.get("source_type", "").rpartition("/")[2], "")
        yield f"{words}: {kind}" if kind else words


def _moment(text: str) -> datetime | None:
    """The moment a signature names; theirs, so it may be none."""
    try:
        return parse_datetime(text)
    except ValueError:
        return None
