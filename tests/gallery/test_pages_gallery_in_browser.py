"""The gallery's page in a real browser: choosing, undoing, filters, scrolling, coming back, adding files."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Error, Page, expect

from accounts.models import User
from gallery import browsing, collections, ingest, keeping, tags, trash
from gallery.models import Favourite, Image
from tests import factories

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.needs_chromium,
    pytest.mark.slow,
    pytest.mark.timeout(300),
]
SILENCE = "retry: 60000\n\n"
SIZES = [(96, 64), (64, 96), (64, 64), (112, 64)]
DESK = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


@pytest.fixture
def owner() -> User:
    return factories.person(name="Mara Lindqvist")


@pytest.fixture
def there(page: Page, live_server: Any, client: Any, owner: User, settings: Any) -> Iterator[Page]:
    """Signed in, and failing on whatever the console complains of, the content policy above all."""
    client.force_login(owner)
    name = settings.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
    page.route("**/events?*", lambda route: route.fulfill(content_type="text/event-stream", body=SILENCE))
    page.route("**/events", lambda route: route.fulfill(content_type="text/event-stream", body=SILENCE))
    page.set_viewport_size(DESK)  # type: ignore[arg-type]
    complaints: list[str] = []
    page.on("console", lambda one: complaints.append(one.text) if one.type in ("error", "warning") else None)
    # A refused file is one, which the browser writes down too.
    complaints_meant = "status of 422"
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{live_server.url}/healthz")
    yield page
    assert [one for one in complaints if complaints_meant not in one] == []


def hang(owner: User, count: int) -> list[Image]:
    """Pictures of four shapes, the newest last."""
    originals = []
    for seed, (width, height) in enumerate(SIZES):
        data = factories.picture(width, height, seed=seed)
        originals.append(ingest.record(ingest.store(data, keep_bytes=True, max_bytes=10**7)))
    made = []
    for number in range(count):
        image = Image(
            owner=owner, original=originals[number % 4], prompt=f"picture {number}", provider="emulator"
        )
        keeping.keep(image)
        made.append(image)
    return made


def open_gallery(page: Page, path: str = "/gallery/") -> None:
    page.goto(page.url.split("/", 3)[0] + "//" + page.url.split("/", 3)[2] + path)
    # The keys and clicks begin with the scripts.
    ready(page, "window.easel?.ask && window.easel.grid")


def ready(page: Page, scripts: str) -> None:
    """Wait for the page's scripts. Playwright's own waiting breaks where the page is left meanwhile."""
    for _ in range(200):
        with suppress(Error):
            if page.evaluate(f"() => Boolean({scripts})"):
                return
        page.wait_for_timeout(100)
    raise AssertionError(scripts)


def toast(page: Page, words: str) -> Any:
    return page.locator(".toast").get_by_text(words)


def tile(page: Page, number: int) -> Any:
    return page.locator(".tile").filter(has=page.get_by_alt_text(f"picture {number}", exact=True))


def test_pictures_are_chosen_by_the_circle_by_shift_and_by_keys_and_the_trash_is_undone(
    there: Page, owner: User
) -> None:
    hang(owner, 8)
    open_gallery(there)
    count = there.locator("[data-choose-count]")

    tile(there, 7).hover()
    tile(there, 7).locator(".tile-check").click()
    expect(count).to_have_text("1 selected")
    tile(there, 4).locator("a").click(modifiers=["Shift"])
    expect(count).to_have_text("4 selected")
    tile(there, 3).locator("a").focus()
    there.keyboard.press("x")
    expect(count).to_have_text("5 selected")
    there.keyboard.press("Space")
    expect(count).to_have_text("4 selected")

    there.get_by_role("toolbar").get_by_role("button", name="Trash").click()
    expect(there.locator(".tile")).to_have_count(4)
    expect(toast(there, "4 images moved to the trash.")).to_be_visible()
    assert trash.of(owner).count() == 4

    there.get_by_role("button", name="Undo").click()
    expect(there.locator(".tile")).to_have_count(8)
    assert trash.of(owner).count() == 0


def test_all_that_are_found_are_chosen_and_the_number_is_said(
    there: Page, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(browsing.page_of.__kwdefaults__, "size", 6)
    hang(owner, 20)
    open_gallery(there)
    there.get_by_role("link", name="Select").click()

    there.get_by_role("button", name="Select all 20").click()
    tile(there, 19).locator("a").click()
    expect(there.locator("[data-choose-count]")).to_have_text("19 selected")
    there.get_by_role("toolbar").get_by_role("button", name="Favourite").click()

    expect(toast(there, "19 images added to your favourites.")).to_be_visible()
    assert Favourite.objects.filter(user=owner).count() == 19


def test_chosen_pictures_are_tagged_and_collected_in_a_dialog(there: Page, owner: User) -> None:
    (image,) = hang(owner, 1)
    open_gallery(there)
    tile(there, 0).locator("a").focus()

    there.keyboard.press("t")
    there.get_by_role("dialog").get_by_label("Tags").fill("golden hour")
    there.keyboard.press("Enter")
    expect(toast(there, "1 image tagged.")).to_be_visible()
    ready(there, "window.easel?.ask && window.easel.grid")

    there.mouse.move(0, 0)
    tile(there, 0).hover()
    tile(there, 0).get_by_role("button", name="More").click()
    there.get_by_role("button", name="Add to a collection").click()
    there.get_by_role("dialog").get_by_label("Name of the new collection").fill("Posters")
    there.get_by_role("button", name="Collect", exact=True).last.click()
    expect(toast(there, "1 image collected.")).to_be_visible()
    expect(there.locator("#sidebar-nav").get_by_text("Posters")).to_be_visible()
    assert [tag.name for tag in tags.of([image.pk])[image.pk]] == ["golden hour"]


def test_the_heart_of_a_tile_answers_at_once(there: Page, owner: User) -> None:
    hang(owner, 2)
    open_gallery(there)

    tile(there, 1).hover()
    with there.expect_response("**/favourite*"):
        tile(there, 1).get_by_role("button", name="Favourite").click()

    expect(tile(there, 1).locator(".tile-heart")).to_have_count(1)
    assert Favourite.objects.filter(user=owner).count() == 1


def test_press_and_hold_chooses_by_touch(
    browser: Any, live_server: Any, client: Any, owner: User, settings: Any
) -> None:
    hang(owner, 4)
    client.force_login(owner)
    name = settings.SESSION_COOKIE_NAME
    context = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True)
    context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
    page = context.new_page()
    page.route("**/events", lambda route: route.fulfill(content_type="text/event-stream", body=SILENCE))
    page.goto(f"{live_server.url}/gallery/")
    ready(page, "window.easel?.ask && window.easel.grid")
    box = tile(page, 3).bounding_box()
    at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}

    session = context.new_cdp_session(page)
    session.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [at]})
    expect(page.locator("[data-choose-count]")).to_have_text("1 selected")
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    expect(page.locator("[data-choose-count]")).to_have_text("1 selected")
    page.wait_for_timeout(500)
    tile(page, 2).locator("a").tap()
    expect(page.locator("[data-choose-count]")).to_have_text("2 selected")
    assert "/gallery/" in page.url
    context.close()


def test_a_filter_is_chosen_in_its_popover_and_taken_off_by_its_cross(there: Page, owner: User) -> None:
    hang(owner, 8)
    open_gallery(there)

    there.get_by_role("button", name="Aspect").click()
    there.locator("#filter-aspect").get_by_text("1:1", exact=True).click()
    there.locator("#filter-aspect").get_by_text("2:3", exact=True).click()
    there.keyboard.press("Escape")

    there.wait_for_url("**/gallery/?ratio=2%3A3&ratio=1%3A1")
    expect(there.locator(".tile")).to_have_count(4)
    expect(there.locator("[data-count]")).to_have_text("4 images")
    there.get_by_role("link", name="Without the filter aspect").click()
    expect(there.locator(".tile")).to_have_count(8)


def test_one_colour_is_one_click(there: Page, owner: User) -> None:
    hang(owner, 4)
    open_gallery(there)

    there.get_by_role("button", name="Colour").click()
    there.get_by_title("Teal").click()

    there.wait_for_url("**/gallery/?colour=teal")
    expect(there.get_by_role("button", name="Colour: Teal")).to_be_visible()


def test_the_search_suggests_tags_while_one_types(there: Page, owner: User) -> None:
    images = hang(owner, 3)
    tags.add(owner, [images[1].pk], ["golden hour"])
    open_gallery(there)

    there.keyboard.press("/")
    there.keyboard.type("gold")
    expect(there.get_by_role("option", name="golden hour")).to_be_visible()
    there.keyboard.press("ArrowDown")
    there.keyboard.press("Enter")
    expect(there.get_by_role("combobox", name="Search prompts")).to_have_value('tag:"golden hour" ')
    there.keyboard.press("Enter")

    there.wait_for_url("**/gallery/?q=*")
    expect(there.locator(".tile")).to_have_count(1)


def test_going_back_comes_to_the_same_picture_at_the_same_place(
    there: Page, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(browsing.page_of.__kwdefaults__, "size", 24)
    hang(owner, 72)
    there.set_viewport_size({"width": 900, "height": 500})
    open_gallery(there)
    for expected in (48, 72):
        there.mouse.move(450, 300)
        there.mouse.wheel(0, 100_000)
        expect(there.locator(".tile")).to_have_count(expected)
    there.locator(".tile").nth(40).scroll_into_view_if_needed()
    there.wait_for_url("**/gallery/?before=*")
    chosen = there.locator(".tile").nth(40)
    place, top = chosen.get_attribute("data-id"), chosen.bounding_box()["y"]  # type: ignore[index]

    chosen.locator("a").click()
    there.wait_for_url("**/images/**")
    there.go_back()
    ready(there, "window.easel?.grid")

    back = there.locator(f'.tile[data-id="{place}"]')
    expect(back).to_be_in_viewport()
    assert abs(back.bounding_box()["y"] - top) < 4  # type: ignore[index]


def test_nothing_moves_when_the_count_comes(there: Page, owner: User) -> None:
    hang(owner, 3)
    there.add_init_script(
        "window.moved = 0;"
        "new PerformanceObserver(all => { for (const one of all.getEntries()) window.moved += one.value })"
        ".observe({type: 'layout-shift', buffered: true})"
    )
    for width in (1440, 900, 390):
        there.set_viewport_size({"width": width, "height": 700})
        open_gallery(there)

        expect(there.locator("#count")).to_have_text("3 images")
        there.wait_for_timeout(200)
        # A line of text that comes above the pictures is 0.0097.
        assert there.evaluate("window.moved") < 0.005, width


def test_scrolling_up_brings_newer_pictures_without_a_jump(
    there: Page, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(browsing.page_of.__kwdefaults__, "size", 24)
    images = hang(owner, 72)
    there.set_viewport_size({"width": 900, "height": 500})
    open_gallery(there, f"/gallery/?before={images[36].pk}")
    first = tile(there, 35)
    top = first.bounding_box()["y"]

    there.mouse.move(450, 300)
    there.mouse.wheel(0, -100)

    expect(tile(there, 36)).to_have_count(1)
    there.wait_for_timeout(300)
    assert abs(first.bounding_box()["y"] - top) < 4
    shown = there.locator(".tile-label-prompt").all_text_contents()
    assert shown == sorted(shown, key=lambda words: -int(words.split()[1]))
    assert len(set(shown)) == len(shown)


def test_files_are_added_with_progress_and_a_refused_one_stays_to_be_read(
    there: Page, owner: User, tmp_path: Path
) -> None:
    hang(owner, 1)
    open_gallery(there)
    good, bad = tmp_path / "dunes.png", tmp_path / "notes.pdf"
    good.write_bytes(factories.picture(80, 60, seed=9))
    bad.write_bytes(b"%PDF-1.4")

    there.locator("[data-upload-form] input[type=file]").set_input_files([str(good), str(bad)])

    expect(
        there.locator(".upload-file").get_by_text("notes.pdf isn't a picture Easel can use.")
    ).to_be_visible()
    expect(there.locator(".upload-file")).to_have_count(1)
    assert Image.objects.filter(owner=owner, title="dunes").exists()


def test_pictures_of_a_collection_are_arranged_from_their_menu(there: Page, owner: User) -> None:
    images = hang(owner, 3)
    found = collections.create(owner, "Posters")
    collections.add(owner, found, [image.pk for image in images])
    open_gallery(there, f"/gallery/?collection={found.public_id}")

    tile(there, 2).hover()
    tile(there, 2).get_by_role("button", name="More").click()
    with there.expect_response("**/move"):
        there.get_by_role("button", name="Move before the last one").click()

    expect(there.locator(".tile img.tile-picture").nth(1)).to_have_attribute("alt", "picture 2")
    there.reload()
    expect(there.locator(".tile img.tile-picture").nth(1)).to_have_attribute("alt", "picture 2")


def test_keys_on_the_page_of_a_picture(there: Page, live_server: Any, owner: User) -> None:
    images = hang(owner, 2)
    there.goto(f"{live_server.url}/images/{images[1].public_id}/")
    ready(there, "window.easel?.singleKeys")

    with there.expect_response("**/favourite*"):
        there.keyboard.press("f")
    expect(there.locator(".image-head [data-favourite-form] button")).to_have_attribute(
        "aria-pressed", "true"
    )
    there.keyboard.press("t")
    expect(there.get_by_label("Add a tag", exact=True)).to_be_focused()
    there.keyboard.type("sea")
    there.keyboard.press("Enter")
    expect(there.get_by_role("link", name="sea", exact=True)).to_be_visible()
    ready(there, "window.easel?.singleKeys")
    there.locator("h1").click()
    there.keyboard.press("Backspace")

    there.wait_for_url(f"**/images/{images[0].public_id}/*")
    expect(toast(there, "1 image moved to the trash.")).to_be_visible()


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_gallerys_pages_keep_the_accessibility_rules(
    there: Page, live_server: Any, owner: User, theme: str, width: int
) -> None:
    images = hang(owner, 8)
    found = collections.create(owner, "Posters")
    collections.add(owner, found, [image.pk for image in images[:4]])
    tags.add(owner, [images[5].pk], ["sea", "golden hour"])
    trash.put(owner, [images[7].pk])
    there.set_viewport_size({"width": width, "height": 844})
    there.context.add_cookies([{"name": "theme", "value": theme, "url": live_server.url}])

    wrong = {}
    for path in (
        "/gallery/",
        "/gallery/?select=1",
        "/gallery/?colour=teal&ratio=1:1&tag=sea&q=nothing",
        f"/gallery/?collection={found.public_id}",
        "/gallery/collections",
        "/gallery/collections/new",
        "/gallery/tags",
        "/gallery/trash",
        "/gallery/trash/empty",
        f"/images/{images[5].public_id}/?panel=details",
    ):
        there.goto(f"{live_server.url}{path}")
        there.wait_for_load_state("networkidle")
        assert there.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        wrong[path] = broken_rules(there)
        if path == "/gallery/":
            there.get_by_role("button", name="Colour").click()
            there.wait_for_timeout(400)
            wrong["the colours"] = broken_rules(there)
            there.keyboard.press("Escape")

    assert {path: rules for path, rules in wrong.items() if rules} == {}


def broken_rules(page: Page) -> list[tuple[str, list[str]]]:
    return [
        (each["id"], [node["html"][:200] for node in each["nodes"]])
        for each in Axe().run(page).response["violations"]
        if each["impact"] in ("serious", "critical")
    ]


def test_the_page_works_without_scripts(
    browser: Any, live_server: Any, client: Any, owner: User, settings: Any
) -> None:
    hang(owner, 4)
    client.force_login(owner)
    name = settings.SESSION_COOKIE_NAME
    context = browser.new_context(java_script_enabled=False, viewport=DESK)
    context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
    page = context.new_page()
    page.goto(f"{live_server.url}/gallery/")

    page.get_by_role("button", name="Aspect").click()
    page.locator("#filter-aspect").get_by_text("1:1", exact=True).click()
    page.locator("#filter-aspect").get_by_role("button", name="Show").click()
    expect(page.locator(".tile")).to_have_count(1)
    page.get_by_role("link", name="Without the filter aspect").click()

    page.get_by_role("link", name="Select").click()
    page.locator(".tile-check").first.click()
    page.get_by_role("toolbar").get_by_role("button", name="Trash").click()
    expect(toast(page, "1 image moved to the trash.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".tile")).to_have_count(4)
    context.close()
