"""The AIML API."""

from generation.providers.aiml import AimlAdapter
from generation.providers.base import Spec
from generation.providers.errors import Code, NotAccepted, OutcomeUnknown, Refused
from generation.wire import aiml
from tests.generation.providers.cases import Case, Ending

_TABLE = (
    Ending("status=400", Refused, Code.INVALID),
    Ending("status=400,message=Blocked by the safety filter", Refused, Code.CONTENT),
    Ending("status=401", NotAccepted, Code.BAD_KEY, final=True),
    Ending("status=403", NotAccepted, Code.NO_MONEY, final=True),
    Ending("status=403,message=Account verification needed", NotAccepted, Code.BAD_KEY, final=True),
    Ending("status=404", NotAccepted, Code.MODEL, final=True),
    Ending("status=429", NotAccepted, Code.RATE_LIMITED),
    Ending("status=429,retry_after=3", NotAccepted, Code.RATE_LIMITED, hint=3.0),
    Ending("status=429,retry_after=-1", NotAccepted, Code.RATE_LIMITED, hint=0.0),
    Ending("status=429,retry_after=9999", NotAccepted, Code.RATE_LIMITED, hint=300.0),
    Ending("status=429,retry_after=later", NotAccepted, Code.RATE_LIMITED),
    Ending("status=500", OutcomeUnknown, Code.ERROR),
    Ending("status=502", OutcomeUnknown, Code.ERROR),
    Ending("status=503", OutcomeUnknown, Code.BUSY),
    Ending("status=504", OutcomeUnknown, Code.TIMEOUT),
)

CASE = Case(
    name="aimlapi",
    adapter=AimlAdapter,
    mount="/aiml",
    spec=Spec(
        model=aiml.TEXT_MODEL,
        edit_model=aiml.EDIT_MODEL,
        prompt="a lake at dusk",
        aspect_ratio="1:1",
        request_id="g-1.1",
        deadline_seconds=20.0,
    ),
    results={"url": "result=url", "base64": "result=b64_json"},
    endings=_TABLE,
    broken=(
        Ending("body=html", OutcomeUnknown, Code.UNREADABLE),
        Ending("body=truncated", OutcomeUnknown, Code.UNREADABLE),
        Ending("body=unknown", OutcomeUnknown, Code.UNREADABLE),
        Ending("body=huge", OutcomeUnknown, Code.UNREADABLE),
        Ending("body=empty", Refused, Code.NO_IMAGE),
        Ending("body=null", Refused, Code.NO_IMAGE),
        Ending("body=refusal,shape=1", Refused, Code.CONTENT),
        Ending("body=refusal,shape=3", Refused, Code.CONTENT),
    ),
    ratios=aiml.RATIOS,
)
