"""The admins' pages in a real browser: accessibility, narrow screens, the dialog, choosing, no scripts."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts import administration, bulk, ledger
from accounts.models import Notice, User
from tests import factories

pytestmark = [pytest.mark.needs_chromium, pytest.mark.django_db(transaction=True)]

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1440, "height": 900}
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


@pytest.fixture
def complaints(page: Page) -> Iterator[list[str]]:
    """What the browser's console says went wrong; a breach of the content policy among it."""
    heard: list[str] = []
    # That the server refused a form is no fault of the page, and Chromium says it in any case.
    page.on(
        "console",
        lambda said: heard.append(said.text) if said.type == "error" and "422" not in said.text else None,
    )
    page.on("pageerror", lambda error: heard.append(str(error)))
    yield heard
    assert heard == []


@pytest.fixture
def boss() -> User:
    return factories.person(is_staff=True, is_superuser=True, name="Mara Lindqvist")


@pytest.fixture
def tomas(boss: User) -> User:
    """Somebody with everything that a page can show."""
    now = timezone.now()
    user = factories.person(credits=60, name="Tomás Okafor")
    team = administration.create_team(by=boss, name="Campaigns", now=now)
    administration.move_to_team(by=boss, user=user, team=team, now=now)
    spent = ledger.hold(user=user, amount=22, key="a", reason="A courtyard at noon", by=user)
    ledger.capture(hold=spent, amount=22, reason="A courtyard at noon")
    terms: dict[str, Any] = {"by": boss, "period": "month", "reason": "Budget", "now": now}
    administration.set_allowance(team=team, kind="top_up", amount=30, **terms)
    administration.set_cap(user=user, allowed=30, **terms)
    administration.set_cap(team=team, allowed=900, **terms)
    queue: dict[str, Any] = {"by": boss, "reason": "Pitch on Friday", "now": now}
    administration.set_queue_rule(user=user, lane="express", concurrency_max=4, **queue)
    administration.set_queue_rule(team=team, lane="background", concurrency_max=12, **queue)
    Notice.objects.create(kind=Notice.Kind.AUDIT, key="audit", text="The audit found one thing.")
    factories.person(name="Olu Adeyemi-Featherstonehaugh-Cholmondeley", credits=0)
    return user


@pytest.fixture
def site(live_server: Any, page: Page, client: Any, boss: User, complaints: list[str]) -> str:
    client.force_login(boss)
    cookie = next(iter(client.cookies.values()))
    page.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": live_server.url}])
    return str(live_server.url)


def pages_of(tomas: User, boss: User) -> list[str]:
    team = tomas.membership.team
    plan = bulk.for_people(people=[tomas], amount=5, reason="x", title="One", key="k", by=boss)
    batch = bulk.keep(plan=plan, by=boss, now=timezone.now())
    own = [f"/people/{tomas.pk}/{part}" for part in ("", "credits/", "correct/", "team/")]
    rules = [f"/people/cap/person/{tomas.pk}/", f"/people/allowance/team/{team.pk}/"]
    rules += [f"/people/queue/person/{tomas.pk}/", f"/people/queue/team/{team.pk}/"]
    many = [f"/people/many/grant/?person={tomas.pk}", f"/people/batches/{batch.pk}/", "/people/import/"]
    return [
        "/people/",
        "/people/?q=zebra",
        *own,
        *rules,
        *many,
        "/people/teams/",
        f"/people/teams/{team.pk}/",
        "/people/log/",
    ]


def broken_rules(page: Page) -> list[str]:
    result = Axe().run(page, options=RULES)
    return [f"{rule['id']}: {rule['nodes'][0]['html'][:200]}" for rule in result.response["violations"]]


@pytest.mark.slow
@pytest.mark.timeout(240)  # some fourteen pages, each read whole by axe
@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_the_pages_break_no_rule_of_accessibility(
    page: Page, site: str, tomas: User, boss: User, theme: str, size: Any
) -> None:
    page.set_viewport_size(size)
    page.context.add_cookies([{"name": "theme", "value": theme, "url": site}])
    for path in pages_of(tomas, boss):
        page.goto(site + path)
        assert broken_rules(page) == [], path
    page.goto(f"{site}/people/")
    page.get_by_role("link", name="Grant credits to Tomás").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.evaluate("Promise.all(document.getAnimations().map((animation) => animation.finished))")
    assert broken_rules(page) == []


def test_nothing_scrolls_sideways_at_320_pixels(page: Page, site: str, tomas: User, boss: User) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    for path in pages_of(tomas, boss):
        page.goto(site + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, path


def test_a_grant_is_made_in_a_dialog_with_its_result_shown_before(page: Page, site: str, tomas: User) -> None:
    page.goto(f"{site}/people/?q=okafor")
    page.get_by_role("link", name="Grant credits to Tomás").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("#id_amount")).to_be_focused()
    dialog.get_by_role("button", name="+100").click()
    dialog.get_by_role("button", name="+100").click()

    expect(dialog.locator("[data-preview]")).to_contain_text("38")
    expect(dialog.locator("[data-preview-after]")).to_have_text("238")
    dialog.locator("#id_reason").fill("Second round")
    dialog.get_by_role("button", name="Grant 200 credits").click()

    expect(page.locator(".toast")).to_contain_text("200 credits granted to Tomás Okafor")
    expect(page.locator(".balance-cell")).to_contain_text("238")
    assert "?q=okafor" in page.url


def test_what_is_refused_is_said_in_the_dialog(page: Page, site: str, tomas: User) -> None:
    page.goto(f"{site}/people/{tomas.pk}/")
    page.get_by_role("link", name="Take back").click()
    dialog = page.get_by_role("dialog")
    dialog.locator("#id_amount").fill("39")
    expect(dialog.locator("[data-preview-after]")).to_have_text("only 38 can be taken back")
    dialog.locator("#id_reason").fill("x")
    dialog.get_by_role("button", name="Take back 39 credits").click()

    expect(dialog.locator(".field-error")).to_contain_text("has 38 credits available")
    expect(dialog.locator("#id_amount")).to_be_focused()
    assert ledger.available(tomas) == 38


def test_esc_closes_the_dialog_and_the_focus_returns(page: Page, site: str, tomas: User) -> None:
    page.goto(f"{site}/people/?q=okafor")
    opener = page.get_by_role("link", name="Grant credits to Tomás")
    opener.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")

    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(opener).to_be_focused()


def test_those_chosen_are_counted_and_given_to(page: Page, site: str, tomas: User) -> None:
    page.goto(f"{site}/people/")
    bar = page.locator("[data-bulk-bar]")
    expect(bar).to_be_hidden()
    page.get_by_label("Choose Tomás Okafor").check()
    page.get_by_label("Choose Olu").check()
    expect(bar).to_contain_text("2 selected")
    bar.get_by_role("button", name="Grant credits").click()
    page.locator("#id_amount").fill("5")
    page.locator("#id_reason").fill("Autumn")
    page.get_by_role("button", name="Look at it first").click()
    page.get_by_role("button", name="Give 10 credits to 2 people").click()

    expect(page.get_by_text("The same file or form gives nothing more")).to_be_visible()
    assert ledger.available(tomas) == 43


def test_everybody_on_the_page_is_chosen_at_once(page: Page, site: str, tomas: User) -> None:
    page.goto(f"{site}/people/")
    page.get_by_label("Choose everybody on this page").check()
    expect(page.locator("[data-bulk-count]")).to_have_text("3")
    page.get_by_role("button", name="Choose nobody").click()

    expect(page.locator("[data-bulk-bar]")).to_be_hidden()


def test_a_chosen_order_or_team_searches_at_once(page: Page, site: str, tomas: User) -> None:
    page.goto(f"{site}/people/")
    page.get_by_label("Team", exact=True).select_option("Campaigns")

    page.wait_for_url(re.compile(r"team=\d+"))
    expect(page.locator(".people tbody tr")).to_have_count(1)


def test_a_grant_and_its_preview_need_no_script(
    browser: Any, live_server: Any, client: Any, boss: User, tomas: User
) -> None:
    client.force_login(boss)
    cookie = next(iter(client.cookies.values()))
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": live_server.url}])
    page = context.new_page()
    page.goto(f"{live_server.url}/people/?q=okafor")
    page.get_by_role("link", name="Grant credits to Tomás").click()
    page.locator("#id_amount").fill("200")
    page.locator("#id_reason").fill("Second round")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("[data-preview]")).to_contain_text("238")
    assert ledger.available(tomas) == 38
    page.get_by_role("button", name="Grant", exact=True).click()

    page.wait_for_url(f"**/people/{tomas.pk}/")
    assert ledger.available(tomas) == 238
    context.close()
