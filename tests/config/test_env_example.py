"""`.env.example` is the list of settings, so it names each that is read, and none that is not."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
READ = (
    r'(?:env\.\w+|amount|at_least_one|none_or_more|provider_key|storage_name|web_address)\(\s*"([A-Z0-9_]+)"'
)


def read_by_settings() -> set[str]:
    sources = [(ROOT / "config" / name).read_text(encoding="utf-8") for name in ("settings.py", "env.py")]
    return {name for source in sources for name in re.findall(READ, source)}


def named_in_example() -> set[str]:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    return set(re.findall(r"^#([A-Z0-9_]+)=", text, flags=re.MULTILINE))


def test_every_setting_is_in_the_example() -> None:
    assert read_by_settings() - named_in_example() == set()


def test_the_example_names_nothing_that_is_not_read() -> None:
    assert named_in_example() - read_by_settings() == set()
