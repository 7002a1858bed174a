"""The pages in a real browser: keys, scrolling, zoom, dialogs, and the accessibility rules in both themes."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect

from accounts import keys, ledger
from accounts.models import Hold, User
from gallery import browsing, ingest, keeping
from gallery.models import Image
from tests import factories

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.needs_chromium,
    pytest.mark.slow,
    pytest.mark.timeout(180),
]
A_KEY = re.compile(r"esl_[0-9A-Za-z]{50}")
SILENCE = "retry: 60000\n\n"
SIZES = [(96, 64), (64, 96), (64, 64), (112, 64)]


@pytest.fixture
def owner() -> User:
    return factories.person(credits=100, name="Mara Lindqvist", is_staff=True, is_superuser=True)


@pytest.fixture
def browser_page(page: Page, live_server: Any, client: Any, owner: User, settings: Any) -> Iterator[Page]:
    """Signed in, and failing on whatever the console complains of, the content policy above all."""
    client.force_login(owner)
    name = settings.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
    page.route("**/events?*", lambda route: route.fulfill(content_type="text/event-stream", body=SILENCE))
    complaints: list[str] = []
    page.on(
        "console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None
    )
    page.on(
        "response", lambda got: complaints.append(f"{got.status} {got.url}") if got.status >= 400 else None
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    assert complaints == []


def hang(owner: User, count: int) -> list[Image]:
    """Pictures of four shapes, the newest last."""
    originals = []
    for seed, (width, height) in enumerate(SIZES):
        data = factories.picture(width, height, seed=seed)
        originals.append(ingest.record(ingest.store(data, keep_bytes=True, max_bytes=10**7)))
    made = []
    for number in range(count):
        image = Image(owner=owner, original=originals[number % 4], prompt=f"picture {number}", credits=2)
        keeping.keep(image)
        made.append(image)
    return made


def test_arrows_move_through_the_grid_and_enter_opens(
    browser_page: Page, live_server: Any, owner: User
) -> None:
    hang(owner, 12)
    browser_page.goto(f"{live_server.url}/gallery/")
    stops = browser_page.locator('[data-grid] a[tabindex="0"]')
    expect(stops).to_have_count(1)

    stops.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft"):
        browser_page.keyboard.press(key)
    browser_page.keyboard.press("Enter")

    expect(browser_page.get_by_role("heading", level=1)).to_have_text("picture 10")


def test_pictures_of_a_row_end_at_one_height_in_their_own_ratio(
    browser_page: Page, live_server: Any, owner: User
) -> None:
    hang(owner, 24)
    browser_page.set_viewport_size({"width": 1440, "height": 900})
    browser_page.goto(f"{live_server.url}/gallery/")

    boxes = browser_page.locator(".justified > .tile").evaluate_all(
        "tiles => tiles.map(tile => { const box = tile.getBoundingClientRect();"
        " return [Math.round(box.top), box.height, box.width / box.height]; })"
    )

    shapes = [width / height for width, height in SIZES]
    for number, (_, _, ratio) in enumerate(boxes):
        assert ratio == pytest.approx(shapes[(23 - number) % 4], rel=0.01)
    for top in {box[0] for box in boxes}:
        heights = [height for row, height, _ in boxes if row == top]
        assert max(heights) - min(heights) < 1


def test_scrolling_brings_older_pictures_and_a_reload_comes_back_to_them(
    browser_page: Page, live_server: Any, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(browsing.page_of.__kwdefaults__, "size", 24)
    hang(owner, 72)
    browser_page.set_viewport_size({"width": 900, "height": 500})
    browser_page.goto(f"{live_server.url}/gallery/")
    tiles = browser_page.locator(".justified > .tile")

    for expected in (48, 72):
        browser_page.mouse.wheel(0, 100_000)
        expect(tiles).to_have_count(expected)
    browser_page.mouse.wheel(0, 100_000)

    browser_page.wait_for_url("**/gallery/?before=*")
    assert browser_page.locator(".gallery-day").count() == 1
    assert len(set(browser_page.locator(".tile-label-prompt").all_text_contents())) == 72
    browser_page.reload()
    expect(browser_page.get_by_role("link", name="Newer")).to_be_visible()


def test_slash_goes_to_the_search(browser_page: Page, live_server: Any, owner: User) -> None:
    hang(owner, 3)
    browser_page.goto(f"{live_server.url}/gallery/")

    browser_page.keyboard.press("/")
    browser_page.keyboard.type("picture 2")
    browser_page.keyboard.press("Enter")

    expect(browser_page.locator(".justified > .tile")).to_have_count(1)


def test_j_and_k_walk_and_escape_goes_back(browser_page: Page, live_server: Any, owner: User) -> None:
    images = hang(owner, 3)
    browser_page.goto(f"{live_server.url}/images/{images[1].public_id}/")
    heading = browser_page.get_by_role("heading", level=1)

    for key, shown in (("j", "picture 0"), ("k", "picture 1")):
        browser_page.keyboard.press(key)
        expect(heading).to_have_text(shown)
        browser_page.wait_for_load_state()  # the keys of the next page begin with its script
    browser_page.keyboard.press("Escape")
    browser_page.wait_for_url("**/gallery/")


def test_a_click_on_the_wall_zooms_and_escape_comes_back_to_the_page(
    browser_page: Page, live_server: Any, owner: User
) -> None:
    (image,) = hang(owner, 1)
    browser_page.emulate_media(reduced_motion="reduce")
    browser_page.goto(f"{live_server.url}/images/{image.public_id}/")
    browser_page.wait_for_load_state("networkidle")

    browser_page.locator("[data-zoom]").click()
    expect(browser_page.locator(".pswp__img:not(.pswp__img--placeholder)")).to_be_visible()
    browser_page.keyboard.press("Escape")

    expect(browser_page.locator(".pswp--open")).to_have_count(0)
    assert f"/images/{image.public_id}/" in browser_page.url


def test_a_hold_appears_on_the_open_credits_page(browser_page: Page, live_server: Any, owner: User) -> None:
    said = iter(["retry: 50\n\n", "event: credits\ndata:\n\n"])
    heard: list[str] = []

    def tell(route: Route) -> None:
        heard.append(route.request.url)
        body = next(said, SILENCE) if len(heard) == 1 or held else "retry: 50\n\n"
        route.fulfill(content_type="text/event-stream", body=body)

    held: list[Hold] = []
    browser_page.route("**/events?*", tell)
    browser_page.goto(f"{live_server.url}/credits/")
    expect(browser_page.locator(".balance-figure .display")).to_have_text("100")

    held.append(ledger.hold(user=owner, amount=8, key="a", reason="a new picture", by=owner))

    expect(browser_page.locator(".balance-figure .display")).to_have_text("92")
    expect(browser_page.locator("#ring-number")).to_have_text("92")
    expect(browser_page.get_by_text("a new picture")).to_be_visible()


def test_a_key_is_made_in_the_dialog(browser_page: Page, live_server: Any) -> None:
    browser_page.goto(f"{live_server.url}/settings/api-keys/")
    browser_page.get_by_role("link", name="New key").click()
    dialog = browser_page.get_by_role("dialog")

    dialog.get_by_label("Name").fill("Figma plugin")
    dialog.get_by_role("button", name="Make the key").click()

    expect(browser_page.get_by_label("The new key")).to_have_value(A_KEY)


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_pages_keep_the_accessibility_rules(
    browser_page: Page, live_server: Any, owner: User, theme: str, width: int
) -> None:
    images = hang(owner, 6)
    hold = ledger.hold(user=owner, amount=8, key="a", reason="picture", by=owner)
    ledger.capture(hold=hold, amount=6, reason="picture")
    ledger.hold(user=owner, amount=8, key="b", reason="another", by=owner)
    keys.create(user=owner, name="Batch", spend_limit=50)
    browser_page.set_viewport_size({"width": width, "height": 844})
    browser_page.context.add_cookies([{"name": "theme", "value": theme, "url": live_server.url}])

    found = {}
    for path in (
        "/gallery/",
        "/gallery/?q=nothing",
        f"/images/{images[2].public_id}/",
        "/credits/",
        "/settings/api-keys/",
        "/settings/api-keys/new/",
    ):
        browser_page.goto(f"{live_server.url}{path}")
        browser_page.wait_for_load_state("networkidle")
        assert browser_page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        violations = Axe().run(browser_page).response["violations"]
        found[path] = [
            (each["id"], [node["html"] for node in each["nodes"]])
            for each in violations
            if each["impact"] in ("serious", "critical")
        ]

    assert {path: list_ for path, list_ in found.items() if list_} == {}


def test_the_admin_works_under_the_content_policy(browser_page: Page, live_server: Any, owner: User) -> None:
    person = factories.person(credits=10)
    browser_page.goto(f"{live_server.url}/admin/accounts/user/")
    browser_page.locator(f'[name="_selected_action"][value="{person.pk}"]').check()
    browser_page.locator('select[name="action"]').select_option("credits_action")
    browser_page.get_by_role("button", name="Run").or_(browser_page.get_by_role("button", name="Go")).click()

    browser_page.get_by_label("Credits for each person").fill("90")
    browser_page.get_by_label("Reason").fill("For the campaign")
    browser_page.get_by_role("button", name="Move the credits").click()

    expect(browser_page.get_by_text("has 100 credits available now")).to_be_visible()


@pytest.mark.parametrize("path", ["/gallery/", "/credits/", "/settings/api-keys/new/"])
def test_a_page_works_without_scripts(
    browser: Any, live_server: Any, client: Any, owner: User, settings: Any, path: str
) -> None:
    hang(owner, 2)
    client.force_login(owner)
    name = settings.SESSION_COOKIE_NAME
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
    page = context.new_page()

    page.goto(f"{live_server.url}{path}")

    {"/gallery/": opens_a_picture, "/credits/": filters, "/settings/api-keys/new/": makes_a_key}[path](page)
    context.close()


def opens_a_picture(page: Page) -> None:
    page.locator(".tile a").first.click()
    page.get_by_role("link", name="Details").click()
    page.get_by_role("button", name="Everyone signed in").click()
    expect(page.get_by_role("button", name="Everyone signed in")).to_have_attribute("aria-pressed", "true")


def filters(page: Page) -> None:
    page.get_by_role("link", name="Grants").click()
    expect(page.get_by_text("for a test")).to_be_visible()
    page.get_by_text("Show as table").click()
    expect(page.get_by_role("columnheader", name="Credits spent")).to_be_visible()


def makes_a_key(page: Page) -> None:
    page.get_by_label("Name").fill("Batch")
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_label("The new key")).to_have_value(A_KEY)
