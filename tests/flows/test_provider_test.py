"""The test button through real processes: page, queue, worker, emulator, and the outcome on the page."""

import pytest
from playwright.sync_api import Page, expect

from tests.flows.conftest import Site

pytestmark = [
    pytest.mark.slow,
    pytest.mark.each_database,
    pytest.mark.needs_chromium,
    pytest.mark.timeout(240, method="thread"),
]


def test_an_admin_tests_a_provider_and_nobody_is_charged(page: Page, site: Site) -> None:
    page.goto(f"{site.address}/providers/")
    page.get_by_label("E-mail").fill("admin@easel.test")
    page.get_by_label("Password", exact=True).fill("easel-admin")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.goto(f"{site.address}/providers/")
    before = page.locator("#ring-number").inner_text()

    page.get_by_role("button", name="Test AI/ML API").click()

    row = page.locator("#provider-aimlapi")
    expect(row).to_contain_text("Test passed", timeout=60_000)
    expect(row).to_contain_text("A picture of 1024 × 1024 came.")
    page.reload()
    expect(page.locator("#ring-number")).to_have_text(before)
    expect(row).to_contain_text("Healthy")
    page.goto(f"{site.address}/gallery/")
    expect(page.locator(".tile")).to_have_count(0)
