"""What a person may ask for: the rules, checked in one place for form and API."""

import math
from dataclasses import dataclass

from django.conf import settings

from generation import catalog, routing
from generation.catalog import Catalog, ImageSize, Model
from generation.routing import Wanted

# Shorter, and what is left after a call would not do for fetching and storing.
DEADLINE_SECONDS_MIN = 60


class InvalidWish(Exception):
    """Something asked for that is not on offer; nothing was charged.

    `field` is the API's and the form's name of it, `code` is stable, `detail` is for people.
    """

    def __init__(self, field: str, code: str, detail: str) -> None:
        super().__init__(detail)
        self.field, self.code, self.detail = field, code, detail


@dataclass(frozen=True)
class Wish:
    """What is asked for, checked against what is on offer; `model` is the catalog's row.

    `deadline_seconds` says how long it may take; None leaves that to the settings. `collection_id` is where
    the pictures are filed; see `filing`.
    """

    model: Model
    prompt: str
    aspect_ratio: str
    size: ImageSize
    count: int
    temperature: float | None
    top_p: float | None
    provider: str
    deadline_seconds: int | None = None
    collection_id: int | None = None


def check(
    *,
    prompt: str,
    model: str = "",
    aspect_ratio: str = catalog.DEFAULT_RATIO,
    image_size: str = "",
    count: int = 1,
    references: int = 0,
    temperature: float | None = None,
    top_p: float | None = None,
    provider: str = "",
    continues: bool = False,
    deadline_seconds: int | None = None,
    offered_now: Catalog | None = None,
) -> Wish:
    """The wish, or why it can't be had. `references` is how many there are; no model is the default one.

    `continues` says that it goes on from a picture, which may go to the provider as one more reference.

    :raises InvalidWish:
    """
    known = offered_now or catalog.load()
    offered = _model(model, known)
    references += continues
    _check_prompt(prompt, offered)
    size = _size(offered, image_size)
    if aspect_ratio not in offered.ratios:
        ratios = ", ".join(offered.ratios)
        raise InvalidWish(
            "aspect_ratio", "unknown_aspect_ratio", f"{aspect_ratio} isn't on offer. Choose one of {ratios}."
        )
    if not 1 <= count <= offered.count_max:
        raise InvalidWish("count", "invalid_count", f"Ask for 1 to {offered.count_max} images.")
    if references > offered.references_max:
        raise InvalidWish(
            "references",
            "too_many_references",
            f"You can use up to {offered.references_max} references. "
            f"Remove {references - offered.references_max}.",
        )
    _check_range("temperature", temperature, offered.temperature_max)
    _check_range("top_p", top_p, 1.0)
    _check_deadline(deadline_seconds)
    wanted = Wanted(
        aspect_ratio=aspect_ratio,
        image_size=size.name,
        references=references,
        # The model's own default is what a provider without the dial uses: asking for it is no wish refused.
        temperature=temperature not in (None, offered.temperature_default),
        top_p=top_p not in (None, offered.top_p_default),
    )
    _check_provider(known, offered, provider, wanted)
    return Wish(
        model=offered,
        prompt=prompt.strip(),
        aspect_ratio=aspect_ratio,
        size=size,
        count=count,
        temperature=temperature,
        top_p=top_p,
        provider=provider,
        deadline_seconds=deadline_seconds,
    )


def _model(name: str, known: Catalog) -> Model:
    try:
        return known.find(name)
    except catalog.UnknownModel:
        names = ", ".join(model.id for model in known.models)
        detail = f"{name[:80]} isn't on offer. Choose one of {names}." if names else "No model is on offer."
        raise InvalidWish("model", "unknown_model", detail) from None


def _size(model: Model, name: str) -> ImageSize:
    if size := model.size(name):
        return size
    names = ", ".join(size.name for size in model.sizes if size.name)
    detail = f"{model.name} draws in one size: leave it out." if not names else f"Choose one of {names}."
    raise InvalidWish("image_size", "unknown_image_size", f"{name[:8]} isn't on offer. {detail}")


def _check_prompt(prompt: str, model: Model) -> None:
    if not prompt.strip():
        raise InvalidWish("prompt", "prompt_missing", "Write a prompt first.")
    if "\x00" in prompt:
        raise InvalidWish(
            "prompt", "prompt_invalid", "The prompt holds a character that can't be stored. Remove it."
        )
    if len(prompt.strip()) > model.prompt_max:
        raise InvalidWish(
            "prompt",
            "prompt_too_long",
            f"The prompt has {len(prompt.strip()):,} characters; the limit is {model.prompt_max:,}.",
        )


def _check_range(field: str, value: float | None, most: float) -> None:
    if value is not None and not (math.isfinite(value) and 0 <= value <= most):
        raise InvalidWish(field, f"invalid_{field}", f"{field} is a number from 0 to {most:g}.")


def _check_deadline(seconds: int | None) -> None:
    most = settings.GENERATION_DEADLINE_SECONDS_MAX
    least = min(DEADLINE_SECONDS_MIN, most)
    if seconds is not None and not least <= seconds <= most:
        raise InvalidWish(
            "deadline_seconds", "invalid_deadline", f"Give it {least} to {most:,} seconds, or leave it out."
        )


def _check_provider(known: Catalog, model: Model, provider: str, wanted: Wanted) -> None:
    names = routing.names(model)
    if provider and provider not in names:
        raise InvalidWish(
            "provider", "unknown_provider", f"{provider[:40]} isn't set up. Choose one of {', '.join(names)}."
        )
    if not names:
        raise InvalidWish(
            "model", "no_provider", f"No provider that is set up makes {model.name}. Ask your admin."
        )
    if missing := routing.lacking(model, wanted, provider=provider):
        who = known.provider_title(provider) if provider else "No provider that is set up"
        detail = f"{who} {missing.it if provider else missing.nobody}. {missing.advice}"
        raise InvalidWish(missing.field, "unsupported_parameter", detail)
