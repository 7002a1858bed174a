"""The Studio in a real browser: accessibility, keys, the draft, short credits, a page that stays true."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Locator, Page, Route, expect

from accounts import ledger, sealing
from accounts.models import User
from gallery import ingest
from generation import claims, execution, submission
from generation.models import Attempt, Generation, ImageModel, Offer, Provider
from generation.progress import Reason
from tests import factories
from tests.gallery import heic

pytestmark = [pytest.mark.needs_chromium, pytest.mark.django_db(transaction=True)]

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1440, "height": 900}
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


@pytest.fixture
def complaints(page: Page) -> Iterator[list[str]]:
    """What the browser's console says went wrong; a breach of the content policy among it."""
    heard: list[str] = []
    page.on("console", lambda message: heard.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: heard.append(str(error)))
    yield heard
    assert heard == []


@pytest.fixture
def user() -> User:
    return factories.person(name="Mara Lindqvist")


@pytest.fixture
def site(live_server: Any, page: Page, user: User, client: Any, complaints: list[str]) -> str:
    """The studio's address, in a browser where the person is signed in."""
    client.force_login(user)
    cookies = [
        {"name": name, "value": cookie.value, "url": live_server.url}
        for name, cookie in client.cookies.items()
    ]
    page.context.add_cookies(cookies)  # type: ignore[arg-type]
    # A stream outlives its page by some seconds, and so this database; the flow tests listen to a real one.
    page.add_init_script("window.EventSource = class extends EventTarget { close() {} }")
    return str(live_server.url)


def claim(generation: Generation) -> tuple[claims.Claim, Any]:
    (taken,) = claims.take(limit=1, now=timezone.now())
    return taken, factories.begin(taken)


def finish(generation: Generation, *, short: Reason | None = None) -> None:
    taken, attempt = claim(generation)
    count = generation.count - bool(short)
    stored = [
        ingest.store(factories.picture(160, 120, seed=seed), keep_bytes=True, max_bytes=10**6)
        for seed in range(count)
    ]
    factories.finish(taken, attempt, stored, short=short)


def every_state(user: User) -> None:
    finish(factories.generation(user, aspect_ratio="4:3", prompt="two old mills " * 20, count=2))
    finish(
        factories.generation(user, aspect_ratio="4:3", count=2),
        short=Reason("too_few_images", "The provider made 1 of 2 images."),
    )
    for code in ("content_refused", "provider_timeout"):
        taken, _ = claim(factories.generation(user))
        execution.fail(taken, Reason(code, "It was not to be."), now=timezone.now())
    submission.cancel(generation=factories.generation(user), now=timezone.now())
    claim(factories.generation(user, count=2))
    factories.generation(user, count=4)


def open_studio(page: Page, site: str, *, theme: str = "dark", size: Any = DESK, path: str = "/") -> None:
    page.set_viewport_size(size)
    page.context.add_cookies([{"name": "theme", "value": theme, "url": site}])
    page.goto(site + path)
    page.wait_for_function("window.easel?.feed && window.easel?.composer")


def price(page: Page) -> Locator:
    return page.locator(".composer-end [data-price]")


def broken_rules(page: Page) -> list[str]:
    result = Axe().run(page, options=RULES)
    return [f"{rule['id']}: {rule['nodes'][0]['html'][:200]}" for rule in result.response["violations"]]


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_the_studio_breaks_no_rule_of_accessibility(
    page: Page, site: str, user: User, theme: str, size: Any
) -> None:
    every_state(user)
    open_studio(page, site, theme=theme, size=size)
    page.emulate_media(reduced_motion="reduce")

    assert broken_rules(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_an_open_picker_and_the_list_of_keys_break_none(page: Page, site: str, theme: str) -> None:
    open_studio(page, site, theme=theme)
    page.emulate_media(reduced_motion="reduce")
    page.get_by_role("button", name="Aspect ratio").click()
    assert broken_rules(page) == []
    page.keyboard.press("Escape")
    page.locator("[popovertarget=model-picker]").click()
    assert broken_rules(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Keyboard shortcuts").click()
    assert broken_rules(page) == []


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_sheet_of_a_phone_breaks_none(page: Page, site: str, theme: str) -> None:
    open_studio(page, site, theme=theme, size=PHONE)
    page.emulate_media(reduced_motion="reduce")
    page.locator("[data-composer-open]").click()

    expect(page.get_by_label("Prompt", exact=True)).to_be_focused()
    assert broken_rules(page) == []


def test_the_price_follows_the_count_without_delay(page: Page, site: str) -> None:
    open_studio(page, site)

    page.get_by_role("button", name="More images").click()
    page.get_by_label("Prompt", exact=True).focus()
    page.keyboard.press("Alt+ArrowUp")

    expect(price(page)).to_have_text("3 images · 6 credits · 994 left")


def test_what_is_changed_before_the_choices_come_stays_changed(page: Page, site: str) -> None:
    open_studio(page, site)
    held: list[Route] = []
    address = page.locator("#composer").get_attribute("data-choices-at")
    page.route(f"**{address}", lambda route: held.append(route))

    page.locator("[popovertarget=model-picker]").click()
    page.locator("#model-picker input[name=model]:not(:checked)").first.check(force=True)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="More images").click()
    page.get_by_label("Prompt", exact=True).fill("an old mill")
    expect(price(page)).to_contain_text("2 images")
    with page.expect_response(lambda response: response.url.endswith(str(address))):
        held[-1].continue_()

    expect(page.locator("[name=model]:checked")).to_have_count(1)
    page.get_by_label("Prompt", exact=True).focus()
    page.keyboard.press("Alt+ArrowUp")
    expect(price(page)).to_contain_text("3 images")
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("an old mill")


def test_a_fresh_page_asks_for_no_choices(page: Page, site: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.method == "POST" else None)

    open_studio(page, site)
    page.wait_for_load_state("networkidle")

    assert asked == []


def test_an_empty_prompt_sends_nothing(page: Page, site: str) -> None:
    open_studio(page, site)
    expect(page.locator("[data-generate]")).to_have_attribute("aria-disabled", "true")

    page.get_by_label("Prompt", exact=True).press("Control+Enter")

    expect(page.locator("#say")).to_have_text("Write a prompt first")
    assert not Generation.objects.exists()


def test_the_draft_survives_a_reload(page: Page, site: str, tmp_path: Path) -> None:
    picture = tmp_path / "mill.png"
    picture.write_bytes(factories.picture())
    open_studio(page, site)
    page.get_by_label("Prompt", exact=True).fill("an old mill")
    page.get_by_role("button", name="More images").click()
    page.get_by_label("Add reference pictures").set_input_files(picture)
    expect(page.locator(".reference:not(.reference-busy) input:not([value=''])")).to_have_count(1)

    page.reload()

    expect(page.get_by_label("Prompt", exact=True)).to_have_value("an old mill")
    expect(price(page)).to_contain_text("2 images")
    expect(page.locator(".reference")).to_have_count(1)


def test_a_reference_that_is_on_its_way_outlives_the_return_of_the_draft(
    page: Page, site: str, tmp_path: Path
) -> None:
    picture = tmp_path / "mill.png"
    picture.write_bytes(factories.picture())
    open_studio(page, site)
    address = page.locator("#composer").get_attribute("data-upload")
    held: dict[str, list[Route]] = {"script": [], "upload": []}
    page.route("**/js/composer*.js", lambda route: held["script"].append(route))
    page.route(f"**{address}", lambda route: held["upload"].append(route))
    page.reload(wait_until="commit")

    page.get_by_label("Add reference pictures").set_input_files(picture)
    expect(page.locator(".reference-busy")).to_have_count(1)
    for routes in (held["script"], held["upload"]):
        routes[0].continue_()
        page.wait_for_load_state()

    expect(page.locator(".reference:not(.reference-busy) input:not([value=''])")).to_have_count(1)


def test_a_phones_picture_is_added_though_the_browser_cannot_show_it(
    page: Page, site: str, tmp_path: Path
) -> None:
    photograph = tmp_path / "IMG_0042.HEIC"
    photograph.write_bytes(heic.picture())
    open_studio(page, site)

    page.get_by_label("Add reference pictures").set_input_files(photograph)

    expect(page.locator(".reference:not(.reference-busy) input:not([value=''])")).to_have_count(1)
    shown = page.get_by_role("img", name="IMG_0042.HEIC")
    expect(shown).to_be_visible()
    expect(shown).to_have_js_property("naturalWidth", 320)


def test_a_file_that_is_no_picture_is_told_and_nothing_is_added(
    page: Page, site: str, tmp_path: Path, complaints: list[str]
) -> None:
    (tmp_path / "notes.png").write_bytes(b"no picture at all")
    open_studio(page, site)

    page.get_by_label("Add reference pictures").set_input_files(tmp_path / "notes.png")

    expect(page.locator("#alert")).to_contain_text("notes.png isn't a picture Easel can use.")
    expect(page.locator(".reference")).to_have_count(0)
    # Chromium writes down every answer of 400 and above.
    complaints.clear()


def test_references_change_places_by_the_keyboard_and_go_by_their_button(
    page: Page, site: str, tmp_path: Path
) -> None:
    files = [tmp_path / f"{name}.png" for name in ("one", "two")]
    for seed, file in enumerate(files):
        file.write_bytes(factories.picture(seed=seed))
    open_studio(page, site)
    page.get_by_label("Add reference pictures").set_input_files(files)
    expect(page.locator(".reference:not(.reference-busy)")).to_have_count(2)

    page.get_by_role("button", name="Remove reference 2, two.png").press("Alt+ArrowLeft")
    moved = page.get_by_role("button", name="Remove reference 1, two.png")
    expect(moved).to_be_focused()
    moved.click()

    expect(page.locator(".reference img")).to_have_attribute("alt", "one.png")


def test_credits_that_run_short_are_said_before_the_click_and_the_rest_can_be_made(
    page: Page, site: str, user: User
) -> None:
    ledger.adjust(user=user, amount=-997, key="short", reason="to run short", by=None)
    open_studio(page, site)
    page.get_by_label("Prompt", exact=True).fill("a windmill")
    for _ in range(3):
        page.get_by_role("button", name="More images").click()

    expect(price(page)).to_have_text("4 images · 8 credits · 5 short")
    expect(page.locator("#refusal")).to_contain_text("4 images cost 8 credits, you have 3.")
    page.get_by_role("button", name="Make 1 for 2").click()

    expect(page.locator("[data-run]").first).to_contain_text("a windmill")
    made = Generation.objects.latest("pk")
    assert (made.prompt, made.count) == ("a windmill", 1)


def test_a_row_that_changed_is_shown_without_a_reload(page: Page, site: str, user: User) -> None:
    generation = factories.generation(user, aspect_ratio="4:3")
    open_studio(page, site)
    expect(page.locator("[data-run]")).to_have_attribute("data-state", "queued")
    assert page.title() == "(1) Studio – Easel"

    finish(generation)

    expect(page.locator("[data-run]")).to_have_attribute("data-state", "done", timeout=15_000)
    expect(page).to_have_title("Studio – Easel")
    expect(page.locator("[data-day-sum]").first).to_have_text("1 image · 2 credits")


def test_a_stream_that_missed_too_much_has_every_row_asked_for_again(
    page: Page, site: str, user: User
) -> None:
    page.add_init_script(
        "window.EventSource = class extends EventTarget"
        " { constructor() { super(); window.stream = this; } close() {} }"
    )
    changed = factories.generation(user)
    page.goto(f"{site}/")
    expect(page.locator("[data-run]")).to_have_count(1)
    # What is unfinished is asked for by itself after a while; this one has begun and ended unheard.
    finish(changed)
    new = factories.generation(user)
    finish(new)

    page.evaluate("window.stream.dispatchEvent(new MessageEvent('reset'))")

    expect(page.locator("[data-run]")).to_have_count(2)
    for generation in (changed, new):
        row = page.locator(f"#run-{generation.public_id}")
        expect(row).to_have_attribute("data-state", "done")
    expect(page.locator("[data-run]").first).to_have_id(f"run-{new.public_id}")


def test_cancelling_changes_the_row_in_its_place(page: Page, site: str, user: User) -> None:
    factories.generation(user)
    open_studio(page, site)

    page.get_by_role("button", name="Cancel · free “a lighthouse at dusk”").click()

    expect(page.locator("[data-run]")).to_contain_text("2 credits released")


def test_single_keys_work_outside_fields_and_can_be_switched_off(page: Page, site: str) -> None:
    open_studio(page, site)

    page.keyboard.press("/")
    expect(page.get_by_label("Prompt", exact=True)).to_be_focused()
    page.keyboard.type("is it a ? or a /")
    expect(page.locator("#shortcuts")).to_be_hidden()
    page.get_by_role("button", name="Keyboard shortcuts").click()
    page.get_by_role("switch").uncheck()
    page.keyboard.press("Escape")
    page.locator("#results").focus()
    page.keyboard.press("?")

    expect(page.locator("#shortcuts")).to_be_hidden()


def test_a_choice_changes_what_else_there_is_to_choose(page: Page, site: str) -> None:
    key = sealing.seal("key-of-tests")
    Provider.objects.filter(name__in=("google", "onemin")).update(enabled=True, sealed_key=key)
    page.goto(site)
    page.fill("#prompt", "a pier")
    composer = page.locator("#composer")
    price = composer.locator(".composer-end [data-price]")
    expect(price).to_contain_text("2 credits")

    page.click("[popovertarget=model-picker]")
    page.check("[name=model][value=gemini-3-pro-image]")
    expect(price).to_contain_text("8 credits")
    # The picker stays open, and the choice keeps the focus.
    expect(page.locator("#model-picker")).to_be_visible()
    expect(page.locator("[name=model][value=gemini-3-pro-image]")).to_be_focused()
    page.keyboard.press("Enter")

    page.click("[popovertarget=ratio-picker]")
    page.locator(".size-option", has_text="4K").click()
    expect(price).to_contain_text("14 credits")
    expect(page.locator("[data-ratio-pixels]")).to_have_text("4096 × 4096 px")
    page.keyboard.press("Escape")

    # What was chosen survives a reload, prices included.
    page.reload()
    expect(price).to_contain_text("14 credits")
    expect(page.locator("#prompt")).to_have_value("a pier")
    page.click("[popovertarget=model-picker]")
    page.check("[name=model][value='gemini-2.5-flash-image']")
    expect(page.locator("[name=provider][value=onemin]")).to_be_enabled()
    page.check("[name=provider][value=onemin]")
    expect(page.locator("[name=aspect_ratio]")).to_have_count(1)
    expect(price).to_contain_text("2 credits")


def test_a_cancel_that_costs_more_by_now_says_so_and_asks_again(
    page: Page, site: str, user: User, complaints: list[str]
) -> None:
    generation = factories.generation(user, count=2)
    open_studio(page, site)
    page.wait_for_selector("text=Cancel · free")
    claim(generation)

    page.get_by_role("button", name="Cancel · free").click()

    expect(page.locator(".toast")).to_contain_text("Cancelling can cost 4 credits by now, not 0.")
    button = page.get_by_role("button", name="Cancel · up to 4 credits")
    expect(button).to_be_visible()
    generation.refresh_from_db()
    assert generation.cancel_requested_at is None
    assert "422" in complaints.pop()
    button.click()
    expect(page.locator(".run-progress")).to_contain_text("Stopping")
    generation.refresh_from_db()
    assert generation.cancel_requested_at is not None


def test_what_is_left_counts_down(page: Page, site: str, user: User) -> None:
    finish(factories.generation(user))
    Attempt.objects.update(started_at=timezone.now() - timedelta(seconds=30), ended_at=timezone.now())
    claim(factories.generation(user))
    open_studio(page, site)
    left = page.locator("[data-left]")
    expect(left).to_have_text(re.compile(r"^about (30|2\d) s left$"))

    left.evaluate("left => (left.dataset.left = Date.now() / 1000 + 5)")
    expect(left).to_have_text(re.compile(r"^about [345] s left$"))
    left.evaluate("left => (left.dataset.left = Date.now() / 1000 - 5)")
    expect(left).to_have_text("any moment now")


def test_without_scripts_it_is_run_again_elsewhere(site: str, user: User, browser: Any, client: Any) -> None:
    other = Provider.objects.create(
        name="other", title="Other", format="aiml", base_url="http://127.0.0.1:1", position=50
    )
    model = ImageModel.objects.get(slug="gemini-2.5-flash-image")
    Offer.objects.create(provider=other, model=model, vendor_model="m")
    finish(factories.generation(user, count=2), short=Reason("too_few_images", "It made 1 of 2."))
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies(
        [{"name": name, "value": cookie.value, "url": site} for name, cookie in client.cookies.items()]
    )
    page = context.new_page()
    page.goto(site)

    page.get_by_role("button", name="Run again with Other · 2 credits").click()

    expect(page.get_by_role("button", name="Cancel · free")).to_be_visible()
    made = Generation.objects.latest("pk")
    assert (made.provider, made.count, made.retry_of) == ("other", 1, Generation.objects.earliest("pk"))
    context.close()
