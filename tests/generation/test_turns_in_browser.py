"""A picture refined in a real browser: twice, then a branch, compared and named; by keys; without scripts."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from accounts.models import User
from gallery import ingest
from generation.models import Generation
from tests import factories
from tests.generation import turning
from tests.generation.turning import picture, refine, refined

pytestmark = [
    pytest.mark.needs_chromium,
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
    pytest.mark.timeout(240),
]
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1440, "height": 900}
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


@pytest.fixture
def user() -> User:
    return turning.person(name="Mara Lindqvist")


@pytest.fixture
def first(user: User) -> Generation:
    return turning.first(user, "A quiet courtyard at noon", aspect_ratio="3:2")


@pytest.fixture
def site(live_server: Any, page: Page, user: User, client: Any) -> Iterator[str]:
    """The site's address, in a browser where the person is signed in and the console says nothing."""
    client.force_login(user)
    for name, cookie in client.cookies.items():
        page.context.add_cookies([{"name": name, "value": cookie.value, "url": live_server.url}])
    # A stream outlives its page by some seconds, and so this database; the page then asks by itself.
    page.add_init_script("window.EventSource = class extends EventTarget { close() {} }")
    heard: list[str] = []
    page.on("console", lambda message: heard.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: heard.append(str(error)))
    yield str(live_server.url)
    assert heard == []


def open_picture(page: Page, site: str, generation: Generation, query: str = "", size: Any = DESK) -> None:
    page.set_viewport_size(size)
    page.goto(f"{site}/images/{picture(generation).public_id}/{query}")
    page.wait_for_function("document.querySelector('.strip') && window.easel?.references")


def send(page: Page, text: str) -> Generation:
    """Ask for the next turn; the row of it."""
    page.get_by_role("textbox", name="Next change").fill(text)
    page.get_by_role("button", name="Send · 2 credits").click()
    page.wait_for_url(re.compile("#turn-"))
    expect(page.locator(".timeline-waiting")).to_contain_text(text)
    made: Generation = Generation.objects.latest("pk")
    return made


def broken_rules(page: Page) -> list[str]:
    result = Axe().run(page, options=RULES)
    return [f"{rule['id']}: {rule['nodes'][0]['html'][:200]}" for rule in result.response["violations"]]


def test_refined_twice_branched_compared_and_named(
    page: Page, site: str, user: User, first: Generation
) -> None:
    open_picture(page, site, first)
    heading = page.get_by_role("heading", level=1)

    second = send(page, "Make it golden hour, with long soft shadows")
    turning.done(second, seed=50)
    # The page goes to the picture by itself.
    page.wait_for_url(f"**/images/{picture(second).public_id}/")
    expect(page.locator(".image-head-words > p")).to_have_text("Turn 2 of 2 · Golden hour")

    third = send(page, "Add a slim cypress")
    turning.done(third, seed=60)
    page.wait_for_url(f"**/images/{picture(third).public_id}/")

    page.locator(".strip").get_by_role("link", name="Golden hour").click()
    box = page.get_by_role("textbox", name="Next change")
    expect(box).to_have_attribute("placeholder", "This starts a new branch from turn 2")
    aside = send(page, "Night, with lanterns")
    assert aside.branch is not None
    assert (aside.branch.number, aside.branch.forked_from) == (1, picture(second))
    turning.done(aside, seed=70)
    page.wait_for_url(f"**/images/{picture(aside).public_id}/")
    expect(page.locator(".strip [aria-current]")).to_contain_text("Branch B · now")

    page.get_by_role("link", name="Compare with the picture before").click()
    slider = page.get_by_role("slider", name="Before and after")
    expect(slider).to_have_attribute("aria-valuetext", "50% before, 50% after")
    slider.focus()
    for key in ("ArrowRight", "Shift+ArrowRight"):
        page.keyboard.press(key)
    expect(slider).to_have_attribute("aria-valuenow", "61")
    page.keyboard.press("End")
    expect(slider).to_have_attribute("aria-valuenow", "100")
    assert broken_rules(page) == []

    page.get_by_role("link", name="Details").click()
    page.get_by_label("This turn").fill("Lantern night")
    page.get_by_label("The conversation").fill("Terracotta courtyard")
    page.get_by_role("button", name="Save the names").click()
    expect(heading).to_have_text("Terracotta courtyard")
    expect(page.locator(".strip [aria-current]")).to_contain_text("Lantern night")


def test_what_is_being_written_is_not_left_when_a_turn_is_ready(
    page: Page, site: str, user: User, first: Generation
) -> None:
    open_picture(page, site, first)
    second = send(page, "Make it golden hour")
    page.get_by_role("textbox", name="Next change").fill("and then")

    turning.done(second)

    expect(page.get_by_text("Turn 2 is ready. It stands in the strip of turns.").first).to_be_visible()
    expect(page.get_by_role("textbox", name="Next change")).to_have_value("and then")


def test_keys_walk_the_turns_and_reach_the_box(page: Page, site: str, user: User, first: Generation) -> None:
    second = refined(user, picture(first))
    open_picture(page, site, second)

    page.keyboard.press("ArrowLeft")
    page.wait_for_url(f"**/images/{picture(first).public_id}/")
    page.wait_for_function("window.easel?.references")
    page.keyboard.press("r")
    expect(page.get_by_role("textbox", name="Next change")).to_be_focused()
    page.keyboard.type("warmer")
    page.keyboard.press("Control+Enter")
    page.wait_for_url(re.compile("#turn-"))

    assert Generation.objects.latest("pk").prompt == "warmer"


def test_a_reference_goes_along(page: Page, site: str, user: User, first: Generation) -> None:
    open_picture(page, site, first)
    file = {"name": "pot.png", "mimeType": "image/png", "buffer": factories.picture(seed=5)}
    page.locator("input[name=files]").set_input_files(files=[file])  # type: ignore[list-item]
    expect(page.locator("[data-reference]")).to_have_count(1)

    turn = send(page, "Put this pot on the steps")

    assert turn.references.count() == 1


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_the_page_breaks_no_rule_of_accessibility(
    page: Page, site: str, user: User, first: Generation, theme: str, size: Any
) -> None:
    second = refined(user, picture(first), count=2)
    refined(user, picture(first), "Blue walls", seed=70)
    refine(user, picture(second), "Night")
    page.context.add_cookies([{"name": "theme", "value": theme, "url": site}])
    page.emulate_media(reduced_motion="reduce")

    for query in ("", "?panel=details", "?compare=1"):
        open_picture(page, site, second, query, size)
        assert broken_rules(page) == [], query
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


def test_it_all_works_without_scripts(
    browser: Any, live_server: Any, client: Any, user: User, first: Generation
) -> None:
    client.force_login(user)
    context = browser.new_context(java_script_enabled=False)
    for name, cookie in client.cookies.items():
        context.add_cookies([{"name": name, "value": cookie.value, "url": live_server.url}])
    page = context.new_page()
    page.goto(f"{live_server.url}/images/{picture(first).public_id}/")

    page.get_by_role("textbox", name="Next change").fill("Make it golden hour")
    page.get_by_role("button", name="Send · 2 credits").click()
    expect(page.get_by_text("Next in line")).to_be_visible()
    turning.done(Generation.objects.latest("pk"))
    page.get_by_role("link", name="Refresh").click()
    page.locator(".strip").get_by_role("link", name="Golden hour").click()
    page.get_by_role("link", name="Compare with the picture before").click()
    expect(page.locator(".compare img")).to_have_count(2)
    for shown in page.locator(".compare img").all():
        expect(shown).to_be_visible()
    page.get_by_role("link", name="Details").click()
    expect(page.get_by_label("This turn")).to_be_visible()
    context.close()


def test_a_picture_of_another_shape_is_compared_in_the_same_frame(
    page: Page, site: str, user: User, first: Generation
) -> None:
    turn = refine(user, picture(first), aspect_ratio="9:16")
    _deliver(turn, 90, 160)
    open_picture(page, site, turn, "?compare=1")

    boxes = [page.locator(f".compare-{side} img").bounding_box() for side in ("before", "after")]

    assert boxes[0] == boxes[1]


def _deliver(turn: Generation, width: int, height: int) -> None:
    from django.utils import timezone

    from generation import claims

    (claim,) = claims.take(limit=1, now=timezone.now())
    data = factories.picture(width, height, seed=3)
    factories.finish(claim, factories.begin(claim), [ingest.store(data, keep_bytes=True, max_bytes=10**6)])
    turn.refresh_from_db()
