"""What a page hears in a real browser: how much it then asks for, in what order, and how it hears on."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import User
from gallery.models import Image
from generation import feed
from generation.models import Attempt, Generation
from tests import factories
from tests.generation.test_studio_in_browser import finish, open_studio

pytestmark = [pytest.mark.needs_chromium, pytest.mark.django_db(transaction=True)]

# In the place of the browser's streams, and around what it fetches; each answer takes its time.
STAND_IN = """
window.streams = [];
window.EventSource = class extends EventTarget {
  static OPEN = 1;
  static CLOSED = 2;
  readyState = 1;
  constructor(address) { super(); this.address = String(address); window.streams.push(this); }
  close() { this.readyState = 2; }
  hear(kind, data, lastEventId = "") { this.dispatchEvent(new MessageEvent(kind, { data, lastEventId })); }
};
window.asked = [];
window.underWay = window.most = 0;
const real = window.fetch;
let rows = 0;
window.fetch = async (address, ...rest) => {
  window.asked.push({ address: String(address), at: performance.now() });
  window.underWay += 1;
  // Other scripts of the page ask for things of their own.
  const counts = rest[0]?.headers?.["X-Part"] === "row";
  if (counts) window.most = Math.max(window.most, (rows += 1));
  await new Promise((resolve) => setTimeout(resolve, 100));
  try { return await real(address, ...rest); } finally { window.underWay -= 1; rows -= Number(counts); }
};
"""


@pytest.fixture
def user() -> User:
    return factories.person()


@pytest.fixture
def site(live_server: Any, page: Page, user: User, client: Any) -> Iterator[str]:
    """The site's address, in a browser where the person is signed in and the console says nothing."""
    client.force_login(user)
    for name, cookie in client.cookies.items():
        page.context.add_cookies([{"name": name, "value": cookie.value, "url": live_server.url}])
    page.add_init_script(STAND_IN)
    heard: list[str] = []
    page.on("console", lambda message: heard.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: heard.append(str(error)))
    yield str(live_server.url)
    assert heard == []


def hear(page: Page, *generations: Generation) -> None:
    ids = [str(generation.public_id) for generation in generations]
    page.evaluate("ids => ids.forEach((id) => window.streams[0].hear('generation', id))", ids)


def until(page: Page, condition: str) -> None:
    """Waits for what JavaScript says; the page's content policy lets Playwright's own way fail."""
    for _ in range(400):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(condition)


def calm(page: Page) -> None:
    """All that was heard of has been asked for."""
    page.wait_for_timeout(200)
    until(page, "window.underWay === 0")


def asked(page: Page) -> list[str]:
    addresses: list[str] = page.evaluate("window.asked.map((one) => one.address)")
    return addresses


def times(page: Page, generation: Generation) -> int:
    return sum(str(generation.public_id) in address for address in asked(page))


def test_many_changes_at_once_are_a_few_fetches_and_what_is_not_shown_is_fetched_once(
    page: Page, site: str, user: User
) -> None:
    older = [factories.generation(user) for _ in range(6)]
    shown = [factories.generation(user) for _ in range(feed.PAGE)]
    open_studio(page, site)

    for _ in range(2):
        hear(page, *older, *shown)
        calm(page)

    assert 0 < page.evaluate("window.most") <= 8
    assert [times(page, generation) for generation in older] == [1] * len(older)
    assert min(times(page, generation) for generation in shown) >= 2
    expect(page.locator("[data-run]")).to_have_count(feed.PAGE)

    # And what is new is still shown.
    new = factories.generation(user)
    hear(page, new)
    expect(page.locator("[data-run]").first).to_have_id(f"run-{new.public_id}")


def test_those_behind_move_up_at_most_once_in_a_second(page: Page, site: str, user: User) -> None:
    behind, *others = [factories.generation(user) for _ in range(4)]
    open_studio(page, site)

    for _ in range(15):
        hear(page, others[-1])
        page.wait_for_timeout(100)
    calm(page)

    seconds = page.evaluate("(window.asked.at(-1).at - window.asked[0].at) / 1000")
    assert 1 <= times(page, behind) <= 2 + seconds
    assert times(page, behind) < times(page, others[-1])


def test_what_is_heard_at_a_calm_time_is_asked_for_at_once(page: Page, site: str, user: User) -> None:
    generation = factories.generation(user)
    open_studio(page, site)
    finish(generation)
    began = page.evaluate("performance.now()")

    hear(page, generation)

    expect(page.locator("[data-run]")).to_have_attribute("data-state", "done")
    assert page.evaluate("window.asked[0].at") - began < 200
    assert times(page, generation) == 1


def test_a_change_of_the_expected_time_alone_leaves_a_queued_row_where_it_is(
    page: Page, site: str, user: User
) -> None:
    finish(factories.generation(user))
    Attempt.objects.update(started_at=timezone.now() - timedelta(seconds=40), ended_at=timezone.now())
    cache.clear()
    generation = factories.generation(user)
    open_studio(page, site)
    left = page.locator(f"#run-{generation.public_id} [data-left]")
    before = int(left.get_attribute("data-left") or 0)
    page.evaluate("document.querySelector('[data-run]').kept = true")
    button = page.get_by_role("button", name="Cancel · free")
    button.focus()
    Attempt.objects.update(started_at=timezone.now() - timedelta(seconds=80))
    cache.clear()

    hear(page, generation)
    until(page, f"Number(document.querySelector('[data-left]').dataset.left) > {before + 30}")

    assert page.evaluate("document.querySelector('[data-run]').kept")
    expect(button).to_be_focused()
    # It counts down in the words the page was drawn with.
    left.evaluate("left => (left.dataset.left = Date.now() / 1000 + 600)")
    expect(left).to_have_text("about 10 min")


def test_without_a_stream_the_oldest_are_asked_for_first_and_then_the_others(
    page: Page, site: str, user: User
) -> None:
    made = [factories.generation(user) for _ in range(10)]
    open_studio(page, site)

    page.evaluate("window.streams[0].readyState = 2")

    until(page, "window.asked.length >= 9")
    assert [times(page, generation) for generation in made] == [1] * 8 + [0] * 2
    until(page, "window.asked.length >= 18")
    assert min(times(page, generation) for generation in made) == 1


@pytest.mark.parametrize("path", ["/", "/credits/", "/images/{image}/", "/settings/api-keys/"])
def test_a_stream_that_ended_for_good_is_opened_again_where_it_was(
    path: str, page: Page, site: str, user: User
) -> None:
    finish(factories.generation(user))
    page.clock.install()
    page.goto(site + path.format(image=Image.objects.get().public_id))
    until(page, "window.streams.length === 1")

    page.evaluate("window.streams[0].hear('credits', '', '12-3')")
    page.evaluate("window.streams[0].dispatchEvent(new Event('error'))")
    page.clock.run_for(10_000)
    assert page.evaluate("window.streams.length") == 1, "the browser itself opens that one again"

    page.evaluate("window.streams[0].readyState = 2; window.streams[0].dispatchEvent(new Event('error'))")
    page.clock.run_for(10_000)
    assert page.evaluate("window.streams.length") == 2
    assert page.evaluate("new URL(window.streams[1].address).searchParams.get('after')") == "12-3"
    # And it is listened to.
    before = len(asked(page))
    page.evaluate("window.streams[1].hear('credits', '', '13-3')")
    page.clock.run_for(1_000)
    until(page, f"window.asked.length > {before}")


def test_a_page_that_comes_back_without_a_place_asks_for_what_it_may_have_missed(
    page: Page, site: str
) -> None:
    page.clock.install()
    page.goto(f"{site}/settings/api-keys/")
    until(page, "window.streams.length === 1")
    page.evaluate("window.streams[0].dispatchEvent(new Event('open'))")
    page.clock.run_for(1_000)
    assert asked(page) == []

    page.evaluate("window.streams[0].close(); window.streams[0].dispatchEvent(new Event('error'))")
    page.clock.run_for(10_000)
    page.evaluate("window.streams[1].dispatchEvent(new Event('open'))")
    page.clock.run_for(1_000)

    assert len(asked(page)) == 1
