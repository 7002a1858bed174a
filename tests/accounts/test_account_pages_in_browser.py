"""The same pages in a real browser: accessibility, narrow screens, the content policy, the keyboard."""

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests import factories

pytestmark = [pytest.mark.needs_chromium, pytest.mark.django_db(transaction=True)]

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1440, "height": 900}
OPEN_PAGES = ["/accounts/login/", "/accounts/password/reset/"]
OWN_PAGES = ["/accounts/email/", "/accounts/password/change/", "/accounts/2fa/", "/accounts/sessions/"]
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
def site(live_server: Any, page: Page, complaints: list[str], settings: Any) -> str:
    # allauth's list of sessions asks for the person of each.
    settings.ZEAL_ALLOWLIST = [*settings.ZEAL_ALLOWLIST, {"model": "accounts.User"}]
    return str(live_server.url)


def sign_in(page: Page, site: str) -> None:
    user = factories.person(name="Mara Lindqvist")
    page.goto(f"{site}/accounts/login/?next=/accounts/email/")
    page.get_by_label("E-mail").fill(user.email)
    page.get_by_label("Password", exact=True).fill("correct horse battery")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/accounts/email/")


def open_in(page: Page, site: str, path: str, theme: str) -> None:
    page.context.add_cookies([{"name": "theme", "value": theme, "url": site}])
    page.goto(site + path)
    page.wait_for_load_state("load")


def broken_rules(page: Page) -> list[str]:
    result = Axe().run(page, options=RULES)
    return [f"{rule['id']}: {rule['nodes'][0]['html'][:200]}" for rule in result.response["violations"]]


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_signing_in_breaks_no_rule_of_accessibility(page: Page, site: str, theme: str, size: Any) -> None:
    page.set_viewport_size(size)
    for path in OPEN_PAGES:
        open_in(page, site, path, theme)
        assert broken_rules(page) == [], path


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_the_account_pages_break_no_rule_of_accessibility(
    page: Page, site: str, theme: str, size: Any
) -> None:
    sign_in(page, site)
    page.set_viewport_size(size)
    for path in OWN_PAGES:
        open_in(page, site, path, theme)
        assert broken_rules(page) == [], path


def test_nothing_scrolls_sideways_at_320_pixels(page: Page, site: str) -> None:
    sign_in(page, site)
    page.set_viewport_size({"width": 320, "height": 640})
    for path in OWN_PAGES:
        open_in(page, site, path, "dark")
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, path


def test_the_theme_changes_at_once_and_stays(page: Page, site: str) -> None:
    page.goto(f"{site}/accounts/login/")
    page.get_by_label("Light").check(force=True)
    assert page.evaluate("getComputedStyle(document.body).colorScheme") == "light"

    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "light"


def test_a_password_can_be_shown(page: Page, site: str) -> None:
    page.goto(f"{site}/accounts/login/")
    page.get_by_role("button", name="Show the password").click()

    assert page.get_by_label("Password", exact=True).get_attribute("type") == "text"


def test_the_keyboard_reaches_the_content_first_and_the_account_menu(page: Page, site: str) -> None:
    sign_in(page, site)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip-link"

    page.get_by_role("button", name="Your account").focus()
    page.keyboard.press("Enter")
    assert page.get_by_role("link", name="API keys").first.is_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#account-menu")).to_be_hidden()


def test_signing_out_takes_two_clicks_and_ends_at_the_sign_in(page: Page, site: str) -> None:
    sign_in(page, site)
    page.get_by_role("button", name="Your account").click()
    page.get_by_role("button", name="Sign out").click()

    page.goto(f"{site}/accounts/email/")
    assert "/accounts/login/" in page.url


def test_signing_in_needs_no_script(browser: Any, live_server: Any) -> None:
    user = factories.person()
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{live_server.url}/accounts/login/?next=/accounts/email/")
    page.get_by_label("E-mail").fill(user.email)
    page.get_by_label("Password", exact=True).fill("correct horse battery")
    page.get_by_label("Password", exact=True).press("Enter")

    page.wait_for_url("**/accounts/email/")
    context.close()
