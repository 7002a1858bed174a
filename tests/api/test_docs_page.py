"""The documentation page, in a real browser under the strict content policy."""

import re
from typing import Any

import pytest
from django.test import Client

from tests.api.conftest import caller


@pytest.mark.django_db
def test_the_page_has_no_inline_script_or_style(client: Client) -> None:
    answer = client.get("/api/v1/docs")
    page = answer.content.decode()

    assert "script-src 'self';" in f"{answer['Content-Security-Policy']};"
    assert not re.findall(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", page)


@pytest.mark.needs_chromium
@pytest.mark.django_db(transaction=True)
def test_a_call_is_tried_on_the_page_and_the_console_stays_empty(page: Any, live_server: Any) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    secret = caller().secret

    page.goto(f"{live_server.url}/api/v1/docs")
    page.click("button.authorize")
    page.fill(".auth-container input[type=text]", secret)
    page.click(".auth-btn-wrapper .authorize >> nth=0")
    page.click("button.btn-done")
    page.click("#operations-credits-get_credits .opblock-summary")
    page.click("#operations-credits-get_credits .try-out__btn")
    page.click("#operations-credits-get_credits .execute")

    answer = page.locator("#operations-credits-get_credits .live-responses-table")
    assert '"available": 1000' in answer.inner_text(timeout=20_000)
    assert said == []
