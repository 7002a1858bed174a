"""What providers answered to one claimed generation: kept durably, taken in, held to what was promised."""

import asyncio
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from gallery import ingest
from generation import calls, execution, late, results
from generation.calls import Answered
from generation.catalog import Model, Offer
from generation.claimed import Fenced
from generation.claims import Claim
from generation.desk import Desk
from generation.models import Attempt, Generation
from generation.outputs import Delivered
from generation.progress import Progress, Reason
from generation.providers.base import Answer, ImageBytes
from generation.wire.messages import Cost


class Answers:
    """The answers of a claim's attempts, and the pictures of them that are stored and kept their promise."""

    def __init__(self, claim: Claim, generation: Generation, model: Model, desk: Desk) -> None:
        self._claim, self._generation, self._model, self._desk = claim, generation, model, desk
        # By the attempt and the place in its answer.
        self._stored: dict[tuple[int, int], ingest.Stored] = {}

    async def keep(self, attempt: Attempt, offer: Offer, answer: Answer) -> datetime:
        """Write down what came, so that a later claim delivers it instead of paying again; when that was.

        :raises Fenced: it came too late, which is kept for the receipt.
        """
        kept: list[dict[str, str]] = []
        for index, image in enumerate(answer.images):
            if isinstance(image, ImageBytes):
                kept.append(await self._stage(attempt, index, image.data))
            else:
                kept.append({"url": image.url})
        state = ""
        if answer.state:
            state = f"turns/{self._generation.public_id}/{attempt.number}.{attempt.sequence}"
            await self._desk.files(ingest.stage, answer.state, state)
        now = self._desk.now()
        stated = answer.cost.usd
        cost = replace(answer.cost, usd=self._listed(offer, len(kept)) if stated is None else stated)
        try:
            await self._desk.together(
                calls.answered,
                Answered(
                    self._claim,
                    attempt,
                    kept,
                    vendor_id=answer.vendor_id,
                    cost_usd=cost.usd,
                    vendor_credits=cost.credits,
                    state=state,
                    description=answer.description,
                ),
            )
        except Fenced:
            await self.too_late(attempt, images=len(kept), cost=cost, vendor_id=answer.vendor_id)
            raise
        return now

    async def too_late(self, attempt: Attempt, *, images: int, cost: Cost, vendor_id: str = "") -> None:
        """It came when the claim was not ours any more: kept for the receipt, charged to nobody."""
        await self._desk.rows(
            late.came_late,
            attempt,
            images=images,
            cost_usd=cost.usd,
            vendor_credits=cost.credits,
            vendor_id=vendor_id,
            now=self._desk.now(),
        )

    def unseen(self, now: Progress) -> list[Attempt]:
        """Answers with a picture that was not looked at yet."""
        held = now.held.values()
        waiting = {
            part.attempt.pk: part.attempt
            for part in held
            if (part.attempt.pk, part.index) not in self._stored
        }
        return list(waiting.values())

    async def look_at(self, attempt: Attempt, *, trusted_origins: frozenset[str]) -> None:
        """Fetch, store and check what an answer holds; what is not as promised is noted in its place."""
        parts = attempt.answer[: len(attempt.positions)]
        indexes = [index for index, part in enumerate(parts) if "broken" not in part]
        found = await asyncio.gather(
            *(self._picture(attempt, parts[index], trusted_origins) for index in indexes)
        )
        broken: list[Reason] = []
        answer = list(parts)
        for index, result in zip(indexes, found, strict=True):
            if isinstance(result, Reason):
                broken.append(result)
                answer[index] = {"broken": result.code, "detail": result.detail}
            else:
                self._stored[attempt.pk, index] = result
        if not broken:
            return
        if all("broken" in part for part in answer):
            await self._desk.rows(
                calls.end_attempt,
                self._claim,
                attempt,
                Attempt.Status.BROKEN_PROMISE,
                broken[0],
                now=self._desk.now(),
            )
        else:
            await self._desk.rows(calls.looked_at, self._claim, attempt, answer=answer)
        for name in (part["staged"] for part in parts if part not in answer and "staged" in part):
            await self._desk.files(ingest.unstage, name)

    async def _picture(
        self, attempt: Attempt, part: dict[str, str], trusted_origins: frozenset[str]
    ) -> ingest.Stored | Reason:
        size = self._model.size(self._generation.image_size) or self._model.sizes[0]
        given = [bytes(row.original.signature) for row in self._generation.references.all()]
        if self._generation.continues is not None:
            given.append(bytes(self._generation.continues.original.signature))
        left = (self._generation.deadline_at - self._desk.now()).total_seconds()
        try:
            async with asyncio.timeout(max(0.0, left)):
                return await self._desk.outside(
                    results.collect(
                        part,
                        ratio=size.ratio(self._generation.aspect_ratio),
                        references=given,
                        trusted_origins=trusted_origins,
                        off_loop=self._desk.pictures,
                        emulated=attempt.emulated,
                    )
                )
        except TimeoutError:
            return execution.TOO_LATE

    async def keep_held(self, now: Progress) -> None:
        """Addresses end, so what they lead to is staged before it has to wait for the rest."""
        for attempt in {part.attempt.pk: part.attempt for part in now.held.values()}.values():
            answer = list(attempt.answer)
            for index, part in enumerate(attempt.answer):
                if stored := self._stored.get((attempt.pk, index)):
                    data = await self._desk.files(ingest.staged, stored.name)
                    answer[index] = part if "staged" in part else await self._stage(attempt, index, data)
            await self._desk.rows(calls.looked_at, self._claim, attempt, answer=answer)

    def delivered(self, now: Progress) -> list[Delivered]:
        """The pictures that are there, by their places."""
        return [
            Delivered(place, part.attempt, self._stored[part.attempt.pk, part.index])
            for place, part in now.held.items()
        ]

    def _listed(self, offer: Offer, images: int) -> Decimal | None:
        """What so many images cost by the admins' list, for vendors that state nothing."""
        cost = offer.costs.get(self._generation.image_size)
        return None if cost is None else cost * images

    async def _stage(self, attempt: Attempt, index: int, data: bytes) -> dict[str, str]:
        name = f"staging/{self._generation.public_id}/{attempt.number}.{attempt.sequence}/{index}"
        await self._desk.files(ingest.stage, data, name)
        return {"staged": name}
