"""What the environment may say in numbers."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.env import at_least_one


def test_a_number_that_is_not_set_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDITS_PER_IMAGE", raising=False)

    assert at_least_one("CREDITS_PER_IMAGE", 2) == 2


@pytest.mark.parametrize("given", ["0", "-3", "abc", "", "1.5", "²"])
def test_a_number_that_cannot_be_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("CREDITS_PER_IMAGE", given)

    with pytest.raises(ImproperlyConfigured, match="CREDITS_PER_IMAGE is a whole number from 1 on"):
        at_least_one("CREDITS_PER_IMAGE", 2)
