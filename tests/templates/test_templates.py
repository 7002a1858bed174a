"""Every template compiles, keeps the strict content policy, and speaks htmx 4."""

import re
from pathlib import Path

import pytest
from django.template.loader import get_template

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "templates"
FILES = sorted(str(file.relative_to(TEMPLATES)) for file in TEMPLATES.rglob("*") if file.is_file())
SCRIPTS = sorted(str(file.relative_to(ROOT)) for file in (ROOT / "static" / "js").rglob("*.js"))

# What htmx 4 ignores without a word, and what needs eval or inline code; with the advice.
IN_SCRIPTS = {
    r"htmx:(after|before)[A-Z]|htmx:(load|responseError|sendError|sseMessage)": "htmx 4: htmx:after:swap",
    r"detail\.xhr": "there is no XHR in htmx 4; use detail.ctx",
    r"\beval\(|\bnew Function\(": "the content policy forbids eval",
}
HABITS = IN_SCRIPTS | {
    r"hx-ext\s*=": 'hx-ext is gone; write hx-sse:connect="…"',
    r"\bsse-(connect|swap|close)\s*=": "htmx 4 has hx-sse:connect, hx-sse:close and hx-swap",
    r"\bhx-disabled-elt\b": "htmx 4 says hx-disable",
    r"\bhx-(vars|params|disinherit|inherit)\s*=": "gone in htmx 4",
    r"<body[^>]*\shx-(target|headers|swap|boost|confirm|vals)\s*=": "children inherit only with :inherited",
    r"from:closest\s|from:find\s": 'quote a selector with a space: from:"closest .card"',
    r"\bhx-on[:=-]": "hx-on needs eval, which the content policy forbids",
    r"['\"]js:|hx-trigger\s*=\s*['\"][^'\"]*\[": "js: values and trigger filters need eval",
    r"<style\b|\sstyle\s*=": "the content policy forbids inline styles",
    r"<script(?![^>]*\ssrc=)": "the content policy forbids inline scripts",
    r"\son(click|load|change|submit|input|error|key\w+)\s*=": "the content policy forbids inline handlers",
    r"href\s*=\s*['\"]javascript:": "the content policy forbids javascript: addresses",
}


def test_there_are_templates() -> None:
    assert FILES


@pytest.mark.parametrize("name", FILES)
def test_a_template_compiles(name: str) -> None:
    assert get_template(name)


@pytest.mark.parametrize("name", FILES)
def test_a_template_has_no_habit_of_htmx_2_or_inline_code(name: str) -> None:
    text = what_the_browser_reads((TEMPLATES / name).read_text(encoding="utf-8"))

    found = [advice for pattern, advice in HABITS.items() if re.search(pattern, text)]

    assert found == []


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_has_no_habit_of_htmx_2(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")

    assert [advice for pattern, advice in IN_SCRIPTS.items() if re.search(pattern, text)] == []


@pytest.mark.parametrize(
    "habit",
    [
        '<div hx-ext="sse">',
        '<div sse-swap="done">',
        '<body hx-headers="{}">',
        '<form hx-on:click="go()">',
        '<li hx-trigger="done from:closest .card">',
        '<i hx-trigger="click[ctrlKey]">',
        "<script>go()</script>",
        '<p style="color: red">',
        '<a onclick="go()">',
    ],
)
def test_a_habit_would_be_found(habit: str) -> None:
    assert any(re.search(pattern, habit) for pattern in HABITS)


@pytest.mark.parametrize(
    "good",
    [
        "<body hx-headers:inherited='{}'>",
        """<li hx-trigger='done from:"closest .card"'>""",
        '<div hx-sse:connect="/events" hx-sse:close="done">',
        '<script type="module" src="/static/js/feed.js"></script>',
    ],
)
def test_what_htmx_4_wants_passes(good: str) -> None:
    assert not any(re.search(pattern, good) for pattern in HABITS)


def what_the_browser_reads(text: str) -> str:
    """Neither comments nor template tags: `{% include … with style="small" %}` is no inline style."""
    text = re.sub(r"\{% comment .*?endcomment %\}", "", text, flags=re.DOTALL)
    return re.sub(r"\{#.*?#\}|<!--.*?-->|\{%.*?%\}", "", text, flags=re.DOTALL)
