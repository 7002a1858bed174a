"""One claimed generation from the provider's call to its end."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from gallery import addresses, ingest, storage
from generation import catalog, execution, promises, routing
from generation.claims import Claim, database_now
from generation.execution import CancelRequested, Fenced, OutcomeLost, Reason
from generation.models import Attempt, Generation
from generation.providers.base import Adapter, Answer, ImageBytes, ReferenceImage, Spec
from generation.providers.errors import NotAccepted, OutcomeUnknown, ProviderError

if TYPE_CHECKING:
    from generation.runner import Desk

log = structlog.get_logger(__name__)

# Left of the deadline for fetching, checking and storing once the provider has answered.
DELIVERY_SECONDS = 30
CALL_SECONDS_MAX = 180
RESULT_MAX_BYTES = 30 * 1024 * 1024
RESULT_FETCH_SECONDS = 30.0
FETCH_TRIES = 3
PAUSE_MAX_SECONDS = 60.0
LOST = Reason("outcome_unknown", "The connection to the provider broke before it answered.")
DEADLINE = Reason("deadline_passed", "This took too long.")


@dataclass(frozen=True)
class Delivered:
    """What arrived whole, and why the others did not."""

    pictures: list[ingest.Stored]
    broken: Reason | None


async def serve(claim: Claim, *, providers: Mapping[str, Adapter], desk: "Desk") -> None:
    """Bring the claimed generation to its end, or back into the queue."""
    try:
        generation = await desk.rows(execution.load, claim)
        await _Serving(claim, generation, providers, desk).run()
    except Fenced:
        log.info("fenced off", generation=claim.generation_id, attempt=claim.attempt)


class _Serving:
    def __init__(
        self, claim: Claim, generation: Generation, providers: Mapping[str, Adapter], desk: "Desk"
    ) -> None:
        self.claim, self.generation, self.desk = claim, generation, desk
        self.model = catalog.find(generation.model)
        self.provider = routing.choose(generation, providers)

    async def run(self) -> None:
        for attempt in self.generation.attempts.all():
            if attempt.status == Attempt.Status.ANSWERED:
                return await self._deliver(attempt)
        try:
            attempt = await self.desk.rows(
                execution.begin, self.claim, provider=self.provider.name, now=await self._now()
            )
        except CancelRequested:
            return await self.desk.rows(execution.stop, self.claim, now=await self._now())
        except OutcomeLost as lost:
            return await self._recover(lost.attempt)
        await self._call(attempt)

    async def _call(self, attempt: Attempt) -> None:
        spec = await self.desk.rows(self._spec)

        async def accepted(vendor_id: str) -> None:
            await self.desk.rows(execution.accepted, self.claim, attempt, vendor_id=vendor_id)

        try:
            answer = await self.provider.generate(spec, accepted=accepted)
        except ProviderError as error:
            return await self._failed(attempt, error)
        await self._answered(attempt, answer)

    async def _recover(self, attempt: Attempt) -> None:
        """An earlier worker died after it sent: ask by the vendor's id, else never pay again."""
        if not attempt.vendor_id:
            await self._end_attempt(attempt, Attempt.Status.OUTCOME_UNKNOWN, LOST)
            return await self.desk.rows(execution.fail, self.claim, LOST, now=await self._now())
        try:
            answer = await self.provider.resume(attempt.vendor_id, await self.desk.rows(self._spec))
        except ProviderError as error:
            return await self._failed(attempt, error)
        await self._answered(attempt, answer)

    async def _failed(self, attempt: Attempt, error: ProviderError) -> None:
        reason = Reason(error.code, error.detail)
        match error:
            case NotAccepted():
                status = Attempt.Status.NOT_ACCEPTED
            case OutcomeUnknown():
                status = Attempt.Status.OUTCOME_UNKNOWN
            case _:
                status = Attempt.Status.REFUSED
        await self._end_attempt(attempt, status, reason, error)
        now = await self._now()
        if isinstance(error, NotAccepted) and not error.final_for_provider:
            wake_at = now + timedelta(seconds=pause_seconds(self.claim.attempt, error.retry_after_seconds))
            if wake_at + timedelta(seconds=DELIVERY_SECONDS) < self.generation.deadline_at:
                return await self.desk.rows(execution.postpone, self.claim, wake_at=wake_at, reason=reason)
        await self.desk.rows(execution.fail, self.claim, reason, now=now)

    async def _answered(self, attempt: Attempt, answer: Answer) -> None:
        kept: list[dict[str, str]] = []
        for index, image in enumerate(answer.images):
            if isinstance(image, ImageBytes):
                name = f"staging/{self.generation.public_id}/{attempt.number}/{index}"
                await self.desk.pictures(ingest.stage, image.data, name)
                kept.append({"staged": name})
            else:
                kept.append({"url": image.url})
        await self.desk.rows(
            execution.answered,
            self.claim,
            attempt,
            answer=kept,
            vendor_id=answer.vendor_id,
            cost_usd=answer.cost.usd,
            vendor_credits=answer.cost.credits,
            now=await self._now(),
        )
        await self._deliver(attempt)

    async def _deliver(self, attempt: Attempt) -> None:
        parts: list[dict[str, str]] = attempt.answer[: self.generation.count]
        results = await asyncio.gather(*(self._picture(part) for part in parts))
        pictures = [result for result in results if isinstance(result, ingest.Stored)]
        broken = [result for result in results if isinstance(result, Reason)]
        if not pictures:
            await self._broken_promise(attempt, broken[0] if broken else _too_few(0, self.generation.count))
        else:
            short = broken[0] if broken else _too_few(len(pictures), self.generation.count)
            await self.desk.rows(
                execution.finish, self.claim, attempt, pictures, short=short, now=await self._now()
            )
        for part in parts:
            if name := part.get("staged"):
                await self.desk.pictures(ingest.unstage, name)

    async def _picture(self, part: dict[str, str]) -> ingest.Stored | Reason:
        """The picture, fetched, stored and checked, or why there is none."""
        try:
            data = await self._bytes(part)
            stored = await self.desk.pictures(ingest.store, data, keep_bytes=True, max_bytes=RESULT_MAX_BYTES)
        except (addresses.AddressRefused, addresses.FetchFailed, FileNotFoundError):
            return Reason("result_unreachable", "The provider's picture could not be fetched.")
        except ingest.PictureRefused:
            return Reason("result_unreadable", "The provider sent something that is no picture.")
        references = [bytes(row.original.signature) for row in self.generation.references.all()]
        ratio = self.model.ratios[self.generation.aspect_ratio]
        if why := promises.broken(stored, ratio=ratio, references=references):
            return Reason("broken_promise", f"The picture {why}.")
        return stored

    async def _bytes(self, part: dict[str, str]) -> bytes:
        if name := part.get("staged"):
            return await self.desk.pictures(ingest.staged, name)
        for tried in range(1, FETCH_TRIES + 1):
            try:
                fetched = await addresses.fetch(
                    part["url"],
                    max_bytes=RESULT_MAX_BYTES,
                    deadline_seconds=RESULT_FETCH_SECONDS,
                    trusted_origins=routing.trusted_origins(),
                )
                return fetched.data
            except addresses.FetchFailed:
                if tried == FETCH_TRIES:
                    raise
                await asyncio.sleep(tried)
        raise AssertionError("unreachable")

    async def _broken_promise(self, attempt: Attempt, reason: Reason) -> None:
        """Nothing of use arrived: ask once more, else give the credits back."""
        await self._end_attempt(attempt, Attempt.Status.BROKEN_PROMISE, reason)
        now = await self._now()
        before = [row for row in self.generation.attempts.all() if row.pk != attempt.pk]
        again = all(row.status != Attempt.Status.BROKEN_PROMISE for row in before)
        if again and now + timedelta(seconds=2 * DELIVERY_SECONDS) < self.generation.deadline_at:
            return await self.desk.rows(execution.postpone, self.claim, wake_at=now, reason=reason)
        await self.desk.rows(execution.fail, self.claim, reason, now=now)

    async def _end_attempt(
        self, attempt: Attempt, status: Attempt.Status, reason: Reason, error: ProviderError | None = None
    ) -> None:
        await self.desk.rows(
            execution.end_attempt,
            self.claim,
            attempt,
            status,
            reason,
            now=await self._now(),
            vendor_text=error.vendor_text if error else "",
            cost_usd=error.cost.usd if error and error.cost else None,
            vendor_credits=error.cost.credits if error and error.cost else None,
        )

    def _spec(self) -> Spec:
        generation = self.generation
        left = (generation.deadline_at - database_now()).total_seconds() - DELIVERY_SECONDS
        vendor = self.model.vendor_models[self.provider.name]
        references = tuple(
            ReferenceImage(data=storage.get(row.original.name), content_type=row.original.content_type)
            for row in generation.references.all()
        )
        return Spec(
            model=vendor.text,
            edit_model=vendor.edit,
            prompt=generation.prompt,
            aspect_ratio=generation.aspect_ratio,
            count=generation.count,
            references=references,
            temperature=generation.temperature,
            top_p=generation.top_p,
            deadline_seconds=max(1.0, min(left, CALL_SECONDS_MAX)),
            request_id=f"{generation.public_id}.{self.claim.attempt}",
        )

    async def _now(self) -> datetime:
        return await self.desk.rows(database_now)


def pause_seconds(attempt: int, hint: float | None) -> float:
    """Until another try: the provider's hint, else a doubling pause; with jitter.

    A hint that keeps being short is stretched, so that the tries last as long as the deadline does.
    """
    if hint is None:
        seconds = min(2.0**attempt, PAUSE_MAX_SECONDS)
    else:
        seconds = max(hint, min(2.0 ** (attempt - 2), PAUSE_MAX_SECONDS))
    return seconds + random.uniform(0, 1 + seconds / 10)  # noqa: S311 - spreads retries, hides nothing


def _too_few(got: int, asked: int) -> Reason:
    return Reason("too_few_images", f"The provider made {got} of {asked} images.")
