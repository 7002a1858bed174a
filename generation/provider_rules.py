"""What a provider, an offer and a model may say of themselves; the rows' `clean` asks here, and so all forms.

Each check raises a ValidationError whose sentence says what to write instead.
"""

import ipaddress
import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError

from generation.providers.base import Abilities
from generation.providers.formats import FORMATS

PRICE_MAX = 1_000_000
SIDE_MIN, SIDE_MAX = 64, 8192
PIXELS_MAX = 25_000_000
SIZES_MAX = 10
COST_MAX = Decimal(1_000)
COST_PLACES = 6
KEY_MAX = 1_000
OPTION_MAX = 300
ALIAS_MAX = 120
# A shape whose pixels are further off than this has its sides swapped or is another shape.
SHAPE_TOLERANCE = 0.1
# Below so many characters the last four would be too much of a key to show.
HINTED_FROM = 12

# A model's name in the API as a pattern, and what to say of another.
MODEL_NAME = (r"^[a-z0-9][a-z0-9._-]*\Z", "Use small letters, digits, dots, hyphens and underscores.")

_SIZE_NAME = re.compile(r"[0-9A-Za-z]{1,4}", re.ASCII)
_RATIO_NAME = re.compile(r"([1-9][0-9]?):([1-9][0-9]?)", re.ASCII)
_PRIVATE_SUFFIXES = (".internal", ".lan", ".local", ".localhost", ".home.arpa")
_PICTURE_TYPES = frozenset({"image/png", "image/jpeg", "image/webp"})
# The least and the most of each ability that is a number.
_NUMBERS = {
    "count_max": (1, 16),
    "references_max": (0, 16),
    "state_max_bytes": (1, 64 * 1024 * 1024),
    "reference_max_bytes": (1024, 64 * 1024 * 1024),
}
_LISTS = ("ratios", "ratios_with_references", "reference_types")


# --- Providers ------------------------------------------------------------------------------------


def clean_key(text: str) -> str:
    """The key without spaces around it.

    :raises ValidationError: it could not travel in a header; the sentence does not repeat it.
    """
    key = text.strip()
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise ValidationError("This key holds characters that no key has. Copy it again, without spaces.")
    if len(key) > KEY_MAX:
        raise ValidationError(f"A key has at most {KEY_MAX:,} characters. Copy only the key.")
    return key


def hint_of(key: str) -> str:
    """What pages show of a key: its last four characters, or nothing of one so short that they say it."""
    return key[-4:] if len(key) >= HINTED_FROM else ""


def check_address(text: str) -> None:
    """:raises ValidationError: no address that a key may be sent to."""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise ValidationError("This isn't a web address. Write it as https://api.example.com.") from error
    if parts.scheme not in ("http", "https") or not host or not text.isprintable() or " " in text:
        raise ValidationError("This isn't a web address. Write it as https://api.example.com.")
    if parts.username is not None or parts.password is not None:
        raise ValidationError(
            "Take the user name and password out of the address; the key has its own field."
        )
    if parts.query or parts.fragment:
        raise ValidationError("Leave out what follows ? or # in the address.")
    private, allowed = is_private(host), settings.LOCAL_MODE or settings.ALLOW_PRIVATE_ADDRESSES
    if private and not allowed:
        raise ValidationError(
            "This address is inside a network. The operator can let it in with ALLOW_PRIVATE_ADDRESSES."
        )
    if parts.scheme == "http" and not private:
        raise ValidationError("Write https://. Over http:// anybody on the way could read the key.")


def is_private(host: str) -> bool:
    """Whether a host is on this machine or inside a network, as far as its name tells."""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith(_PRIVATE_SUFFIXES)


def check_options(format_name: str, options: Any) -> None:
    """:raises ValidationError: the format has no such option, or a value is no text, number, yes or no."""
    if not isinstance(options, dict):
        raise ValidationError('Write options as {"name": "value"}.')
    known = FORMATS[format_name].options
    for name, value in options.items():
        if name not in known:
            has = f"has {', '.join(known)}" if known else "has none"
            raise ValidationError(f"{FORMATS[format_name].title} has no option {name[:40]}; it {has}.")
        if not isinstance(value, str | int | float) or len(str(value)) > OPTION_MAX:
            raise ValidationError(f"The option {name} is a text, a number, true or false.")
    try:
        FORMATS[format_name].abilities_with(options)
    except ValueError as refused:
        raise ValidationError(f"{refused}.".replace("..", ".")) from refused


# --- Offers ---------------------------------------------------------------------------------------


def check_abilities(abilities: Any) -> None:
    """:raises ValidationError: an ability that there is not, or a value it can't have."""
    if not isinstance(abilities, dict):
        raise ValidationError('Write abilities as {"references_max": 3}.')
    known = {field.name for field in fields(Abilities)}
    for name, value in abilities.items():
        if name not in known:
            raise ValidationError(f"There is no ability {name[:40]}. Choose of {', '.join(sorted(known))}.")
        if name in _NUMBERS:
            least, most = _NUMBERS[name]
            if type(value) is not int or not least <= value <= most:
                raise ValidationError(f"{name} is a whole number from {least:,} to {most:,}.")
        elif name in _LISTS:
            _check_list(name, value)
        elif type(value) is not bool:
            raise ValidationError(f"{name} is true or false.")


def _check_list(name: str, value: Any) -> None:
    if value is None and name != "reference_types":
        return
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        raise ValidationError(f'{name} is a list of texts with something in it, such as ["1:1"].')
    if name == "reference_types":
        wrong = [item for item in value if item not in _PICTURE_TYPES]
        advice = f"Choose of {', '.join(sorted(_PICTURE_TYPES))}."
    else:
        wrong = [item for item in value if not _RATIO_NAME.fullmatch(item)]
        advice = "A ratio is written 16:9."
    if wrong:
        raise ValidationError(f"{name} can't hold {wrong[0][:40]}. {advice}")


def check_costs(costs: Any, *, sizes: Iterable[str]) -> None:
    """What the vendor takes for one image, by the names of the model's sizes.

    :raises ValidationError:
    """
    if not isinstance(costs, dict):
        raise ValidationError('Write costs as {"1K": "0.134"}, US dollars for one image; an only size is "".')
    known = list(sizes)
    for size, cost in costs.items():
        if size not in known:
            names = ", ".join(f'"{name}"' for name in known)
            raise ValidationError(f'The model has no size "{size[:20]}". Its sizes are {names}.')
        if not isinstance(cost, str) or not _is_cost(cost):
            raise ValidationError(
                f'The cost of "{size}" is a text such as "0.134": US dollars from 0 to {COST_MAX:,}, '
                f"with at most {COST_PLACES} decimals."
            )


def _is_cost(text: str) -> bool:
    try:
        cost = Decimal(text)
    except InvalidOperation:
        return False
    if not cost.is_finite() or not 0 <= cost <= COST_MAX:
        return False
    exponent = cost.as_tuple().exponent
    return isinstance(exponent, int) and -exponent <= COST_PLACES


# --- Models ---------------------------------------------------------------------------------------


def check_sizes(sizes: Any) -> None:
    """:raises ValidationError: sizes without a name, a price or shapes that can be drawn."""
    if not isinstance(sizes, list) or not 1 <= len(sizes) <= SIZES_MAX:
        raise ValidationError(
            f"Write 1 to {SIZES_MAX} sizes: "
            '[{"name": "", "price": 2, "ratios": {"1:1": [1024, 1024], "16:9": [1344, 768]}}].'
        )
    for size in sizes:
        _check_size(size, only=len(sizes) == 1)
    names = [size["name"] for size in sizes]
    if len(set(names)) < len(names):
        raise ValidationError("Two sizes have the same name.")
    for smaller, larger in itertools.pairwise(sizes):
        _check_order(smaller, larger)


def _check_size(size: Any, *, only: bool) -> None:
    if not isinstance(size, dict) or set(size) != {"name", "price", "ratios"}:
        raise ValidationError("Each size has name, price and ratios, and nothing else.")
    name, price, ratios = size["name"], size["price"], size["ratios"]
    if not isinstance(name, str) or not (_SIZE_NAME.fullmatch(name) or (only and not name)):
        raise ValidationError('A size is called by 1 to 4 letters and digits, such as 2K; an only one "".')
    called = f"The size {name}" if name else "The size"
    if type(price) is not int or not 1 <= price <= PRICE_MAX:
        raise ValidationError(f"{called}: the price is a whole number of credits from 1 to {PRICE_MAX:,}.")
    if not isinstance(ratios, dict) or not ratios:
        raise ValidationError(f'{called} needs ratios, such as {{"1:1": [1024, 1024]}}.')
    for ratio, pixels in ratios.items():
        _check_ratio(called, ratio, pixels)
    if "1:1" not in ratios:
        raise ValidationError(f"{called} needs 1:1, which is drawn where no ratio is asked for.")


def _check_ratio(called: str, ratio: str, pixels: Any) -> None:
    shape = _RATIO_NAME.fullmatch(ratio)
    if shape is None:
        raise ValidationError(f"{called}: {ratio[:20]} is no ratio. Write it as 16:9.")
    if (
        not isinstance(pixels, list)
        or len(pixels) != 2
        or not all(type(side) is int and SIDE_MIN <= side <= SIDE_MAX for side in pixels)
    ):
        raise ValidationError(
            f"{called}: {ratio} needs two sides in pixels, each from {SIDE_MIN} to {SIDE_MAX:,}."
        )
    width, height = pixels
    if width * height > PIXELS_MAX:
        raise ValidationError(f"{called}: {ratio} has more than {PIXELS_MAX // 1_000_000} million pixels.")
    wanted = int(shape[1]) / int(shape[2])
    if abs(width / height / wanted - 1) > SHAPE_TOLERANCE:
        raise ValidationError(f"{called}: {width} × {height} is not the shape {ratio}.")


def _check_order(smaller: Mapping[str, Any], larger: Mapping[str, Any]) -> None:
    """All sizes come in the same shapes, each larger than in the size before."""
    if list(smaller["ratios"]) != list(larger["ratios"]):
        raise ValidationError(
            f"{larger['name']} has other ratios than {smaller['name']}. All sizes have the same, in order."
        )
    for ratio, (width, height) in larger["ratios"].items():
        before = smaller["ratios"][ratio]
        if width * height < before[0] * before[1]:
            raise ValidationError(
                f"{larger['name']} is smaller than {smaller['name']} at {ratio}. Put the smallest size first."
            )


def check_names(slug: str, aliases: Any, *, others: Iterable[tuple[str, Iterable[str]]]) -> None:
    """A model's name and other names mean one model. `others` are the names and aliases of the rest.

    :raises ValidationError: on the field that has to change.
    """
    if not isinstance(aliases, list) or not all(_is_alias(alias) for alias in aliases):
        raise ValidationError(
            {"aliases": f'Write other names as ["name", …], each of 1 to {ALIAS_MAX} characters, no spaces.'}
        )
    if len(set(aliases)) < len(aliases) or slug in aliases:
        raise ValidationError({"aliases": "The same name stands there twice, or is the model's own."})
    taken: dict[str, str] = {}
    for other, names in others:
        if slug in names:
            raise ValidationError({"slug": f"{slug} is another name of {other}."})
        taken |= dict.fromkeys((other, *names), other)
    for alias in aliases:
        if alias in taken:
            raise ValidationError({"aliases": f"{alias} means {taken[alias]} already."})


def _is_alias(alias: Any) -> bool:
    return isinstance(alias, str) and 0 < len(alias) <= ALIAS_MAX and alias.isprintable() and " " not in alias
