"""Google, by the Gemini API."""

from generation.providers.base import Spec
from generation.providers.errors import Code, NotAccepted, OutcomeUnknown, Refused
from generation.providers.google import GoogleAdapter
from generation.wire.google_models import RATIOS
from tests.generation.providers.cases import Case, Ending

_LOCATION = "User location is not supported for the API use."
_BLOCKED = ("SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY", "MODEL_ARMOR", "JAILBREAK")
_REFUSED = (
    "SAFETY",
    "RECITATION",
    "LANGUAGE",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION",
    "MODEL_ARMOR",
)
_FAILED = ("OTHER", "IMAGE_OTHER", "MALFORMED_RESPONSE", "UNEXPECTED_TOOL_CALL", "SOMETHING_NEW")

_TABLE = (
    Ending("status=400", Refused, Code.INVALID),
    Ending("status=400,message=The prompt was blocked by safety filters", Refused, Code.CONTENT),
    Ending("status=400,code=API_KEY_INVALID", NotAccepted, Code.BAD_KEY, final=True),
    Ending("status=400,message=API key expired.", NotAccepted, Code.BAD_KEY, final=True),
    Ending("status=400,code=FAILED_PRECONDITION", NotAccepted, Code.NO_MONEY, final=True),
    Ending(f"status=400,code=FAILED_PRECONDITION,message={_LOCATION}", NotAccepted, Code.BAD_KEY, final=True),
    Ending("status=400,message=unexpected model name format", NotAccepted, Code.MODEL, final=True),
    Ending("status=401", NotAccepted, Code.BAD_KEY, final=True),
    Ending("status=402", NotAccepted, Code.NO_MONEY, final=True),
    Ending("status=403", NotAccepted, Code.BAD_KEY, final=True),
    Ending("status=403,code=BILLING_DISABLED", NotAccepted, Code.NO_MONEY, final=True),
    Ending("status=403,message=The file x does not exist.", Refused, Code.INVALID),
    Ending("status=404", NotAccepted, Code.MODEL, final=True),
    Ending("status=404,message=File x was not found.", Refused, Code.INVALID),
    Ending("status=429", NotAccepted, Code.RATE_LIMITED),
    Ending("status=429,retry_after=34", NotAccepted, Code.RATE_LIMITED, hint=34.0),
    Ending("status=429,retry_after=1.5s", NotAccepted, Code.RATE_LIMITED, hint=1.5),
    Ending("status=429,retry_after=-1", NotAccepted, Code.RATE_LIMITED, hint=0.0),
    Ending("status=429,retry_after=9999", NotAccepted, Code.RATE_LIMITED, hint=300.0),
    Ending("status=429,retry_after=later", NotAccepted, Code.RATE_LIMITED),
    Ending(
        "status=429,code=GenerateRequestsPerMinutePerProjectPerModel,retry_after=7,quirk=array",
        NotAccepted,
        Code.RATE_LIMITED,
        hint=7.0,
    ),
    Ending(
        "status=429,code=GenerateRequestsPerDayPerProjectPerModel-FreeTier,retry_after=7",
        NotAccepted,
        Code.QUOTA,
        final=True,
    ),
    Ending("status=429,message=Quota exceeded. limit: 0", NotAccepted, Code.QUOTA, final=True),
    Ending(
        "status=429,message=Your prepayment credits are depleted.", NotAccepted, Code.NO_MONEY, final=True
    ),
    Ending("status=499", OutcomeUnknown, Code.ERROR),
    # Google does not charge for errors of its own; a gateway's word is worth less.
    Ending("status=500", NotAccepted, Code.ERROR),
    Ending("status=503", NotAccepted, Code.BUSY),
    Ending("status=503,retry_after=2", NotAccepted, Code.BUSY, hint=2.0),
    Ending("status=500,envelope=html", OutcomeUnknown, Code.ERROR),
    Ending("status=503,envelope=empty", OutcomeUnknown, Code.BUSY),
    Ending("status=502", OutcomeUnknown, Code.ERROR),
    Ending("status=504", OutcomeUnknown, Code.TIMEOUT),
    *(Ending(f"body=refusal,code={reason}", Refused, Code.CONTENT) for reason in _BLOCKED),
    *(Ending(f"body=empty,code={reason}", Refused, Code.CONTENT) for reason in _REFUSED),
    *(Ending(f"body=empty,code={reason}", OutcomeUnknown, Code.ERROR) for reason in _FAILED),
    Ending("body=empty,code=MISSING_THOUGHT_SIGNATURE", Refused, Code.INVALID),
    Ending("body=empty,code=NO_IMAGE", Refused, Code.NO_IMAGE),
    Ending("body=empty,code=MAX_TOKENS", Refused, Code.NO_IMAGE),
    Ending("quirk=text_only", Refused, Code.NO_IMAGE),
    Ending("quirk=text_only,code=MAX_TOKENS", Refused, Code.NO_IMAGE),
)

CASE = Case(
    name="google",
    adapter=GoogleAdapter,
    mount="/google",
    spec=Spec(
        model="gemini-2.5-flash-image",
        prompt="a lake at dusk",
        aspect_ratio="1:1",
        request_id="g-1.1",
        deadline_seconds=20.0,
    ),
    results={"base64": "result=b64_json"},
    endings=_TABLE,
    broken=(
        Ending("body=html", OutcomeUnknown, Code.UNREADABLE),
        Ending("body=truncated", OutcomeUnknown, Code.UNREADABLE),
        Ending("body=unknown", OutcomeUnknown, Code.UNREADABLE),
        Ending("body=huge", OutcomeUnknown, Code.UNREADABLE),
        Ending("body=empty", Refused, Code.NO_IMAGE),
        Ending("body=empty,quirk=role_only", Refused, Code.NO_IMAGE),
        Ending("body=empty,quirk=no_content+no_facts", Refused, Code.NO_IMAGE),
        Ending("body=empty,quirk=snake,code=IMAGE_SAFETY", Refused, Code.CONTENT),
        Ending("body=null", Refused, Code.NO_IMAGE),
        Ending("body=refusal", Refused, Code.CONTENT),
    ),
    ratios=RATIOS,
)
