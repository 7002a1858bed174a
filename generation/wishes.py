"""What a person may ask for: the rules, checked in one place for form and API."""

import math
from dataclasses import dataclass

from generation import catalog, routing
from generation.catalog import Model


class InvalidWish(Exception):
    """Something asked for that is not on offer; nothing was charged.

    `field` is the API's and the form's name of it, `code` is stable, `detail` is for people.
    """

    def __init__(self, field: str, code: str, detail: str) -> None:
        super().__init__(detail)
        self.field, self.code, self.detail = field, code, detail


@dataclass(frozen=True)
class Wish:
    """What is asked for, checked against what is on offer; `model` is the catalog's row."""

    model: Model
    prompt: str
    aspect_ratio: str
    count: int
    temperature: float | None
    top_p: float | None
    provider: str


def check(
    *,
    prompt: str,
    model: str = catalog.DEFAULT_MODEL,
    aspect_ratio: str = catalog.DEFAULT_RATIO,
    count: int = 1,
    references: int = 0,
    temperature: float | None = None,
    top_p: float | None = None,
    provider: str = "",
) -> Wish:
    """The wish, or why it can't be had. `references` is how many there are.

    :raises InvalidWish:
    """
    offered = _model(model)
    _check_prompt(prompt, offered)
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
    _check_provider(offered, provider, temperature, top_p)
    return Wish(
        model=offered,
        prompt=prompt.strip(),
        aspect_ratio=aspect_ratio,
        count=count,
        temperature=temperature,
        top_p=top_p,
        provider=provider,
    )


def _model(name: str) -> Model:
    try:
        return catalog.find(name)
    except catalog.UnknownModel:
        known = ", ".join(model.id for model in catalog.models())
        raise InvalidWish(
            "model", "unknown_model", f"{name[:80]} isn't on offer. Choose one of {known}."
        ) from None


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


def _check_provider(model: Model, provider: str, temperature: float | None, top_p: float | None) -> None:
    known = routing.names(model)
    if provider and provider not in known:
        raise InvalidWish(
            "provider", "unknown_provider", f"{provider[:40]} isn't set up. Choose one of {', '.join(known)}."
        )
    # The model's own default is what a provider without the dial uses, so asking for it is no wish refused.
    for field, value, default in (
        ("temperature", temperature, model.temperature_default),
        ("top_p", top_p, model.top_p_default),
    ):
        if value is not None and value != default and not routing.honours(model, provider, field):
            who = routing.title(provider) if provider else "No provider that is set up"
            raise InvalidWish(
                field,
                "unsupported_parameter",
                f"{who} {'takes no' if provider else 'takes a'} {field}. "
                f"Leave it out, or send the default {default:g}.",
            )
