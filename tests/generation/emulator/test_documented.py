"""What the emulator can do is what its page of the docs says."""

import re
from pathlib import Path
from types import ModuleType

import pytest

from generation.emulator import faults, gmi, google, onemin, openai, service

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "emulator.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("vendor", [gmi, google, onemin, openai], ids=lambda module: module.__name__)
def test_every_quirk_is_documented_in_its_own_words(vendor: ModuleType) -> None:
    for name, words in vendor.QUIRKS.items():
        assert f"| `{name}` | {words} |" in TEXT or re.fullmatch(r"nested_\d{3}", name), name


def test_every_kind_of_fault_is_documented() -> None:
    for name in (*faults.CHOICES, *faults._READERS):
        assert f"`{name}`" in TEXT, name


def test_every_vendor_has_its_prefix_there() -> None:
    for name in service.VENDORS:
        assert f"| `/{name}` |" in TEXT, name
