"""GMI Cloud's models and its upload of reference pictures, from both sides."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from generation.wire.errors import InvalidRequest, Issue, WireError
from generation.wire.gmi import BASE
from generation.wire.reading import as_list, as_object, as_text, is_link, parse_object

MODELS = f"{BASE}/models"
UPLOADS = f"{BASE}/upload-url"
# The link's life as it was observed (2026-08).
UPLOAD_SECONDS = 899
# The content type that is signed for each file type, and that a PUT must repeat to the letter.
UPLOAD_TYPES: Mapping[str, str] = {"png": "image/png", "jpeg": "image/jpeg", "jpg": "image/jpg"}
# What the queue takes for other models, and an upload link is given for as well.
OTHER_UPLOAD_TYPES: Mapping[str, str] = {"mp4": "video/mp4", "mp3": "audio/mpeg", "wav": "audio/wav"}


@dataclass(frozen=True)
class Model:
    """One model of the catalogue."""

    model: str
    brief_description: str = ""
    detailed_description: str = ""
    modalities: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    price: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Upload:
    """Where to PUT a file, signed and short-lived, and where it can be read from then on."""

    upload_url: str = field(repr=False)
    public_url: str


def encode_models(models: Sequence[str], *, signed_in: bool = False) -> bytes:
    """The catalogue: `model_ids` for keys, `models` for signed-in people."""
    return json.dumps({"models" if signed_in else "model_ids": list(models)}).encode()


def decode_models(body: bytes) -> tuple[str, ...]:
    """The ids of the catalogue in either form, each item an id or an object with one.

    :raises WireError: neither form.
    """
    fields = parse_object(body)
    items = fields.get("model_ids", fields.get("models"))
    if not isinstance(items, list):
        raise WireError("neither model_ids nor models")
    named = [
        as_object(item).get("model") or as_object(item).get("id") if isinstance(item, dict) else item
        for item in items
    ]
    return tuple(text for name in named if (text := as_text(name, 200).strip()))


def encode_model(model: Model) -> bytes:
    """One model's detail record."""
    parameters = [{"name": name, "display_name": name, "type": "string"} for name in model.parameters]
    body = {
        "model": model.model,
        "org_id": "",
        "brief_description": model.brief_description,
        "detailed_description": model.detailed_description,
        "modalities": list(model.modalities),
        "parameters": parameters,
        "price_info": {"price": model.price, "pricing_type": "per_request", "unit": "image"},
        "tags": list(model.tags),
        "icon_link": "",
        "host_type": "third_party",
    }
    return json.dumps(body).encode()


def decode_model(body: bytes) -> Model:
    """One model's detail record.

    :raises WireError: it names no model.
    """
    fields = parse_object(body)
    price = as_object(fields.get("price_info")).get("price")
    model = Model(
        model=as_text(fields.get("model"), 200).strip(),
        brief_description=as_text(fields.get("brief_description")),
        detailed_description=as_text(fields.get("detailed_description")),
        modalities=_texts(fields.get("modalities")),
        parameters=_texts([as_object(item).get("name") for item in as_list(fields.get("parameters"))]),
        price="" if price is None or isinstance(price, dict | list) else as_text(str(price), 40),
        tags=_texts(fields.get("tags")),
    )
    if not model.model:
        raise WireError("it names no model")
    return model


def _texts(value: object) -> tuple[str, ...]:
    return tuple(text for item in as_list(value) if (text := as_text(item, 200)))


def encode_upload_request(file_type: str) -> bytes:
    """What asks for an upload link."""
    return json.dumps({"file_type": file_type}).encode()


def decode_upload_request(body: bytes) -> str:
    """The file type that a link is asked for.

    :raises WireError: not a JSON object.
    :raises InvalidRequest: no type that can be uploaded.
    """
    known = (*UPLOAD_TYPES, *OTHER_UPLOAD_TYPES)
    file_type = parse_object(body).get("file_type")
    if file_type not in known:
        raise InvalidRequest(Issue("file_type", f"must be one of {', '.join(known)}"))
    return str(file_type)


def encode_upload(upload: Upload) -> bytes:
    """The answer with an upload link."""
    return json.dumps({"upload_url": upload.upload_url, "public_url": upload.public_url}).encode()


def decode_upload(body: bytes) -> Upload:
    """The two addresses of an upload.

    :raises WireError: one of them is missing or no http address.
    """
    fields = parse_object(body)
    found = [fields.get("upload_url"), fields.get("public_url")]
    links = [url for url in found if isinstance(url, str) and is_link(url)]
    if len(links) != 2:
        raise WireError("not two addresses")
    return Upload(*links)
