"""From signing in to a stored picture, as a newcomer does it: real processes, a real browser."""

import io
import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests import factories, services
from tests.flows.conftest import Site

PROMPT = (
    "Combine the images so the T-Rex is wearing a business suit, sitting in a cozy small café, drinking from "
    "the mug. Blur the background slightly to create a bokeh effect."
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.each_database,
    pytest.mark.needs_chromium,
    pytest.mark.timeout(240, method="thread"),
]


@pytest.fixture
def complaints(page: Page) -> list[str]:
    """What the browser's console says went wrong; a breach of the content policy among it."""
    heard: list[str] = []
    page.on("console", lambda message: heard.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: heard.append(str(error)))
    return heard


def sample(folder: Path, name: str, seed: int) -> Path:
    """The shared sample picture, or one drawn in its place."""
    shared = services.SHARED_DATA / name
    if shared.is_file():
        return shared
    drawn = folder / name
    kind = "PNG" if name.endswith("png") else "JPEG"
    drawn.write_bytes(factories.picture(800, 600, kind=kind, seed=seed))
    return drawn


def sign_in(page: Page, site: Site) -> None:
    page.goto(site.address)
    page.get_by_label("E-mail").fill("demo@easel.test")
    page.get_by_label("Password", exact=True).fill("easel-demo")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Studio")).to_be_visible()


def test_a_newcomer_gets_a_picture_from_two_references_at_the_price_shown(
    page: Page, site: Site, tmp_path: Path, complaints: list[str]
) -> None:
    sign_in(page, site)
    before = page.locator("#ring-number").inner_text()
    page.get_by_label("Add reference pictures").set_input_files(
        [sample(tmp_path, "t-rex.png", 1), sample(tmp_path, "blue-mug.jpg", 2)]
    )
    references = page.locator("[data-reference]:not(.reference-busy) input:not([value=''])")
    expect(references).to_have_count(2, timeout=30_000)
    page.get_by_label("Prompt", exact=True).fill(PROMPT)
    page.get_by_role("button", name="Aspect ratio").click()
    page.get_by_text("4:3", exact=True).click()
    price = page.locator(".composer-end [data-price]").inner_text()
    page.evaluate("window.neverReloaded = true")
    other_tab = page.context.new_page()
    other_tab.goto(site.address)
    page.get_by_role("button", name="Generate").last.click()

    run = page.locator("[data-run][data-state=done]")
    expect(run).to_have_count(1, timeout=60_000)
    picture = run.locator("img.tile-picture")
    assert (picture.get_attribute("width"), picture.get_attribute("height")) == ("1184", "864")
    assert page.evaluate("window.neverReloaded") is True
    cost, left = (int(number.replace(",", "")) for number in re.findall(r"([\d,]+) (?:credits|left)", price))
    expect(page.locator("#ring-number")).to_have_text(f"{left:,}")
    # Only the stream tells another tab of a row that it has never had.
    expect(other_tab.locator("[data-run][data-state=done]")).to_have_count(1)
    expect(other_tab.locator("#ring-number")).to_have_text(f"{left:,}")
    other_tab.close()
    assert int(before.replace(",", "")) - left == cost

    picture.click()
    page.wait_for_url("**/images/*/")
    page.goto(f"{site.address}/gallery/")
    stored = page.locator(".tile a img").first
    expect(stored).to_be_visible()
    original = stored.evaluate("image => image.closest('a').href").rstrip("/").rsplit("/", 1)[-1]
    file = page.request.get(f"{site.address}/files/images/{original}/original")
    assert Image.open(io.BytesIO(file.body())).size == (1184, 864)
    assert complaints == []
    audit = site.manage("audit_ledger")
    assert audit.returncode == 0, audit.stdout + audit.stderr


def test_without_scripts_the_same_form_makes_the_picture(
    browser: Browser, site: Site, tmp_path: Path
) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    sign_in(page, site)
    page.get_by_label("Add reference pictures").set_input_files([sample(tmp_path, "t-rex.png", 1)])
    page.get_by_label("Prompt", exact=True).fill("A quiet harbour")
    page.get_by_role("button", name="Generate").last.click()

    done = page.locator("[data-run][data-state=done]")
    for _ in range(60):
        if done.count():
            break
        page.get_by_role("link", name="Refresh").click()
        page.wait_for_timeout(500)
    expect(done.locator("img.tile-picture")).to_have_attribute("width", "1024")
    expect(done.get_by_text("1 reference", exact=True)).to_be_visible()
