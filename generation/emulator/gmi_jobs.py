"""What GMI Cloud's queue does with a request it has taken: it waits, is worked on, and ends."""

import asyncio
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from generation.emulator import studio
from generation.emulator.context import Context, latency, link, pictures
from generation.emulator.gmi_uploads import with_uploads
from generation.emulator.state import Memory
from generation.wire import gmi, gmi_errors, gmi_turns
from generation.wire.messages import ImageLink, ImageRequest

VENDOR = "gmi"
JOBS_MAX = 5_000
# The share of its time that a request spends queued, then dispatched.
QUEUED, DISPATCHED = 0.1, 0.25
REFUSAL = "The request was rejected because it goes against our safety policy."
FAILURE = "Generation failed"

logger = logging.getLogger("easel.emulator")


@dataclass
class Job:
    """One request. `ended` is its last status, empty until then; `task` is what works on it."""

    request_id: str
    owner: str
    org_id: str
    asked: ImageRequest
    echo: Mapping[str, Any] = field(repr=False)
    quirks: frozenset[str]
    seconds: float
    created_at: int
    updated_at: int
    started: float
    ended: str = ""
    images: tuple[ImageLink, ...] = ()
    message: str = ""
    state: bytes | None = field(default=None, repr=False)
    has_outcome: bool = True
    task: asyncio.Task[None] | None = field(default=None, repr=False)

    @property
    def status(self) -> str:
        """Where it is now, by the time that has gone."""
        if self.ended:
            return self.ended
        if "stuck" in self.quirks:
            return "queued"
        if "unknown_status" in self.quirks:
            return "warming_up"
        part = (time.monotonic() - self.started) / self.seconds if self.seconds else 1.0
        if part < QUEUED:
            return "dispatched" if "dispatched" in self.quirks else "queued"
        return "dispatched" if part < DISPATCHED else "processing"

    def end(self, status: str, message: str = "") -> None:
        """Give it its last status, once."""
        if not self.ended:
            self.ended, self.message, self.updated_at = status, message, int(time.time())

    def record(self) -> gmi.Record:
        """It as the queue shows it."""
        done = self.ended in ("success", "completed")
        return gmi.Record(
            request_id=self.request_id,
            model=self.asked.model,
            status=self.status,
            images=self.images if done else (),
            thumbnail=self.images[0].url if done and self.images else "",
            message=self.message,
            state=self.state,
            echo={} if "empty_payload_echo" in self.quirks else self.echo,
            org_id=self.org_id,
            user_id="u-emulated",
            created_at=self.created_at,
            updated_at=self.updated_at,
            queued_at=self.created_at,
        )


def jobs(memory: Memory) -> Iterator[Job]:
    """Every request that is remembered, oldest first."""
    return (item for item in list(memory.kept[VENDOR].values()) if isinstance(item, Job))


def keep(memory: Memory, job: Job) -> None:
    """Remember a request; the oldest finished make room."""
    kept = memory.kept[VENDOR]
    kept[job.request_id] = job
    if len(kept) > JOBS_MAX:
        finished = (one.request_id for one in jobs(memory) if one.ended)
        if oldest := next(finished, None):
            del kept[oldest]


def start(context: Context, job: Job, place: ExitStack) -> None:
    """Have it worked on, whether or not its client stays; `place` is given back at the end."""
    if "stuck" in job.quirks:
        place.close()
        return
    job.task = asyncio.get_running_loop().create_task(_work(context, job, place))


async def _work(context: Context, job: Job, place: ExitStack) -> None:
    with place:
        try:
            await _draw(context, job)
        except studio.BadReference as bad:
            reason = f"Unable to process input image: {bad}"
            job.end("failed", gmi_errors.BACKEND_REFUSAL.format(reason=reason))
        except asyncio.CancelledError:
            job.end("cancelled")
        except Exception:
            logger.exception("the emulator itself failed at request %s", job.request_id)
            job.end("failed", "the emulator itself failed; its log says why")


async def _draw(context: Context, job: Job) -> None:
    fault, failing = context.fault, any(quirk.startswith("failed_in=") for quirk in job.quirks)
    if failing or fault.body == "refusal" or "cancelled" in job.quirks:
        await asyncio.sleep(latency(context))
        message = fault.message or (REFUSAL if fault.body == "refusal" else FAILURE)
        failed = "error" if "error_status" in job.quirks else "failed"
        job.end(*(("cancelled",) if "cancelled" in job.quirks else (failed, message)))
        return
    # A body that spoils the submit's answer spoils nothing of the work.
    fault = fault if fault.body in ("null", "empty") else replace(fault, body=None)
    context = replace(context, fault=fault)
    painted, _ = await asyncio.gather(
        pictures(context, _with_history(context, job)), asyncio.sleep(latency(context))
    )
    images = tuple(link(context, picture) for picture in painted)
    if fault.body not in ("null", "empty") and "no_next_turn" not in job.quirks:
        job.state = gmi_turns.next_contents(
            job.asked.state,
            job.asked.prompt,
            job.asked.references,
            images,
            snake_case="snake_case" in job.quirks,
            ready="no_empty_turn" not in job.quirks,
        )
    job.images, job.has_outcome = images, fault.body != "null"
    job.end("completed" if "completed" in job.quirks else "success")


def _with_history(context: Context, job: Job) -> ImageRequest:
    """What is drawn from: the picture of the turn before, then the references."""
    references = with_uploads(context.memory, job.asked.references)
    if job.asked.state is not None:
        before = gmi_turns.read(gmi_turns.parse_state(job.asked.state)).picture
        references = ((before,) if before else ()) + references
    return replace(job.asked, references=references)


def call_off(job: Job) -> bool:
    """Stop the work; whether there was any left to stop."""
    if job.ended:
        return False
    job.end("cancelled")
    if job.task is not None:
        job.task.cancel()
    return True
