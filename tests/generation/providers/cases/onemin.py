"""1min.ai."""

from generation.providers.base import Spec
from generation.providers.errors import Code, NotAccepted, OutcomeUnknown, Refused
from generation.providers.onemin import OneminAdapter
from generation.wire import onemin
from tests.generation.providers.cases import Case, Ending

_TABLE = (
    Ending("status=400", Refused, Code.INVALID),
    Ending("status=400,code=UNKNOWN_ERROR", Refused, Code.INVALID),
    Ending("status=400,code=MISSING_REQUIRED_FIELDS", Refused, Code.INVALID),
    Ending("status=400,code=UNSUPPORTED_MODEL", NotAccepted, Code.MODEL, final=True),
    Ending("status=400,message=Blocked by the safety filter", Refused, Code.CONTENT),
    Ending("status=401", NotAccepted, Code.BAD_KEY, final=True),
    Ending("status=400,code=INVALID_AUTH_TOKEN", NotAccepted, Code.BAD_KEY, final=True),
    Ending("status=403,code=FORBIDDEN", NotAccepted, Code.BAD_KEY, final=True),
    Ending("status=404,code=NOT_FOUND", NotAccepted, Code.MODEL, final=True),
    Ending("status=406", NotAccepted, Code.NO_MONEY, final=True),
    Ending("status=406,envelope=nested", NotAccepted, Code.NO_MONEY, final=True),
    Ending("status=413,code=TOO_LARGE", Refused, Code.INVALID),
    Ending("status=429", NotAccepted, Code.RATE_LIMITED),
    Ending("status=429,envelope=nested", NotAccepted, Code.RATE_LIMITED),
    Ending("status=429,retry_after=3", NotAccepted, Code.RATE_LIMITED, hint=3.0),
    Ending("status=429,retry_after=-1", NotAccepted, Code.RATE_LIMITED, hint=0.0),
    Ending("status=429,retry_after=9999", NotAccepted, Code.RATE_LIMITED, hint=300.0),
    Ending("status=429,retry_after=later", NotAccepted, Code.RATE_LIMITED),
    Ending("status=500", OutcomeUnknown, Code.ERROR),
    Ending("status=502,envelope=html", OutcomeUnknown, Code.ERROR),
    Ending("status=503", OutcomeUnknown, Code.BUSY),
    Ending("status=504", OutcomeUnknown, Code.TIMEOUT),
    Ending("status=522", OutcomeUnknown, Code.TIMEOUT),
    Ending("status=524", OutcomeUnknown, Code.TIMEOUT),
    Ending("status=520", OutcomeUnknown, Code.ERROR),
    # The model's vendor failed: what counts is its own status, in the details.
    Ending("quirk=nested_400", Refused, Code.INVALID),
    Ending("quirk=nested_400+details_object", Refused, Code.INVALID),
    Ending("quirk=nested_400,message=Blocked by the safety filter", Refused, Code.CONTENT),
    Ending("quirk=nested_401", NotAccepted, Code.MODEL, final=True),
    Ending("quirk=nested_403", NotAccepted, Code.MODEL, final=True),
    Ending("quirk=nested_404", NotAccepted, Code.MODEL, final=True),
    Ending("quirk=nested_408", OutcomeUnknown, Code.TIMEOUT),
    Ending("quirk=nested_429", NotAccepted, Code.RATE_LIMITED),
    Ending("quirk=nested_429,retry_after=7", NotAccepted, Code.RATE_LIMITED, hint=7.0),
    Ending("quirk=nested_500", OutcomeUnknown, Code.ERROR),
    Ending("quirk=nested_503", OutcomeUnknown, Code.BUSY),
    Ending("quirk=nested_504", OutcomeUnknown, Code.TIMEOUT),
    Ending("status=400,code=EXTERNAL_API_RESPONSE_WITH_ERROR", OutcomeUnknown, Code.ERROR),
    # Failed records.
    Ending("quirk=failure", OutcomeUnknown, Code.ERROR),
    Ending("quirk=failure_bare", OutcomeUnknown, Code.ERROR),
    Ending("quirk=failure,message=Prohibited content", Refused, Code.CONTENT),
    Ending("quirk=failure,message=Invalid image", Refused, Code.INVALID),
    Ending("quirk=failure+nested_400", Refused, Code.INVALID),
    Ending("quirk=failure+nested_429", OutcomeUnknown, Code.RATE_LIMITED),
    Ending("quirk=failure+nested_500", OutcomeUnknown, Code.ERROR),
)

CASE = Case(
    name="onemin",
    adapter=OneminAdapter,
    mount="/onemin",
    spec=Spec(
        model=onemin.TEXT_MODEL,
        edit_model=onemin.EDIT_MODEL,
        prompt="a lake at dusk",
        aspect_ratio="1:1",
        request_id="g-1.1",
        deadline_seconds=20.0,
    ),
    results={"url": "result=url"},
    endings=_TABLE,
    broken=(
        Ending("body=html", OutcomeUnknown, Code.UNREADABLE),
        Ending("body=truncated", OutcomeUnknown, Code.UNREADABLE),
        Ending("body=unknown", OutcomeUnknown, Code.UNREADABLE),
        Ending("body=huge", OutcomeUnknown, Code.UNREADABLE),
        Ending("body=null", OutcomeUnknown, Code.UNREADABLE),
        Ending("quirk=no_uuid", OutcomeUnknown, Code.UNREADABLE),
        Ending("quirk=no_url", OutcomeUnknown, Code.UNREADABLE),
        Ending("body=empty", Refused, Code.NO_IMAGE),
        Ending("body=refusal", Refused, Code.CONTENT),
    ),
    ratios=("1:1",),
    options={"poll_seconds": 0.02},
)
