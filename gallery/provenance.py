"""Where a picture came from, in words: what its wall label says of model, provider and watermark."""

from dataclasses import dataclass

from gallery.models import Image

EMULATOR = "emulator"
_PROVIDERS = {"aimlapi": "AI/ML API", EMULATOR: "Built-in emulator"}
_WATERMARKED = "gemini-"


@dataclass(frozen=True)
class Provenance:
    """The provider's name for people, and the plain sentence about how the picture was made."""

    provider: str
    title: str
    text: str


def of(image: Image) -> Provenance:
    """What may be said of the picture. Nothing of a watermark unless its maker is known to put one in.

    Google states that every picture of its Gemini image models carries SynthID.
    """
    if image.provider == EMULATOR:
        return Provenance(
            _PROVIDERS[EMULATOR], "Made for show", "Made by the built-in emulator for demonstration."
        )
    watermark = (
        "Carries Google's invisible SynthID watermark." if image.model.startswith(_WATERMARKED) else ""
    )
    return Provenance(provider_name(image.provider), "Made with AI", watermark)


def provider_name(provider: str) -> str:
    """What people call the maker of a picture: `emulator` is `Built-in emulator`."""
    return _PROVIDERS.get(provider, provider)


def model_name(model: str) -> str:
    """A model's id as words: `gemini-2.5-flash-image` is `Gemini 2.5 Flash Image`."""
    return " ".join(word.capitalize() for word in model.rsplit("/", 1)[-1].split("-"))
