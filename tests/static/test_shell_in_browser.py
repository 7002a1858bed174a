"""What `js/shell.js` does on every page, seen on the one page that needs no sign-in."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.needs_chromium, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def shell(live_server: Any, page: Page) -> Page:
    page.clock.install()
    page.goto(f"{live_server.url}/accounts/login/")
    page.wait_for_function("window.easel")
    return page


def test_a_toast_is_shown_said_and_leaves_by_itself(shell: Page) -> None:
    shell.evaluate("easel.toast('4 images are ready.')")

    expect(shell.locator(".toast")).to_have_text("4 images are ready.")
    shell.clock.run_for(100)
    expect(shell.locator("#say")).to_have_text("4 images are ready.")
    shell.clock.run_for(6_000)
    expect(shell.locator(".toast")).to_have_count(0)


def test_a_toast_stays_while_someone_is_on_it(shell: Page) -> None:
    shell.evaluate("easel.toast('Copied')")
    shell.get_by_role("button", name="Dismiss").focus()
    shell.clock.run_for(30_000)

    expect(shell.locator(".toast")).to_have_count(1)
    shell.keyboard.press("Enter")
    expect(shell.locator(".toast")).to_have_count(0)


def test_at_most_two_toasts_are_shown_the_newest_last(shell: Page) -> None:
    shell.evaluate("['one', 'two', 'three'].forEach((text) => easel.toast(text))")

    expect(shell.locator(".toast")).to_have_text(["two", "three"])


def test_a_toast_cannot_write_markup(shell: Page) -> None:
    shell.evaluate("easel.toast('<b>bold</b>')")

    expect(shell.locator(".toast")).to_have_text("<b>bold</b>")


def test_an_error_is_said_at_once(shell: Page) -> None:
    shell.evaluate("easel.announce('2 credits refunded.', {urgent: true})")

    assert shell.locator("#alert").text_content() == "2 credits refunded."


def test_of_many_messages_in_three_seconds_the_newest_is_said(shell: Page) -> None:
    shell.evaluate("easel.announce('Queued')")
    shell.clock.run_for(10)
    expect(shell.locator("#say")).to_have_text("Queued")
    shell.evaluate("easel.announce('Started'); easel.announce('Image 1 of 4 is ready')")

    shell.clock.run_for(1_000)
    expect(shell.locator("#say")).to_have_text("Queued")
    shell.clock.run_for(2_500)
    expect(shell.locator("#say")).to_have_text("Image 1 of 4 is ready")


def test_a_submit_button_says_that_it_waits(shell: Page) -> None:
    shell.get_by_label("E-mail").fill("mara@easel.test")
    shell.get_by_label("Password", exact=True).fill("anything at all")
    shell.route("**/accounts/login/", lambda route: route.fulfill(status=204))
    button = shell.get_by_role("button", name="Sign in", exact=True)
    button.click(no_wait_after=True)

    expect(button).to_have_attribute("aria-busy", "true")
