"""What the environment may say."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.env import at_least_one, none_or_more, provider_key, web_address


def test_a_number_that_is_not_set_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDITS_PER_IMAGE", raising=False)

    assert at_least_one("CREDITS_PER_IMAGE", 2) == 2


@pytest.mark.parametrize("given", ["0", "-3", "abc", "", "1.5", "²"])
def test_a_number_that_cannot_be_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("CREDITS_PER_IMAGE", given)

    with pytest.raises(ImproperlyConfigured, match="CREDITS_PER_IMAGE is a whole number from 1 on"):
        at_least_one("CREDITS_PER_IMAGE", 2)


@pytest.mark.parametrize(("given", "number"), [("0", 0), (" 12 ", 12)])
def test_a_limit_may_be_none(monkeypatch, given, number):
    monkeypatch.setenv("PERSON_PLACES_MAX", given)

    assert none_or_more("PERSON_PLACES_MAX", 5) == number


@pytest.mark.parametrize("given", ["-1", "1.5", "", "many"])
def test_a_limit_that_is_no_number_is_named(monkeypatch, given):
    monkeypatch.setenv("PERSON_PLACES_MAX", given)

    with pytest.raises(ImproperlyConfigured, match="PERSON_PLACES_MAX is a whole number from 0 on"):
        none_or_more("PERSON_PLACES_MAX", 0)


@pytest.mark.parametrize("given", ["two words", "clé", "a\tb"])
def test_a_key_that_cannot_travel_is_refused_without_repeating_it(
    monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("AIMLAPI_API_KEY", given)

    with pytest.raises(ImproperlyConfigured, match="AIMLAPI_API_KEY holds characters") as refused:
        provider_key("AIMLAPI_API_KEY")
    assert given not in str(refused.value)


@pytest.mark.parametrize("given", ["easel.test", "nonsense", "ftp://easel.test", "https://"])
def test_what_is_no_web_address_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("SITE_URL", given)

    with pytest.raises(ImproperlyConfigured, match="SITE_URL is an address such as"):
        web_address("SITE_URL", "")


def test_an_address_loses_its_last_slash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SITE_URL", "https://easel.test/")

    assert web_address("SITE_URL", "") == "https://easel.test"
