"""The provider board in a real browser: accessible, narrow and wide, both themes, and without scripts."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import User
from generation.models import Attempt, ImageModel, Offer, Provider, ProviderHealth, ProviderTest
from tests import factories
from tests.generation.attempts import attempt

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
def boss() -> User:
    return factories.person(is_staff=True, is_superuser=True, name="Mara Lindqvist")


@pytest.fixture
def busy(boss: User, settings: Any) -> None:
    """Four providers, each in another state, with a day behind them."""
    from decimal import Decimal

    settings.CREDIT_USD = Decimal("0.025")
    now, generation = timezone.now(), factories.generation()
    Provider.objects.exclude(name="aimlapi").delete()
    first = Provider.objects.get(name="aimlapi")
    ProviderHealth.objects.create(provider=first, seconds_mean=8.9, last_success_at=now)
    model = ImageModel.objects.get(slug="gemini-2.5-flash-image")
    large = ImageModel.objects.get(slug="gemini-3-pro-image")
    for position, (name, title, costs) in enumerate(
        [("google", "Google", "0.039"), ("onemin", "1min.ai", "0.047"), ("sandbox", "Sandbox", "0")], start=2
    ):
        row = Provider.objects.create(
            name=name, title=title, format="aiml", base_url="http://127.0.0.1:1", position=position * 10,
            enabled=name != "sandbox",
        )  # fmt: skip
        Offer.objects.create(provider=row, model=model, vendor_model="m", costs={"": costs})
    google, onemin = Provider.objects.get(name="google"), Provider.objects.get(name="onemin")
    able = {"image_size": True, "multi_turn": True}
    Offer.objects.create(
        provider=google, model=large, vendor_model="pro", abilities=able, costs={"1K": "0.134", "4K": "0.24"}
    )
    ProviderHealth.objects.create(provider=google, seconds_mean=21.0, last_success_at=now)
    ProviderHealth.objects.create(provider=onemin, failures=5, open_until=now + timedelta(seconds=42))
    for number in range(30):
        at = now - timedelta(minutes=number * 46 + 1)
        attempt(generation, at=at, seconds=8 + number % 3)
        attempt(generation, at=at, seconds=4, provider="google")
    for number in range(4):
        attempt(
            generation, at=now - timedelta(minutes=number * 9 + 2), provider="onemin", seconds=None,
            status=Attempt.Status.NOT_ACCEPTED, detail="The image provider is busy.",
            vendor_text="upstream said: 503 Service Unavailable",
        )  # fmt: skip
    ProviderTest.objects.create(
        provider=onemin, by=boss, started_at=now - timedelta(seconds=4), ended_at=now, ok=False,
        code="provider_busy", detail="The image provider is busy.", vendor_text="503",
    )  # fmt: skip


def sign_in(page: Page, site: str, user: User, path: str) -> None:
    page.goto(f"{site}/accounts/login/?next={path}")
    page.get_by_label("E-mail").fill(user.email)
    page.get_by_label("Password", exact=True).fill("correct horse battery")
    page.get_by_label("Password", exact=True).press("Enter")
    page.wait_for_url(f"**{path}")
    page.wait_for_load_state("load")


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_the_board_breaks_no_rule_of_accessibility_and_fits(
    page: Page, site: str, boss: User, busy: None, theme: str, size: Any
) -> None:
    sign_in(page, site, boss, "/providers/")
    page.set_viewport_size(size)
    page.context.add_cookies([{"name": "theme", "value": theme, "url": site}])
    page.goto(f"{site}/providers/")
    page.wait_for_load_state("load")

    found = Axe().run(page, options=RULES).response["violations"]

    assert [f"{rule['id']}: {rule['nodes'][0]['html'][:200]}" for rule in found] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


def test_everybodys_board_breaks_no_rule_either(page: Page, site: str, busy: None) -> None:
    sign_in(page, site, factories.person(), "/providers/")

    found = Axe().run(page, options=RULES).response["violations"]

    assert [f"{rule['id']}: {rule['nodes'][0]['html'][:200]}" for rule in found] == []
    expect(page.get_by_role("heading", name="Providers", level=1)).to_be_visible()
    expect(page.locator(".provider")).to_have_count(3)


def test_a_test_shows_its_end_by_itself(page: Page, site: str, boss: User) -> None:
    sign_in(page, site, boss, "/providers/")
    page.get_by_role("button", name="Test AI/ML API").click()
    expect(page.locator("#provider-aimlapi")).to_contain_text("A test has been running since")

    ProviderTest.objects.update(ended_at=timezone.now(), ok=True, detail="A picture of 1024 × 1024 came.")

    expect(page.locator("#provider-aimlapi")).to_contain_text("Test passed")


def test_admins_switch_and_route_without_scripts(browser: Any, live_server: Any, boss: User) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, str(live_server.url), boss, "/providers/")
    page.get_by_role("switch", name="AI/ML API is used").click()
    expect(page.get_by_text("AI/ML API is off.")).to_be_visible()
    expect(page.locator("#provider-aimlapi .badge").first).to_have_text("Off")

    page.get_by_text("Cheapest").click()
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_role("radio", name="Cheapest")).to_be_checked()
    context.close()
