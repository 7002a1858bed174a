"""Sealed secrets: opened by this installation alone, told by nobody."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts import sealing

SECRET = "sk-live-0123456789abcd"


@given(st.text(min_size=1))
def test_what_is_sealed_can_be_opened(secret: str) -> None:
    # A lone surrogate is no text that anybody could enter.
    secret = secret.encode(errors="ignore").decode()

    assert sealing.unseal(sealing.seal(secret)) == secret


def test_nothing_is_nothing() -> None:
    assert sealing.unseal("") == ""


def test_the_same_secret_is_sealed_differently_each_time() -> None:
    assert sealing.seal(SECRET) != sealing.seal(SECRET)


def test_the_sealed_text_says_nothing_of_the_secret() -> None:
    sealed = sealing.seal(SECRET)

    assert SECRET not in sealed
    assert SECRET[:8] not in sealed


def test_another_secret_key_opens_nothing(settings) -> None:
    sealed = sealing.seal(SECRET)
    settings.SECRET_KEY = "another"

    with pytest.raises(sealing.CannotUnseal) as refused:
        sealing.unseal(sealed)

    assert SECRET not in repr(refused.value)


def test_a_former_secret_key_still_opens_and_the_new_one_seals(settings) -> None:
    sealed = sealing.seal(SECRET)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another"
    assert sealing.unseal(sealed) == SECRET

    anew = sealing.seal(SECRET)
    settings.SECRET_KEY_FALLBACKS = []
    assert sealing.unseal(anew) == SECRET


@pytest.mark.parametrize(
    "change", [lambda text: text[:-2], lambda text: "A" + text[1:], lambda text: "no seal", str.lower]
)
def test_a_changed_text_opens_nothing(change) -> None:
    with pytest.raises(sealing.CannotUnseal):
        sealing.unseal(change(sealing.seal(SECRET)))


def test_a_key_made_of_the_secret_key_is_not_the_secret_key(settings) -> None:
    derived = sealing._derived(settings.SECRET_KEY)

    assert settings.SECRET_KEY.encode() not in derived
    assert derived != sealing._derived(settings.SECRET_KEY + "x")
