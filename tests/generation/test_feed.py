"""The feed: every state of a generation as a row, its words, places and sums."""

import re
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.template.loader import render_to_string
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from gallery import ingest
from generation import calls, claims, execution, feed, submission
from generation.models import Attempt, Generation, Provider
from generation.progress import Reason
from tests import factories

pytestmark = pytest.mark.django_db
TIMEOUT = Reason("provider_timeout", "This one didn't finish. The image provider took too long.")
REFUSED = Reason(
    "content_refused", "The model declined this prompt. Describe it in other words and try again."
)


@pytest.fixture
def user() -> User:
    return factories.person()


def shown(generation: Generation) -> feed.Row:
    (row,) = feed.present(Generation.objects.filter(pk=generation.pk).with_parts(), now=timezone.now())
    return row


def words(generation: Generation) -> str:
    """What a person reads in the row."""
    return " ".join(render_to_string("generation/_row.html", {"row": shown(generation)}).split())


def claim(generation: Generation) -> tuple[claims.Claim, Attempt]:
    (taken,) = claims.take(limit=1, now=timezone.now())
    assert taken.generation_id == generation.pk
    return taken, factories.begin(taken)


def finish(generation: Generation, pictures: int, short: Reason | None = None) -> None:
    taken, attempt = claim(generation)
    stored = [
        ingest.store(factories.picture(seed=seed), keep_bytes=True, max_bytes=1_000_000)
        for seed in range(pictures)
    ]
    factories.finish(taken, attempt, stored, short=short)


def fail(generation: Generation, reason: Reason) -> None:
    taken, attempt = claim(generation)
    calls.end_attempt(taken, attempt, Attempt.Status.REFUSED, reason, now=timezone.now())
    execution.fail(taken, reason, now=timezone.now())


def test_a_queued_row_says_its_place_and_what_is_on_hold(user: User) -> None:
    for _ in range(2):
        factories.generation(user)

    text = words(factories.generation(user, count=4))

    assert "3rd in line" in text
    assert "Cancel · free" in text
    assert "For what isn’t done by" in text
    assert "8 credits on hold" in text
    assert "Cancel" in text


def test_the_first_in_line_is_next(user: User) -> None:
    assert shown(factories.generation(user)).place == "Next in line"


def test_a_place_counts_people_in_turn(user: User) -> None:
    for _ in range(3):
        factories.generation(user)

    assert shown(factories.generation(factories.person())).place == "2nd in line"


def test_what_the_emulator_made_is_not_said_to_be_a_providers(user: User) -> None:
    made, shown_off = factories.generation(user), factories.generation(user)
    finish(made, 1)
    Provider.objects.update(emulated=True)
    finish(shown_off, 1)

    assert shown(made).provider == "AI/ML API"
    assert shown(shown_off).provider == "Built-in emulator"


def test_a_postponed_row_waits_for_a_provider(user: User) -> None:
    generation = factories.generation(user)
    Generation.objects.filter(pk=generation.pk).update(wake_at=timezone.now() + timedelta(seconds=25))

    text = words(generation)

    assert "Waiting for a provider" in text
    assert "Tries again in 25 s" in text


def test_a_running_row_has_a_slot_for_each_picture(user: User) -> None:
    generation = factories.generation(user, count=3, aspect_ratio="3:2")
    claim(generation)

    text = words(generation)

    assert text.count("tile-painting") == 3
    assert "ratio-3x2" in text
    assert 'aria-busy="true"' in text


def test_a_running_row_that_was_cancelled_is_stopping(user: User) -> None:
    generation = factories.generation(user)
    claim(generation)
    submission.cancel(generation=generation, now=timezone.now())

    text = words(generation)

    assert "Stopping" in text
    assert "Cancel" not in text


def test_a_running_row_says_how_long_it_takes_when_credits_come_back_and_what_cancelling_costs(
    user: User,
) -> None:
    done = factories.generation(user)
    finish(done, 1)
    done.attempts.update(started_at=timezone.now() - timedelta(seconds=40), ended_at=timezone.now())
    generation = factories.generation(user)
    claim(generation)

    text = words(generation)

    assert "about 40 s left" in text
    assert "If it isn’t done by" in text
    assert f"{generation.deadline_at:%H:%M}</time>, you get your credits back." in text
    assert "Cancel · up to 2 credits" in text
    assert "The provider can’t be stopped: what arrives is charged, up to 2 credits." in text
    assert 'name="expected" value="2"' in text


def test_a_waiting_row_says_when_it_should_be_done(user: User) -> None:
    done = factories.generation(user)
    finish(done, 1)
    done.attempts.update(started_at=timezone.now() - timedelta(seconds=40), ended_at=timezone.now())

    text = words(factories.generation(user))
    assert re.search(r"Next in line</b> · <span data-left=\"\d+\" data-queued>about 40 s</span>", text)


def test_a_done_row_has_its_pictures_and_what_was_charged(user: User) -> None:
    generation = factories.generation(user, count=2)
    finish(generation, 2)

    text = words(generation)

    assert text.count("tile-picture") == 2
    assert "4 credits" in text
    assert "refunded" not in text


def test_a_partly_failed_row_says_what_came_back_and_what_a_retry_costs(user: User) -> None:
    generation = factories.generation(user, count=4)
    finish(generation, 3, Reason("too_few_images", "The provider made 3 of 4 images."))

    text = words(generation)

    assert "This one didn’t finish" in text
    assert "The provider made 3 of 4 images." in text
    assert "2 credits refunded" in text
    assert "Try again · 2 credits" in text
    assert "6 credits" in text


def test_a_failed_row_says_that_nothing_was_charged(user: User) -> None:
    generation = factories.generation(user, count=4)
    fail(generation, TIMEOUT)

    text = words(generation)

    assert "This didn’t work" in text
    assert "The image provider took too long." in text
    assert "8 credits refunded — nothing was charged" in text
    assert "Try again · 8 credits" in text


def test_a_refused_row_offers_to_edit_the_prompt_and_no_retry(user: User) -> None:
    generation = factories.generation(user)
    fail(generation, REFUSED)

    text = words(generation)

    assert text.count("The model declined this prompt") == 1
    assert "Describe it in other words" in text
    assert "2 credits refunded — nothing was charged" in text
    assert "Edit prompt" in text
    assert "Try again" not in text


def test_a_cancelled_row_says_what_was_released(user: User) -> None:
    generation = factories.generation(user, count=4)
    submission.cancel(generation=generation, now=timezone.now())

    assert "Cancelled" in words(generation)
    assert "8 credits released" in words(generation)


def test_a_cancelled_row_leaves_the_feed_after_its_day(user: User) -> None:
    now = timezone.now()
    generation = factories.generation(user)
    submission.cancel(generation=generation, now=now)

    assert len(feed.page(user, now=now).rows) == 1
    assert feed.page(user, now=now + timedelta(days=1)).rows == []


def test_a_prompt_is_text_and_never_markup(user: User) -> None:
    assert "<b>bold" not in words(factories.generation(user, prompt="<b>bold"))


def test_days_are_named_and_summed_newest_first(user: User) -> None:
    now = timezone.now()
    for days in (40, 1, 0):
        generation = factories.generation(user)
        finish(generation, 1)
        Generation.objects.filter(pk=generation.pk).update(created_at=now - timedelta(days=days))

    today, yesterday, earlier = feed.page(user, now=now).days

    assert (today.name, yesterday.name) == ("Today", "Yesterday")
    assert str((now - timedelta(days=40)).day) in earlier.name
    assert (today.images, today.credits) == (1, 2)


def test_a_day_that_goes_on_on_the_next_page_has_no_sum(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "PAGE", 2)
    made = [factories.generation(user) for _ in range(3)]

    first = feed.page(user, now=timezone.now())
    second = feed.page(user, now=timezone.now(), before=made[1])

    assert first.older == str(made[1].public_id)
    assert [day.whole for day in first.days + second.days] == [False, False]
    assert [row.generation for row in second.rows] == [made[0]]
    assert second.older is None


def test_a_page_asks_the_same_number_of_queries_for_one_row_and_for_many(
    user: User,
) -> None:
    def queries(rows: int) -> int:
        for _ in range(rows):
            generation = factories.generation(user, references=None, count=2)
            finish(generation, 2)
        factories.generation(user)
        cache.clear()
        with CaptureQueriesContext(connection) as captured:
            for row in feed.page(user, now=timezone.now()).rows:
                render_to_string("generation/_row.html", {"row": row})
        Generation.objects.filter(user=user, status="queued").update(
            status="canceled", finished_at=timezone.now()
        )
        return len(captured)

    assert queries(1) == queries(6)
