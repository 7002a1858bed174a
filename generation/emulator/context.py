"""What one call to a vendor carries through, and what every vendor does with it whatever its format."""

import asyncio
import re
import secrets
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

from generation.emulator import studio
from generation.emulator.answers import as_html
from generation.emulator.faults import NO_FAULT, Fault, without_words
from generation.emulator.http import Delivery, Request, Response
from generation.emulator.state import Call, Memory, TooMany
from generation.wire import shapes
from generation.wire.messages import ImageBytes, ImageLink, ImageRequest

# Pixels of each ratio, as AIML API's resolution table for this model has them; others say the same.
SIZES: Mapping[str, tuple[int, int]] = shapes.PIXELS
PAGE = "<html><head><title>{status}</title></head><body><h1>{message}</h1><hr>edge</body></html>"
HUGE_BYTES = 1024 * 1024
HUGE_TIMES = 200
# Bodies in which no picture comes, so that none is painted.
_WITHOUT_PICTURES = ("html", "empty", "null", "refusal", "huge", "unknown")
_KEY_HEADERS = ("authorization", "api-key", "x-goog-api-key")


@dataclass(frozen=True)
class Context:
    """One call to a vendor. `find_fault` gives a prompt's fault; `vendor_id` is this call's id there."""

    memory: Memory
    request: Request
    call: Call
    find_fault: Callable[[str], Fault]
    vendor_id: str = ""
    fault: Fault = NO_FAULT

    def asked(self, asked: ImageRequest) -> "Context":
        """Note in the log what is asked for, and take the fault meant for it.

        :raises faults.UnknownFault: the prompt or header asks for one that there is not.
        """
        call = self.call
        call.model, call.prompt, call.count = asked.model, asked.prompt[:80], asked.count
        call.aspect_ratio, call.references = asked.aspect_ratio or "", len(asked.references)
        call.image_size = asked.image_size or ""
        fault = self.find_fault(asked.prompt)
        call.fault = str(fault)
        return replace(self, fault=fault)

    @property
    def host(self) -> str:
        """Where the client says it reached this server, for addresses in answers."""
        return self.request.headers.get("host", "localhost")


def new_id() -> str:
    return secrets.token_hex(16)


def key_sent(request: Request) -> bool:
    """Whether any vendor's kind of key came with the request."""
    return any(name in request.headers for name in _KEY_HEADERS) or "key" in request.query


def key_fits(context: Context, key: str) -> bool:
    """Whether that is a key this server takes: any text, or the one of the settings."""
    wanted = context.memory.settings.key
    return bool(key.strip()) and (not wanted or key.strip() == wanted)


def bearer(request: Request) -> str:
    """The key in `Authorization: Bearer …`; empty when there is none."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key if scheme.lower() == "bearer" else ""


# What a vendor's format says of an error: (context, status, message).
ErrorAnswer = Callable[[Context, int, str], Response]
# What it says of a success: (context, what was asked, the pictures).
SuccessAnswer = Callable[[Context, ImageRequest, list[ImageBytes]], Response]


async def perform(
    context: Context, asked: ImageRequest, *, vendor: str, error: ErrorAnswer, success: SuccessAnswer
) -> Response:
    """A synchronous vendor's way: limits, the wait, the fault that was asked for, else pictures."""
    fault, status = context.fault, context.fault.status or 200
    async with AsyncExitStack() as stack:
        try:
            stack.enter_context(context.memory.place(vendor))
        except TooMany as full:
            return error(replace(context, fault=Fault(retry_after=f"{full.seconds:.0f}")), 429, "")
        context.call.paid = is_paid(fault)
        if status >= 400:
            await asyncio.sleep(latency(context) if status >= 500 else 0)
            return delivered(context, error(context, status, fault.message or ""))
        if fault.connection in ("hang", "reset"):
            await asyncio.sleep(latency(context))
            return delivered(context, Response(status))
        try:
            painted, _ = await asyncio.gather(pictures(context, asked), asyncio.sleep(latency(context)))
        except studio.BadReference as bad:
            context.call.paid = False
            return error(context, 400, f"Unable to process input image: {bad}")
        return delivered(context, spoilt(context) or success(context, asked, painted))


def is_paid(fault: Fault) -> bool:
    """Whether a call that ends so counts as charged: everything does but 4xx, unless the fault says."""
    return fault.paid == "yes" if fault.paid else not 400 <= (fault.status or 200) < 500


def latency(context: Context) -> float:
    """Seconds that this call's picture takes."""
    return context.memory.settings.latency if context.fault.latency is None else context.fault.latency


def size_of(asked: ImageRequest, fault: Fault) -> tuple[int, int]:
    """The pixels of the picture: the fault's, else those of the ratio, doubled for each step of size."""
    if fault.size:
        return fault.size
    width, height = SIZES.get(asked.aspect_ratio or "1:1", SIZES["1:1"])
    times = {"2K": 2, "4K": 4}.get(asked.image_size or "", 1)
    return width * times, height * times


async def pictures(context: Context, asked: ImageRequest) -> list[ImageBytes]:
    """What is painted for the request, as many as asked or as the fault says.

    :raises studio.BadReference: a reference cannot be had, or is no picture.
    """
    fault, settings = context.fault, context.memory.settings
    if fault.body in _WITHOUT_PICTURES:
        return []
    count = asked.count if fault.count is None else fault.count
    commission = studio.Commission(
        prompt=without_words(asked.prompt),
        size=size_of(asked, fault),
        references=await studio.open_references(context.memory, asked.references),
        format=fault.format or settings.format,
        sketch=settings.sketch,
        stock=settings.stock,
        spoil=fault.picture or "",
    )
    first = context.memory.next_index(asked.prompt, count)
    places = range(first, first + count)
    return list(await asyncio.gather(*(studio.make(commission, index) for index in places)))


def link(context: Context, picture: ImageBytes) -> ImageLink:
    """An address of this server under which the picture can be fetched for as long as links live."""
    lifetime = 0.0 if context.fault.links == "expired" else context.memory.settings.link_lifetime
    name = context.memory.keep(picture.data, picture.content_type, lifetime=lifetime)
    return ImageLink(
        f"http://{context.host}/results/{name}", picture.content_type, picture.width, picture.height
    )


def spoilt(context: Context) -> Response | None:
    """The bodies that are no message of any format; None when the fault asks for none of them."""
    status = context.fault.status or 200
    if context.fault.body == "html":
        return page(status, "Just a moment")
    if context.fault.body == "huge":
        return Response(status, b" " * HUGE_BYTES, {"content-type": "application/json"}, times=HUGE_TIMES)
    if context.fault.body == "unknown":
        return Response(status, b'{"result":{"status":"done"}}', {"content-type": "application/json"})
    return None


def cut(context: Context, body: bytes) -> bytes:
    """The body, a third shorter where the fault wants JSON that breaks off."""
    return body[: len(body) * 2 // 3] if context.fault.body == "truncated" else body


def page(status: int, message: str) -> Response:
    """What a gateway in front of the vendor answers."""
    return as_html(PAGE.format(status=status, message=message), status=status)


def misplaced(context: Context, status: int, message: str) -> Response | None:
    """An error that does not come in the format's envelope: a gateway's page, or nothing at all."""
    if context.fault.envelope == "html":
        return page(status, message)
    return Response(status, b"") if context.fault.envelope == "empty" else None


def delivered(context: Context, response: Response) -> Response:
    """The answer, leaving as the fault says."""
    connection = context.fault.connection
    return replace(response, delivery=Delivery(connection)) if connection else response


def quirks(context: Context) -> frozenset[str]:
    """The vendor's own oddities that the fault asks for, such as `quirk=nested_json+beside`."""
    return frozenset(re.split(r"\+", context.fault.quirk)) if context.fault.quirk else frozenset()
