"""Reads the signed Content Credentials (C2PA) of a picture's file. Runs only in `picture_worker`.

With `c2pa-python`, the extra `c2pa`; without it nothing is read and nothing is claimed. Nothing is fetched:
neither credentials kept elsewhere nor whether a certificate was withdrawn. Easel has no list of signers to
trust, so a signature that is right is `untrusted` unless the library knows better.

What is kept is ours, of bounded size, and holds none of the file's own markup:

    {"state": …, "signer": …, "issued_at": …, "claim_generator": …, "title": …, "actions": […], "chain": […]}

`state` is one of `STATES`; `chain` holds what the picture was made from by its own word, each with the same
names but `state` and `chain`. Of a file whose credentials can't be read there is only the state.
"""

import io
import json
from collections.abc import Iterable
from typing import Any

TRUSTED, UNTRUSTED, INVALID, UNREADABLE = "trusted", "untrusted", "invalid", "unreadable"
STATES = (TRUSTED, UNTRUSTED, INVALID, UNREADABLE)
"""Signed by somebody on a list; rightly signed, by anybody; changed since or of another file; no C2PA."""

TEXT_MAX = 200
ACTIONS_MAX = 30
CHAIN_MAX = 12

_OFFLINE = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}
_SIGNATURE_STATES = {"Trusted": TRUSTED, "Valid": UNTRUSTED, "Invalid": INVALID}


def read(data: bytes, content_type: str) -> dict[str, Any] | None:
    """What the credentials of a file say; None where it has none, or they can't be looked at here."""
    try:
        import c2pa
    except ImportError:
        return None
    try:
        with c2pa.Context.from_dict(_OFFLINE) as context:
            reader = c2pa.Reader.try_create(content_type, io.BytesIO(data), context=context)
            if reader is None:
                return None
            with reader:
                return summary(json.loads(reader.json()))
    except c2pa.C2paError:
        return {"state": UNREADABLE}


def summary(store: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a manifest store, as the library gives it."""
    manifests = _dict(store.get("manifests"))
    label = _text(store.get("active_manifest"), 1000)
    active = _dict(manifests.get(label))
    state = _SIGNATURE_STATES.get(_text(store.get("validation_state")), UNREADABLE)
    if not active or state == UNREADABLE:
        return {"state": UNREADABLE}
    return {"state": state, **_told(active), "chain": _chain(manifests, label)}


def _told(manifest: dict[str, Any]) -> dict[str, Any]:
    signature = _dict(manifest.get("signature_info"))
    return {
        "title": _text(manifest.get("title")),
        "signer": _text(signature.get("common_name")) or _text(signature.get("issuer")),
        "organisation": _text(signature.get("issuer")),
        "issued_at": _text(signature.get("time")),
        "claim_generator": _generator(manifest),
        "actions": _actions(manifest),
    }


def _generator(manifest: dict[str, Any]) -> str:
    for one in _dicts(manifest.get("claim_generator_info")):
        if name := _text(one.get("name")):
            return f"{name} {_text(one.get('version'))}".strip()[:TEXT_MAX]
    return _text(manifest.get("claim_generator"))


def _actions(manifest: dict[str, Any]) -> list[dict[str, str]]:
    found = []
    for assertion in _dicts(manifest.get("assertions")):
        if not _text(assertion.get("label")).startswith("c2pa.actions"):
            continue
        for action in _dicts(_dict(assertion.get("data")).get("actions")):
            agent = action.get("softwareAgent")
            found.append(
                {
                    "action": _text(action.get("action")),
                    "source_type": _text(action.get("digitalSourceType")),
                    "software": _text(agent.get("name") if isinstance(agent, dict) else agent),
                    "at": _text(action.get("when")),
                }
            )
    return found[:ACTIONS_MAX]


def _chain(manifests: dict[str, Any], label: str) -> list[dict[str, Any]]:
    """What the picture was made from, what that was made from, and so on; each manifest once."""
    chain: list[dict[str, Any]] = []
    seen, waiting = {label}, [label]
    while waiting and len(chain) < CHAIN_MAX:
        for ingredient in _dicts(_dict(manifests.get(waiting.pop(0))).get("ingredients")):
            named = _text(ingredient.get("active_manifest"), 1000)
            if named in seen or len(chain) >= CHAIN_MAX:
                continue
            earlier = _dict(manifests.get(named))
            told = _told(earlier) if earlier else {"signer": "", "claim_generator": "", "actions": []}
            chain.append({**told, "title": _text(ingredient.get("title")) or told.get("title", "")})
            if earlier:
                seen.add(named)
                waiting.append(named)
    return chain


def _text(value: Any, most: int = TEXT_MAX) -> str:
    """A text of theirs as one line to show, of a length that is bounded; else nothing."""
    if not isinstance(value, str):
        return ""
    return "".join(character for character in value[: 2 * most] if character.isprintable()).strip()[:most]


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: Any) -> Iterable[dict[str, Any]]:
    return (one for one in value if isinstance(one, dict)) if isinstance(value, list) else ()
