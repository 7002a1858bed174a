"""What a provider, an offer and a model may say of themselves."""

import contextlib
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from generation import catalog, seeding
from generation import provider_rules as rules
from generation.models import ImageModel, Offer, Provider
from generation.providers.formats import FORMATS

FLASH = {"1:1": [1024, 1024], "16:9": [1344, 768]}


def size(name: str = "", price: Any = 2, ratios: Any = None) -> dict[str, Any]:
    return {"name": name, "price": price, "ratios": FLASH if ratios is None else ratios}


def said(check: Any, *given: Any, **named: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        check(*given, **named)
    return " ".join(refused.value.messages)


# Keys


def test_a_key_loses_the_spaces_around_it() -> None:
    assert rules.clean_key("  sk-abcdef123456\n") == "sk-abcdef123456"


@pytest.mark.parametrize("key", ["sk abc", "ключ", "sk\x00abc", "sk\r\nX-Evil: 1", "k" * 1_001])
def test_what_is_no_key_is_refused_and_not_repeated(key: str) -> None:
    assert key not in said(rules.clean_key, key)


def test_a_hint_never_says_a_whole_short_key() -> None:
    assert (rules.hint_of("abcd"), rules.hint_of("k" * 11), rules.hint_of("sk-12345abcd")) == ("", "", "abcd")


# Addresses


@pytest.mark.parametrize(
    "address", ["https://api.example.com", "https://api.example.com:8443/v1", "https://93.184.215.14"]
)
def test_a_public_address_is_taken(settings: Any, address: str) -> None:
    settings.LOCAL_MODE = settings.ALLOW_PRIVATE_ADDRESSES = False

    rules.check_address(address)


PRIVATE = [
    "127.0.0.1:9000",
    "localhost",
    "10.0.0.8",
    "[::1]:4000",
    "litellm:4000",
    "models.internal",
    "169.254.169.254",
]


@pytest.mark.parametrize("host", PRIVATE)
@pytest.mark.parametrize("setting", ["LOCAL_MODE", "ALLOW_PRIVATE_ADDRESSES"])
def test_an_address_inside_is_taken_where_the_operator_lets_it(
    settings: Any, host: str, setting: str
) -> None:
    settings.LOCAL_MODE = settings.ALLOW_PRIVATE_ADDRESSES = False
    assert "ALLOW_PRIVATE_ADDRESSES" in said(rules.check_address, f"https://{host}")
    assert "ALLOW_PRIVATE_ADDRESSES" in said(rules.check_address, f"http://{host}")

    setattr(settings, setting, True)

    rules.check_address(f"http://{host}")


def test_a_key_never_travels_in_the_open() -> None:
    assert "https://" in said(rules.check_address, "http://api.example.com")


@pytest.mark.parametrize(
    "address",
    [
        "ftp://api.example.com",
        "api.example.com",
        "https://",
        "https://u:p@api.example.com",
        "https://api.example.com?key=1",
        "https://api.example.com/#a",
        "https://api.example.com:port",
        "https://[::1",
        "https://api example.com",
        "javascript:alert(1)",
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    assert said(rules.check_address, address).endswith(".")


# Options


def test_an_option_the_format_does_not_have_is_refused() -> None:
    assert "has no option region" in said(rules.check_options, "aiml", {"region": "eu"})
    assert said(rules.check_options, "aiml", ["region"])


@pytest.mark.parametrize("name", FORMATS)
def test_a_formats_option_is_a_short_text_or_number(name: str) -> None:
    for option in FORMATS[name].options:
        assert said(rules.check_options, name, {option: {"a": 1}})
        assert said(rules.check_options, name, {option: "a" * 301})


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("openai", {"size": "pixels", "count": "one"}),
        ("onemin", {"async": "off", "poll_seconds": 1}),
        ("gmi", {"references": "data_uri"}),
        ("google", {"project": "studio", "location": "global"}),
    ],
)
def test_a_formats_own_options_are_taken(name: str, options: dict[str, Any]) -> None:
    rules.check_options(name, options)


def test_an_option_the_format_can_make_nothing_of_is_refused_with_what_it_can() -> None:
    assert said(rules.check_options, "openai", {"size": "huge"}).startswith("the option size is one of")


# Abilities

GOOD_ABILITIES = [
    {},
    {"count_max": 1, "references_max": 0, "temperature": True},
    {"ratios": ["1:1"], "ratios_with_references": None, "reference_types": ["image/png"]},
    {"reference_max_bytes": 2_000_000, "multi_turn": False, "image_size": True},
]
BAD_ABILITIES = [
    [],
    {"colour": True},
    {"count_max": 0},
    {"count_max": 17},
    {"count_max": "4"},
    {"count_max": True},
    {"references_max": 1.0},
    {"temperature": 1},
    {"temperature": None},
    {"ratios": []},
    {"ratios": "1:1"},
    {"ratios": ["square"]},
    {"ratios": [1]},
    {"reference_types": None},
    {"reference_types": ["image/gif"]},
    {"reference_max_bytes": -1},
]


@pytest.mark.parametrize("abilities", GOOD_ABILITIES)
def test_what_is_taken_the_catalog_can_read(abilities: Any) -> None:
    rules.check_abilities(abilities)

    read = catalog.abilities("aiml", abilities, {})

    for name, value in abilities.items():
        assert getattr(read, name) == (frozenset(value) if isinstance(value, list) else value)


@pytest.mark.parametrize("abilities", BAD_ABILITIES)
def test_an_ability_that_cannot_be_is_refused(abilities: Any) -> None:
    assert said(rules.check_abilities, abilities)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)


@given(ANYTHING)
def test_whatever_is_written_is_taken_or_refused(written: Any) -> None:
    checks: list[Any] = [
        rules.check_abilities,
        rules.check_sizes,
        lambda given: rules.check_costs(given, sizes=["", "1K"]),
        lambda given: rules.check_options("aiml", given),
        lambda given: rules.check_names("a", given, others=[("b", ["c"])]),
    ]
    for check in checks:
        with contextlib.suppress(ValidationError):
            check(written)


# Costs


@pytest.mark.parametrize("costs", [{}, {"1K": "0"}, {"1K": "0.134", "2K": "12.000001"}])
def test_costs_are_decimals_by_size(costs: Any) -> None:
    rules.check_costs(costs, sizes=["1K", "2K"])


@pytest.mark.parametrize(
    "cost", [0.1, 1, None, "", "free", "-0.1", "NaN", "Infinity", "1e-7", "0.0000001", "1001", ["1"]]
)
def test_a_cost_that_is_no_amount_is_refused(cost: Any) -> None:
    assert '"1K"' in said(rules.check_costs, {"1K": cost}, sizes=["1K"])


def test_a_cost_of_a_size_the_model_lacks_is_refused() -> None:
    assert 'no size "4K"' in said(rules.check_costs, {"4K": "1"}, sizes=["1K"])


# Sizes


def test_what_a_new_installation_starts_with_is_allowed() -> None:
    for model in seeding.models():
        rules.check_sizes(model.sizes)


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ({}, "1 to 10 sizes"),
        ([], "1 to 10 sizes"),
        ([size()] * 11, "1 to 10 sizes"),
        ([{"name": "", "price": 2}], "name, price and ratios"),
        ([{**size(), "colour": 1}], "name, price and ratios"),
        (["1K"], "name, price and ratios"),
        ([size("2 K")], "letters and digits"),
        ([size("12345")], "letters and digits"),
        ([size(None)], "letters and digits"),
        ([size(""), size("2K")], "letters and digits"),
        ([size("1K"), size("1K")], "the same name"),
        ([size(price=0)], "whole number of credits"),
        ([size(price=-2)], "whole number of credits"),
        ([size(price=1_000_001)], "whole number of credits"),
        ([size(price=2.0)], "whole number of credits"),
        ([size(price="2")], "whole number of credits"),
        ([size(price=True)], "whole number of credits"),
        ([size(ratios={})], "needs ratios"),
        ([size(ratios=[1])], "needs ratios"),
        ([size(ratios={"square": [64, 64]})], "is no ratio"),
        ([size(ratios={"100:1": [6400, 64]})], "is no ratio"),
        ([size(ratios={"1:1": [64]})], "two sides"),
        ([size(ratios={"1:1": [63, 63]})], "from 64 to 8,192"),
        ([size(ratios={"1:1": [8193, 8193]})], "from 64 to 8,192"),
        ([size(ratios={"1:1": [64.0, 64]})], "two sides"),
        ([size(ratios={"1:1": [5001, 5001]})], "25 million pixels"),
        ([size(ratios={"16:9": [768, 1344]})], "not the shape 16:9"),
        ([size("1K"), size("2K", ratios={"1:1": [2048, 2048]})], "other ratios"),
        (
            [size("2K", ratios={"1:1": [2048, 2048]}), size("1K", ratios={"1:1": [1024, 1024]})],
            "smallest size first",
        ),
    ],
)
def test_sizes_that_cannot_be_are_refused(sizes: Any, words: str) -> None:
    assert words in said(rules.check_sizes, sizes)


# Names


@pytest.mark.parametrize(
    ("slug", "aliases", "field"),
    [
        ("a", "b", "aliases"),
        ("a", ["b c"], "aliases"),
        ("a", [""], "aliases"),
        ("a", [1], "aliases"),
        ("a", ["x" * 121], "aliases"),
        ("a", ["x", "x"], "aliases"),
        ("a", ["a"], "aliases"),
        ("a", ["taken"], "aliases"),
        ("a", ["other"], "aliases"),
        ("taken", [], "slug"),
    ],
)
def test_a_name_means_one_model(slug: str, aliases: Any, field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        rules.check_names(slug, aliases, others=[("other", ["taken"])])

    assert list(refused.value.message_dict) == [field]


# The rows


@pytest.mark.django_db
def test_the_rows_of_a_new_installation_are_clean() -> None:
    for row in [*Provider.objects.all(), *ImageModel.objects.all(), *Offer.objects.all()]:
        row.full_clean()


@pytest.mark.django_db
def test_rows_say_what_is_wrong_by_field() -> None:
    provider = Provider(name="x", title="X", format="aiml", base_url="http://a.example.com", options={"a": 1})
    with pytest.raises(ValidationError) as refused:
        provider.full_clean()
    assert list(refused.value.message_dict) == ["base_url"]

    provider.base_url = ""
    with pytest.raises(ValidationError) as refused:
        provider.full_clean()
    assert list(refused.value.message_dict) == ["options"]

    provider.options = {}
    with pytest.raises(ValidationError) as refused:
        provider.full_clean()
    assert refused.value.message_dict["enabled"][0].startswith("Enter its key before it is switched on.")

    offer = Offer.objects.first()
    assert offer is not None
    offer.costs = {"9K": "1"}
    with pytest.raises(ValidationError) as refused:
        offer.full_clean()
    assert list(refused.value.message_dict) == ["costs"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change",
    [
        {"count_max": 0},
        {"count_max": 11},
        {"temperature_default": 3.0},
        {"top_p_default": 1.5},
        {"prompt_max": 0},
    ],
)
def test_a_model_keeps_its_dials_within_reason(change: dict[str, Any]) -> None:
    model = ImageModel.objects.first()
    for name, value in change.items():
        setattr(model, name, value)

    with pytest.raises(ValidationError) as refused:
        model.full_clean()

    assert list(refused.value.message_dict) == list(change)
