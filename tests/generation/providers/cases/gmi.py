"""GMI Cloud's request queue."""

from generation.providers.base import Spec
from generation.providers.errors import Code, NotAccepted, OutcomeUnknown, Refused
from generation.providers.gmi import GmiAdapter
from generation.wire import gmi
from generation.wire.gmi import Reason
from tests.generation.providers.cases import Case, Ending

_TABLE = (
    Ending("status=400", Refused, Code.INVALID),
    Ending("status=400,message=It violates our content policy", Refused, Code.CONTENT),
    Ending("status=401", NotAccepted, Code.BAD_KEY, final=True),
    Ending("status=402", NotAccepted, Code.NO_MONEY, final=True),
    Ending("status=403", NotAccepted, Code.BAD_KEY, final=True),
    Ending("status=404", NotAccepted, Code.MODEL, final=True),
    Ending("status=404,message=model m does not exist or you have no access", NotAccepted, Code.MODEL, True),
    Ending("status=429", NotAccepted, Code.RATE_LIMITED),
    Ending("status=429,retry_after=3", NotAccepted, Code.RATE_LIMITED, hint=3.0),
    Ending("status=429,retry_after=0.25", NotAccepted, Code.RATE_LIMITED, hint=0.25),
    Ending("status=429,retry_after=-1", NotAccepted, Code.RATE_LIMITED, hint=0.0),
    Ending("status=429,retry_after=9999", NotAccepted, Code.RATE_LIMITED, hint=300.0),
    Ending("status=429,retry_after=later", NotAccepted, Code.RATE_LIMITED),
    Ending("status=429,retry_after=7,quirk=retry_header", NotAccepted, Code.RATE_LIMITED, hint=7.0),
    Ending("status=500", OutcomeUnknown, Code.ERROR),
    Ending("status=500,message=Backend error (400). Size not allowed", Refused, Code.INVALID),
    Ending("status=500,message=Backend error (400). Blocked by the safety filter", Refused, Code.CONTENT),
    Ending("status=500,message=Backend error (429). Slow down", NotAccepted, Code.RATE_LIMITED),
    Ending("status=500,message=Backend error (503). Try again", OutcomeUnknown, Code.ERROR),
    Ending("status=502", OutcomeUnknown, Code.ERROR),
    Ending("status=503", OutcomeUnknown, Code.BUSY),
    Ending("status=504", OutcomeUnknown, Code.TIMEOUT),
    Ending("status=307", OutcomeUnknown, Code.ERROR),
)
_FAILED = tuple(
    Ending(f"quirk=failed_in={reason},message={message}", kind, code, final, hint)
    for reason in Reason
    for message, kind, code, final, hint in (
        ("rate limit exceeded(RPM)", NotAccepted, Code.RATE_LIMITED, False, 20.0),
        ("rejected by the safety policy", Refused, Code.CONTENT, False, None),
        ("Backend error (400). No such size", Refused, Code.INVALID, False, None),
        ("Insufficient credits", NotAccepted, Code.NO_MONEY, True, None),
        ("the worker went away", Refused, Code.ERROR, False, None),
    )
)
_ENDED = (
    Ending("quirk=failed_in=error+blocking,message=rate limit exceeded(RPM)", NotAccepted, Code.RATE_LIMITED,
           hint=20.0),
    Ending("quirk=failed_in=error+error_status", Refused, Code.ERROR),
    Ending("quirk=cancelled", Refused, Code.ERROR),
    Ending("quirk=cancelled+blocking", Refused, Code.ERROR),
)  # fmt: skip

CASE = Case(
    name="gmi",
    adapter=GmiAdapter,
    mount="/gmi",
    spec=Spec(
        model=gmi.MODEL,
        prompt="a lake at dusk",
        aspect_ratio="1:1",
        request_id="g-1.1",
        deadline_seconds=20.0,
    ),
    results={"url": "result=url"},
    endings=_TABLE + _FAILED + _ENDED,
    broken=(
        Ending("body=html", OutcomeUnknown, Code.UNREADABLE),
        Ending("body=truncated", OutcomeUnknown, Code.UNREADABLE),
        Ending("body=unknown", OutcomeUnknown, Code.UNREADABLE),
        Ending("body=huge", OutcomeUnknown, Code.UNREADABLE),
        Ending("body=empty", Refused, Code.NO_IMAGE),
        Ending("body=empty,quirk=blocking", Refused, Code.NO_IMAGE),
        Ending("body=null", Refused, Code.NO_IMAGE),
        Ending("body=refusal", Refused, Code.CONTENT),
        Ending("body=refusal,quirk=blocking", Refused, Code.CONTENT),
    ),
    ratios=gmi.RATIOS,
    options={"poll_seconds": 0.02},
)
