"""Sharing in a real browser: the dialog saves each change, the public page works, also without scripts."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect

from accounts.models import Team, User
from gallery.models import Image, ShareLink
from tests import factories
from tests.gallery import shared

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.needs_chromium,
    pytest.mark.slow,
    pytest.mark.timeout(180),
]
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
# What a page that was meant to be refused makes the browser say.
EXPECTED = re.compile(r"status of (403|404|422|429)")


@pytest.fixture
def owner() -> User:
    person = factories.person(credits=100, name="Mara Lindqvist")
    shared.join(Team.objects.create(name="Studio Nord"), person)
    return person


@pytest.fixture
def image(owner: User) -> Image:
    return shared.image(owner, width=1248, height=832, title="Terracotta courtyard")


@pytest.fixture
def site(live_server: Any, settings: Any) -> str:
    settings.SITE_URL = live_server.url
    return str(live_server.url)


def sign_in(page: Page, client: Any, user: User, site: str, settings: Any) -> None:
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": site}])
    page.route("**/events?*", _silent)


def _silent(route: Route) -> None:
    route.fulfill(content_type="text/event-stream", body="retry: 60000\n\n")


@pytest.fixture
def complaints(page: Page) -> Iterator[list[str]]:
    """Fails on whatever the console complains of, the content policy above all."""
    heard: list[str] = []
    page.on(
        "console",
        lambda said: (
            heard.append(said.text)
            if said.type in ("error", "warning") and not EXPECTED.search(said.text)
            else None
        ),
    )
    page.on("pageerror", lambda error: heard.append(str(error)))
    yield heard
    assert heard == []


@pytest.fixture
def maras(page: Page, client: Any, owner: User, site: str, settings: Any, complaints: list[str]) -> Page:
    sign_in(page, client, owner, site, settings)
    return page


def in_theme(page: Page, theme: str, site: str) -> None:
    page.context.add_cookies([{"name": "theme", "value": theme, "url": site}])


def assert_accessible(page: Page) -> None:
    page.evaluate("Promise.all(document.getAnimations().map(one => one.finished.catch(() => {})))")
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": RULES["runOnly"]}})
    assert found.violations_count == 0, found.generate_report()


def test_the_dialog_shares_in_two_clicks_and_saves_each_change(
    maras: Page, image: Image, site: str, browser: Browser
) -> None:
    maras.set_viewport_size({"width": 1440, "height": 900})
    maras.goto(f"{site}/images/{image.public_id}/")
    maras.get_by_role("link", name="Share").first.click()
    dialog = maras.locator("dialog[open]")
    expect(dialog.get_by_role("heading", name="Share “Terracotta courtyard”")).to_be_visible()
    dialog.get_by_role("button", name="Public link").click()
    address = dialog.get_by_label("The link", exact=True)
    expect(address).to_have_value(re.compile(rf"^{re.escape(site)}/s/[\w-]{{24}}$"))
    link = ShareLink.objects.get()

    dialog.get_by_label("Show the prompt").check()
    expect(dialog.get_by_label("Show the prompt")).to_be_checked()
    dialog.get_by_label("Allow download").select_option("original")
    expect(dialog.get_by_text("Originals are given")).to_be_visible()
    dialog.get_by_role("switch", name="Password").check()
    expect(dialog.locator("#share-password")).to_be_focused()
    maras.keyboard.type("open sesame")
    maras.keyboard.press("Tab")
    expect(dialog.locator("#share-password")).to_have_attribute("placeholder", "Unchanged")

    link.refresh_from_db()
    assert (link.shows_prompt, link.download, bool(link.password)) == (True, "original", True)
    dialog.get_by_role("button", name="Revoke link").click()
    dialog.get_by_role("button", name="Revoke", exact=True).click()
    expect(dialog.get_by_role("button", name="Public link")).to_be_enabled()
    link.refresh_from_db()
    assert link.revoked_at is not None
    maras.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_a_wrong_change_is_said_in_the_dialog(maras: Page, owner: User, image: Image, site: str) -> None:
    shared.link(owner, image)
    maras.goto(f"{site}/images/{image.public_id}/")
    maras.get_by_role("link", name="Share").first.click()
    maras.get_by_role("link", name="Settings").click()

    maras.get_by_label("Views at most").fill("many")
    maras.keyboard.press("Enter")

    expect(maras.get_by_text("Write a whole number of views")).to_be_visible()
    assert ShareLink.objects.get().views_max is None


def test_a_password_opens_the_page_and_a_wrong_one_says_how_many_tries_are_left(
    page: Page, owner: User, image: Image, site: str, complaints: list[str]
) -> None:
    link = shared.link(owner, image, password="open sesame", shows_prompt=True, download="preview")
    page.goto(site + shared.path(link))
    page.locator("#password").fill("wrong one")
    page.get_by_role("button", name="View image").click()
    expect(page.get_by_text("That password doesn’t match. 4 tries left.")).to_be_visible()

    page.locator("#password").fill("open sesame")
    page.keyboard.press("Enter")

    picture = page.locator(".shared-picture")
    expect(picture).to_be_visible()
    assert picture.evaluate("img => img.decode().then(() => img.naturalWidth)") > 0
    expect(page.get_by_text(shared.PROMPT)).to_be_visible()
    with page.expect_download() as downloaded:
        page.get_by_role("link", name="Download").click()
    assert downloaded.value.suggested_filename.endswith(".webp")


def test_all_of_it_works_without_scripts(
    browser: Browser, client: Any, owner: User, image: Image, site: str, settings: Any
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, client, owner, site, settings)
    page.goto(f"{site}/images/{image.public_id}/")
    page.get_by_role("link", name="Share").first.click()
    page.get_by_role("button", name="Public link").click()
    page.locator("#share-has-password").check()
    page.locator("#share-password").fill("open sesame")
    page.get_by_role("button", name="Save").click()
    address = page.locator("#share-address").input_value()
    assert ShareLink.objects.get().password

    page.goto(address)
    page.locator("#password").fill("open sesame")
    page.get_by_role("button", name="View image").click()
    expect(page.locator(".shared-picture")).to_be_visible()
    context.close()


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("width", [1440, 390])
def test_the_pages_keep_the_accessibility_rules(
    maras: Page, owner: User, image: Image, site: str, theme: str, width: int
) -> None:
    link = shared.link(owner, image, shows_prompt=True, download="preview")
    several = shared.link(owner, image, shared.image(owner, seed=2))
    locked = shared.link(owner, image, password="open sesame")
    limited = shared.link(owner, image, views_max=3)
    maras.set_viewport_size({"width": width, "height": 900})
    in_theme(maras, theme, site)
    for path in (
        shared.path(link),
        shared.path(several),
        shared.path(locked),
        shared.path(limited),
        "/s/" + "A" * 24,
        "/share/",
        f"/share/new?image={image.public_id}",
        f"/share/{locked.public_id}",
        f"/share/{link.public_id}/revoke",
        "/share/revoke-all",
    ):
        maras.goto(site + path)
        assert_accessible(maras)
        wide = maras.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide == 0, path
    maras.goto(f"{site}/images/{image.public_id}/")
    maras.locator("[data-share]:visible").first.click()
    expect(maras.locator("dialog[open] [data-share-panel]")).to_be_visible()
    assert_accessible(maras)
    maras.get_by_role("link", name="Settings").first.click()
    expect(maras.get_by_role("switch", name="Show the prompt")).to_be_visible()
    assert_accessible(maras)


def test_the_theme_can_be_turned(
    page: Page, owner: User, image: Image, site: str, complaints: list[str]
) -> None:
    page.goto(site + shared.path(shared.link(owner, image)))
    page.get_by_role("button", name="Light or dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
