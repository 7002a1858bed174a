"""Servers of OpenAI's images API."""

from generation.providers.base import Spec
from generation.providers.errors import Code, NotAccepted, OutcomeUnknown, Refused
from generation.providers.openai import OpenAIAdapter
from generation.wire import shapes
from tests.generation.providers.cases import Case, Ending

_TABLE = (
    Ending("status=400", Refused, Code.INVALID),
    Ending("status=400,code=moderation_blocked", Refused, Code.CONTENT),
    Ending("status=400,code=content_policy_violation", Refused, Code.CONTENT),
    Ending("status=400,message=Rejected as a result of our safety system", Refused, Code.CONTENT),
    Ending("status=400,code=billing_hard_limit_reached", NotAccepted, Code.NO_MONEY, final=True),
    Ending("status=400,quirk=param_model", NotAccepted, Code.MODEL, final=True),
    Ending("status=401", NotAccepted, Code.BAD_KEY, final=True),
    Ending("status=402", NotAccepted, Code.NO_MONEY, final=True),
    Ending("status=403", NotAccepted, Code.BAD_KEY, final=True),
    Ending("status=404", NotAccepted, Code.MODEL, final=True),
    Ending("status=405", NotAccepted, Code.MODEL, final=True),
    Ending("status=408", OutcomeUnknown, Code.TIMEOUT),
    Ending("status=409", OutcomeUnknown, Code.ERROR),
    Ending("status=413", Refused, Code.INVALID),
    Ending("status=422", Refused, Code.INVALID),
    Ending("status=429", NotAccepted, Code.RATE_LIMITED),
    Ending("status=429,code=insufficient_quota", NotAccepted, Code.NO_MONEY, final=True),
    Ending("status=429,retry_after=3", NotAccepted, Code.RATE_LIMITED, hint=3.0),
    Ending("status=429,retry_after=1.5,quirk=retry_ms", NotAccepted, Code.RATE_LIMITED, hint=1.5),
    Ending("status=429,retry_after=-1", NotAccepted, Code.RATE_LIMITED, hint=0.0),
    Ending("status=429,retry_after=9999", NotAccepted, Code.RATE_LIMITED, hint=300.0),
    Ending("status=429,retry_after=9999,quirk=retry_ms", NotAccepted, Code.RATE_LIMITED, hint=300.0),
    Ending("status=429,retry_after=later", NotAccepted, Code.RATE_LIMITED),
    Ending("status=500", OutcomeUnknown, Code.ERROR),
    Ending("status=502", OutcomeUnknown, Code.ERROR),
    Ending("status=503", OutcomeUnknown, Code.BUSY),
    Ending("status=504", OutcomeUnknown, Code.TIMEOUT),
    Ending("status=524", OutcomeUnknown, Code.TIMEOUT),
)

CASE = Case(
    name="openai",
    adapter=OpenAIAdapter,
    mount="/openai",
    spec=Spec(
        model="gemini-2.5-flash-image",
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
        Ending("body=refusal", Refused, Code.CONTENT),
    ),
    ratios=shapes.RATIOS,
)
