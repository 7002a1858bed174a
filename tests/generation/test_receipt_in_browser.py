"""Receipts, refunds and usage in a real browser: live, accessible, and without scripts."""

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from accounts import ledger
from accounts.models import Membership, Team, User
from generation.models import Generation
from tests import factories
from tests.api import rows

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
def site(live_server: Any, page: Page, complaints: list[str]) -> str:
    return str(live_server.url)


@pytest.fixture
def owner() -> User:
    return factories.person(name="Mara Lindqvist", credits=100)


@pytest.fixture
def done(owner: User) -> Generation:
    return rows.finished(owner, count=2)


def sign_in(page: Page, site: str, user: User, path: str) -> None:
    page.goto(f"{site}/accounts/login/?next={path}")
    page.get_by_label("E-mail").fill(user.email)
    page.get_by_label("Password", exact=True).fill("correct horse battery")
    page.get_by_label("Password", exact=True).press("Enter")
    page.wait_for_url(f"**{path}")
    page.wait_for_load_state("load")


def refund(done: Generation) -> None:
    ledger.refund(hold=done.hold, amount=3, key="1", reason="The mug is blurred", by=None)


@pytest.mark.parametrize("path", ["/gallery/", "/credits/", "/", "/settings/api-keys/"])
def test_a_refund_is_told_on_every_open_page_and_moves_its_balance(
    page: Page, site: str, owner: User, done: Generation, path: str
) -> None:
    page.set_viewport_size(DESK)
    # Without a number to go on from, the stream begins where it was answered.
    with page.expect_response(f"{site}/events**"):
        sign_in(page, site, owner, path)
    expect(page.locator("#ring-number")).to_have_text("96")

    refund(done)

    expect(page.locator("#toasts")).to_contain_text("3 credits refunded: The mug is blurred")
    expect(page.locator("#ring-number")).to_have_text("99")


def test_the_row_and_the_receipt_change_with_it(page: Page, site: str, owner: User, done: Generation) -> None:
    page.set_viewport_size(DESK)
    sign_in(page, site, owner, "/")
    refund(done)
    expect(page.locator(f"#run-{done.public_id} .refund")).to_have_text("3 credits refunded")

    page.get_by_role("link", name="Receipt").click()

    expect(page.locator(".timeline-refunded")).to_contain_text("3 credits refunded: The mug is blurred")
    page.locator(".timeline-refunded").get_by_role("link", name="in the statement").click()
    expect(page.locator("tr:target")).to_contain_text("The mug is blurred")


def test_an_admin_refunds_from_the_receipt_without_scripts(
    browser: Any, live_server: Any, owner: User, done: Generation
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page, path = context.new_page(), f"/receipts/{done.public_id}/"
    sign_in(page, str(live_server.url), factories.person(is_superuser=True), path)
    page.get_by_label("Credits", exact=True).fill("1")
    page.get_by_label("Reason").fill("The mug is blurred")
    page.get_by_role("button", name="Refund").click()

    expect(page.locator("#toasts")).to_contain_text("1 credit refunded to Mara Lindqvist")
    context.close()


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_the_pages_break_no_rule_of_accessibility_and_fit(
    page: Page, site: str, owner: User, done: Generation, theme: str, size: Any
) -> None:
    refund(done)
    Membership.objects.create(user=owner, team=Team.objects.create(name="Studio Nord"), role="manager")
    owner.is_superuser = True
    owner.save()
    sign_in(page, site, owner, "/credits/")
    page.set_viewport_size(size)
    page.context.add_cookies([{"name": "theme", "value": theme, "url": site}])
    for path in (f"/receipts/{done.public_id}/", "/usage/?whose=all", "/credits/?since=2026-01-01"):
        page.goto(site + path)
        page.wait_for_load_state("load")
        found = Axe().run(page, options=RULES).response["violations"]
        assert [f"{rule['id']}: {rule['nodes'][0]['html'][:200]}" for rule in found] == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], path
