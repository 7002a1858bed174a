"""One claimed generation on its way: recover what an earlier worker sent, call for what is open, deliver."""

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ParamSpec, TypeVar

import structlog

from gallery import fitting, ingest
from generation import calls, catalog, execution, health, late, outputs, routing, specs
from generation.adapters import AdapterSource
from generation.answers import Answers
from generation.calls import Beginning, CancelRequested, OutcomeLost, Sending
from generation.catalog import Model, Offer
from generation.claimed import Fenced
from generation.claims import Claim
from generation.desk import AWAY, Desk, HandedBack
from generation.health import NotNow
from generation.models import Attempt, Generation
from generation.progress import Progress, Reason, progress
from generation.providers.base import Adapter, Answer, Finder, Spec
from generation.providers.errors import Code, NotAccepted, OutcomeUnknown, ProviderError

log = structlog.get_logger(__name__)
P = ParamSpec("P")
T = TypeVar("T")

# Left of the deadline for fetching, checking and storing once the provider has answered.
DELIVERY_SECONDS = 30
CALL_SECONDS_MAX = 180
# With less left nothing is sent: it would be paid for and come too late.
CALL_SECONDS_MIN = 5
PAUSE_MAX_SECONDS = 60.0
# Between looks at whether a provider that is paused or full can be asked again.
LOOK_AGAIN_SECONDS = 15.0
# A provider that works is written down as working this often, by each worker.
SUCCESS_SECONDS = 1.0
LOST = Reason("outcome_unknown", "The connection to the provider broke before it answered.")
DEADLINE = Reason("deadline_passed", "This took too long.")
NOBODY = Reason("no_provider", "No provider can make this now. It is tried again by itself.")
NEVER = Reason("no_provider", "No provider that is set up can make this. Ask your admin.")


async def serve(claim: Claim, generation: Generation, *, adapters: AdapterSource, desk: Desk) -> None:
    """Bring the claimed generation to its end, or back into the queue."""
    try:
        offered = await desk.catalog()
        try:
            model = offered.find(generation.model)
        except catalog.UnknownModel:
            await desk.rows(execution.fail, claim, NEVER, now=desk.now())
            return
        await _Serving(claim, generation, model, offered, adapters, desk).run()
    except Fenced:
        log.info("fenced off", generation=claim.generation_id, attempt=claim.attempt)


class _Serving:
    def __init__(
        self,
        claim: Claim,
        generation: Generation,
        model: Model,
        offered: catalog.Catalog,
        adapters: AdapterSource,
        desk: Desk,
    ) -> None:
        self.claim, self.generation, self.model, self.desk = claim, generation, model, desk
        self.catalog, self.adapters = offered, adapters
        self.attempts: list[Attempt] = list(generation.attempts.all())
        self.wanted = specs.wanted(generation, model)
        self.answers = Answers(claim, generation, model, desk)
        # Providers that did not take the work under this claim, and what they said last.
        self.tried: dict[str, NotAccepted] = {}

    async def run(self) -> None:
        # One after another: of two calls without an id, a vendor's request can be either's.
        for attempt in self._progress().pending:
            await self._recover(attempt)
        while True:
            unseen = self.answers.unseen(self._progress())
            await side_by_side(self._look_at(attempt) for attempt in unseen)
            now = self._progress()
            if not now.open:
                return await self._finish(now)
            if self.desk.leaving:
                raise HandedBack
            if self._seconds_left() < CALL_SECONDS_MIN:
                return await self._finish(now, unmade=DEADLINE)
            try:
                sendings, again_at = await self._choose(now)
                if not sendings:
                    return await self._wait_or_end(now, again_at)
                await side_by_side(self._call(attempt, offer) for attempt, offer in sendings)
            except CancelRequested:
                return await self._stop(now)
            except OutcomeLost:
                # Another look at the rows, which say more than ours.
                raise Fenced(self.claim) from None

    def _progress(self) -> Progress:
        return progress(count=self.generation.count, attempts=self.attempts)

    # --- Who is asked -----------------------------------------------------------------------------

    async def _choose(self, now: Progress) -> tuple[list[tuple[Attempt, Offer]], datetime | None]:
        """Begin as many calls for the open places as can be made now; else when to look again."""
        if self.attempts:
            await self._look_around()
        begun = await self._off_loop(specs.turn, self.generation)
        moment = self._now()
        ranking = routing.rank(
            self.catalog,
            self.model,
            self.wanted,
            now=moment,
            provider=self.generation.provider,
            holds_state=begun.holder(self.model) if begun else "",
            tried=self.tried,
            image_size=self.generation.image_size,
        )
        passed_over = list(ranking.passed_over)
        again = [ranking.again_at] if ranking.again_at else []
        left = list(now.open)
        sent: list[tuple[Attempt, Offer]] = []
        for candidate in ranking.candidates if left else ():
            offer = candidate.offer
            if self.adapters.of(offer.provider) is None:
                reason = "It can't be reached as it is set up."
                passed_over.append(routing.PassedOver(offer.provider.name, reason))
                continue
            note = self._note(candidate, passed_over, begun)
            begun_here, busy = await self._begin_all(offer, left, note, alone=not sent)
            sent += begun_here
            left = left[sum(len(attempt.positions) for attempt, _ in begun_here) :]
            if busy is not None:
                passed_over.append(routing.PassedOver(offer.provider.name, busy.reason))
                again.append(busy.again_at)
            if not left:
                break
        return sent, min(again, default=None)

    async def _begin_all(
        self, offer: Offer, left: list[int], note: dict[str, object], *, alone: bool
    ) -> tuple[list[tuple[Attempt, Offer]], NotNow | None]:
        """Begin calls at one provider for as many of the places as it takes; and why not for all.

        What has been begun is called whatever comes after it; `alone` says that nothing has been so far.
        """
        sent: list[tuple[Attempt, Offer]] = []
        size = max(1, offer.abilities.count_max)
        for first in range(0, len(left), size):
            try:
                sent.append((await self._begin(offer, tuple(left[first : first + size]), note), offer))
            except NotNow as busy:
                return sent, busy
            except Exception:
                if alone and not sent:
                    raise
                log.exception("a further call could not be begun", generation=self.claim.generation_id)
                break
        return sent, None

    async def _look_around(self) -> None:
        """See what has changed of providers since this claim began: circuits, rests, switches."""
        self.catalog = await self.desk.catalog(fresh=True)
        self.model = self.catalog.find(self.generation.model)

    def _note(
        self,
        candidate: routing.Candidate,
        passed_over: list[routing.PassedOver],
        begun: specs.Turn | None,
    ) -> dict[str, object]:
        """What the receipt says of the choice."""
        note: dict[str, object] = {
            "reason": candidate.reason,
            "passed_over": [{"provider": one.provider, "reason": one.reason} for one in passed_over],
        }
        if begun is not None and begun.remembered and not begun.goes_on_at(self.model, candidate.offer):
            note["restarted"] = True
        return note

    async def _begin(self, offer: Offer, places: tuple[int, ...], note: dict[str, object]) -> Attempt:
        with_references = self.wanted.references > 0
        sending = Sending(offer, places, references=with_references, choice=dict(note))
        try:
            attempt = await self.desk.together_once(
                calls.begin, Beginning(self.claim, self.generation, sending)
            )
        except AWAY:
            # It may have been written down all the same, and nothing will be sent.
            await self.desk.rows(calls.take_back, self.claim, known=self.attempts)
            raise
        self.attempts.append(attempt)
        return attempt

    # --- The call ---------------------------------------------------------------------------------

    async def _call(self, attempt: Attempt, offer: Offer) -> None:
        adapter = self.adapters.of(offer.provider)
        assert adapter is not None
        try:
            spec = await self._spec(attempt, offer)
        except (fitting.CannotFit, OSError) as error:
            return await self._failed(attempt, _unfit(error))

        async def accepted(vendor_id: str) -> None:
            attempt.vendor_id = vendor_id
            # An id by which nothing can be found again is written with the call's end.
            if offer.abilities.resumable:
                await self._accepted(attempt, vendor_id)

        if self.desk.leaving:
            await self._end_attempt(attempt, Attempt.Status.NOT_ACCEPTED, calls.UNSENT)
            raise HandedBack

        try:
            answer = await self.desk.outside(adapter.generate(spec, accepted=accepted))
        except OutcomeUnknown as error:
            await self._resume(attempt, offer, adapter, spec, error)
        except ProviderError as error:
            await self._failed(attempt, error)
        else:
            await self._came(attempt, offer, answer)

    async def _accepted(self, attempt: Attempt, vendor_id: str) -> None:
        try:
            await self.desk.rows(calls.accepted, self.claim, attempt, vendor_id=vendor_id)
        except Fenced:
            # By it the vendor can be asked later what became of the call.
            await self.desk.rows(late.keep_id, attempt, vendor_id)
            raise

    async def _recover(self, attempt: Attempt) -> None:
        """An earlier worker died after it sent: ask by the vendor's id, else never pay again."""
        offer = self.model.offers.get(attempt.provider)
        adapter = self.adapters.of(offer.provider) if offer else None
        if offer is None or adapter is None:
            return await self._end_attempt(attempt, Attempt.Status.OUTCOME_UNKNOWN, LOST)
        try:
            spec = await self._spec(attempt, offer)
        except (fitting.CannotFit, OSError):
            return await self._end_attempt(attempt, Attempt.Status.OUTCOME_UNKNOWN, LOST)
        await self._resume(attempt, offer, adapter, spec, None)

    async def _resume(
        self, attempt: Attempt, offer: Offer, adapter: Adapter, spec: Spec, error: OutcomeUnknown | None
    ) -> None:
        """What became of a call whose answer did not come, as far as the vendor can say."""
        left = self._seconds_left()
        spec = replace(spec, deadline_seconds=max(1.0, min(left, CALL_SECONDS_MAX)))
        vendor_id = attempt.vendor_id
        if offer.abilities.resumable and not vendor_id and isinstance(adapter, Finder) and left > 1:
            vendor_id = await self._find(attempt, adapter, spec)
        if not (offer.abilities.resumable and vendor_id and left > 1):
            return await self._lost(attempt, error)
        try:
            answer = await self.desk.outside(adapter.resume(vendor_id, spec))
        except ProviderError as again:
            return await self._failed(attempt, again)
        await self._came(attempt, offer, answer)

    async def _find(self, attempt: Attempt, adapter: Finder, spec: Spec) -> str:
        """The vendor's id of a call that broke before it was told, when exactly one can be it."""
        taken = await self.desk.rows(calls.vendor_ids, attempt.provider)
        try:
            found: str | None = await adapter.find(spec, since=attempt.started_at, taken=taken)
        except OutcomeUnknown:
            return ""
        if not found:
            return ""
        adopted: bool = await self.desk.rows(calls.adopt, self.claim, attempt, vendor_id=found)
        return found if adopted else ""

    async def _lost(self, attempt: Attempt, error: OutcomeUnknown | None) -> None:
        if error is not None:
            return await self._failed(attempt, error)
        await self._end_attempt(attempt, Attempt.Status.OUTCOME_UNKNOWN, LOST)

    async def _failed(self, attempt: Attempt, error: ProviderError) -> None:
        match error:
            case NotAccepted():
                status = Attempt.Status.NOT_ACCEPTED
                self.tried[attempt.provider] = error
            case OutcomeUnknown():
                status = Attempt.Status.OUTCOME_UNKNOWN
            case _:
                status = Attempt.Status.REFUSED
        try:
            await self._end_attempt(attempt, status, Reason(error.code, error.detail), error)
        except Fenced:
            if not isinstance(error, OutcomeUnknown):
                await self.answers.too_late(attempt, images=0, cost=error.cost)
            raise
        self.desk.forget_news(attempt.provider)
        await self.desk.rows(health.failed, attempt.provider, error, now=self._now())

    async def _came(self, attempt: Attempt, offer: Offer, answer: Answer) -> None:
        await self._well(attempt, await self.answers.keep(attempt, offer, answer))

    async def _look_at(self, attempt: Attempt) -> None:
        origins = routing.trusted_origins(self.catalog.providers.get(attempt.provider))
        await self.answers.look_at(attempt, trusted_origins=origins)

    async def _well(self, attempt: Attempt, now: datetime) -> None:
        """The provider works; of one that is known to, a second's successes are told once."""
        known = self.catalog.providers.get(attempt.provider)
        ailing = known is None or known.health.failures or known.health.open_until
        if self.desk.is_news(attempt.provider, seconds=0.0 if ailing else SUCCESS_SECONDS):
            seconds = (now - attempt.started_at).total_seconds()
            await self.desk.rows(health.succeeded, attempt.provider, seconds=seconds, now=now)

    # --- The ends ---------------------------------------------------------------------------------

    async def _finish(self, now: Progress, *, unmade: Reason | None = None) -> None:
        """Deliver what there is; `unmade` is why open places stay empty."""
        delivered = self.answers.delivered(now)
        if self._now() >= self.generation.deadline_at:
            # The refund was promised for this moment, whatever has come.
            delivered, unmade = [], DEADLINE
        reasons = [*now.closed.values(), *([unmade] if unmade else [])]
        if not delivered:
            reason = reasons[0] if reasons else LOST
            return await self.desk.rows(execution.fail, self.claim, reason, now=self._now())
        short = reasons[0] if reasons else None
        staged = [
            part["staged"] for attempt in self.attempts for part in attempt.answer if part.get("staged")
        ]
        await self.desk.rows(
            outputs.finish, self.claim, self.generation, delivered, short=short, now=self._now()
        )
        for name in staged:
            await self.desk.files(ingest.unstage, name)

    async def _stop(self, now: Progress) -> None:
        """The person cancelled it: what has arrived is theirs, the rest is not asked for."""
        if now.held or now.closed:
            return await self._finish(now, unmade=Reason("canceled", "You cancelled the rest."))
        await self.desk.rows(execution.stop, self.claim, now=self._now())

    async def _wait_or_end(self, now: Progress, again_at: datetime | None) -> None:
        """Nobody can be asked at this moment: wait where that can help and time is left, else end it."""
        moment = self._now()
        reason, wake_at = self._why_waiting(moment, again_at)
        in_time = wake_at is not None and (
            wake_at + timedelta(seconds=DELIVERY_SECONDS) < self.generation.deadline_at
        )
        if not in_time or wake_at is None:
            return await self._finish(now, unmade=reason)
        await self.answers.keep_held(now)
        await self.desk.rows(execution.postpone, self.claim, wake_at=wake_at, reason=reason)

    def _why_waiting(self, moment: datetime, again_at: datetime | None) -> tuple[Reason, datetime | None]:
        """Why it waits, and until when; no moment when waiting can't help."""
        soon = [error for error in self.tried.values() if not error.final_for_provider]
        if soon:
            hints = [error.retry_after_seconds for error in soon]
            pause = min(pause_seconds(self.claim.attempt, hint) for hint in hints)
            return Reason(soon[0].code, soon[0].detail), moment + timedelta(seconds=pause)
        if again_at is not None:
            latest = moment + timedelta(seconds=LOOK_AGAIN_SECONDS)
            wake_at = min(max(again_at, moment + timedelta(seconds=0.5)), latest)
            return self._said(NOBODY), wake_at
        return self._said(NEVER), None

    def _said(self, otherwise: Reason) -> Reason:
        """What a provider said under this claim, else the given reason."""
        final = next(iter(self.tried.values()), None)
        return Reason(final.code, final.detail) if final else otherwise

    async def _end_attempt(
        self, attempt: Attempt, status: Attempt.Status, reason: Reason, error: ProviderError | None = None
    ) -> None:
        await self.desk.rows(
            calls.end_attempt,
            self.claim,
            attempt,
            status,
            reason,
            now=self._now(),
            vendor_text=error.vendor_text if error else "",
            cost_usd=error.cost.usd if error and error.cost else None,
            vendor_credits=error.cost.credits if error and error.cost else None,
        )

    # --- What a call is told ----------------------------------------------------------------------

    async def _spec(self, attempt: Attempt, offer: Offer) -> Spec:
        left = self._seconds_left()
        return await self._off_loop(
            specs.build,
            self.generation,
            model=self.model,
            offer=offer,
            attempt=attempt,
            number=f"{self.generation.public_id}.{attempt.number}.{attempt.sequence}",
            deadline_seconds=max(1.0, min(left, CALL_SECONDS_MAX)),
        )

    async def _off_loop(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run what reads the files of references and of an earlier turn; here where it has none to read."""
        if self.wanted.references:
            return await self.desk.files(work, *args, **kwargs)
        return work(*args, **kwargs)

    def _seconds_left(self) -> float:
        """Until the provider's part has to be over."""
        return (self.generation.deadline_at - self._now()).total_seconds() - DELIVERY_SECONDS

    def _now(self) -> datetime:
        return self.desk.now()


def _unfit(error: fitting.CannotFit | OSError) -> NotAccepted:
    """Nothing was sent, since a reference can't be given to this provider; another may take more."""
    detail = error.detail if isinstance(error, fitting.CannotFit) else "A reference's file can't be read."
    return NotAccepted(Code.INVALID, final_for_provider=True, detail=detail)


async def side_by_side(several: Iterable[Coroutine[Any, Any, None]]) -> None:
    """All of them to their ends, whatever one meets: no paid call is left because of another's fault.

    :raises BaseException: the first that one of them raised.
    """
    ends = await asyncio.gather(*several, return_exceptions=True)
    for end in ends:
        if isinstance(end, BaseException):
            raise end


def pause_seconds(attempt: int, hint: float | None) -> float:
    """Until another try: the provider's hint, else a doubling pause; with jitter.

    A hint that keeps being short is stretched, so that the tries last as long as the deadline does.
    """
    if hint is None:
        seconds = min(2.0**attempt, PAUSE_MAX_SECONDS)
    else:
        seconds = max(hint, min(2.0 ** (attempt - 2), PAUSE_MAX_SECONDS))
    return seconds + random.uniform(0, 1 + seconds / 10)  # noqa: S311 - spreads retries, hides nothing
