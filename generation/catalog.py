"""What is on offer: models with their abilities, sizes and prices."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.conf import settings


class UnknownModel(Exception):
    """No model of that name is on offer."""


@dataclass(frozen=True)
class AspectRatio:
    """A shape on offer, with the pixels a picture of that shape has."""

    name: str
    width: int
    height: int


@dataclass(frozen=True)
class VendorModel:
    """What a provider calls the model: for a prompt alone, and for a prompt with references."""

    text: str
    edit: str


@dataclass(frozen=True)
class Model:
    """A model people can choose. `price` is whole credits for one image."""

    id: str
    name: str
    ratios: Mapping[str, AspectRatio]
    count_max: int
    references_max: int
    prompt_max: int
    temperature_max: float
    temperature_default: float
    top_p_default: float
    price: int
    vendor_models: Mapping[str, VendorModel]
    aliases: frozenset[str] = field(default_factory=frozenset)


# AIML API's resolution table for this model; one size a ratio. In the order of the picker, tall to wide.
_GEMINI_RATIOS = (
    AspectRatio("9:16", 768, 1344),
    AspectRatio("2:3", 832, 1248),
    AspectRatio("3:4", 864, 1184),
    AspectRatio("4:5", 896, 1152),
    AspectRatio("1:1", 1024, 1024),
    AspectRatio("5:4", 1152, 896),
    AspectRatio("4:3", 1184, 864),
    AspectRatio("3:2", 1248, 832),
    AspectRatio("16:9", 1344, 768),
    AspectRatio("21:9", 1536, 672),
)

DEFAULT_MODEL = "gemini-2.5-flash-image"
DEFAULT_RATIO = "1:1"


def models() -> tuple[Model, ...]:
    """All models on offer, the default first."""
    return (
        Model(
            id=DEFAULT_MODEL,
            name="Gemini 2.5 Flash Image",
            ratios={ratio.name: ratio for ratio in _GEMINI_RATIOS},
            count_max=4,
            references_max=3,
            # The model reads 32,768 tokens; a limit in letters that every provider takes.
            prompt_max=8_000,
            temperature_max=2.0,
            temperature_default=1.0,
            top_p_default=0.95,
            price=settings.CREDITS_PER_IMAGE,
            vendor_models={
                "aimlapi": VendorModel(
                    text="google/gemini-2.5-flash-image", edit="google/gemini-2.5-flash-image-edit"
                ),
            },
            aliases=frozenset(
                {
                    "google/gemini-2.5-flash-image",
                    "google/gemini-2.5-flash-image-edit",
                    "gemini-2.5-flash-image-preview",
                    "models/gemini-2.5-flash-image",
                    "google/nano-banana",
                    "google/nano-banana-edit",
                    "nano-banana",
                }
            ),
        ),
    )


def find(name: str) -> Model:
    """The model of that id or alias.

    :raises UnknownModel:
    """
    for model in models():
        if name == model.id or name in model.aliases:
            return model
    raise UnknownModel(name)
