"""What a provider call can end in besides an answer: three kinds, by what the caller may do next."""

from enum import StrEnum

from generation.wire.messages import UNSTATED, Cost

VENDOR_TEXT_MAX = 500


class Code(StrEnum):
    """Why, in a word that rows and the API keep."""

    UNREACHABLE = "provider_unreachable"
    RATE_LIMITED = "rate_limited"
    BUSY = "provider_busy"
    ERROR = "provider_error"
    TIMEOUT = "provider_timeout"
    UNREADABLE = "unreadable_answer"
    CONTENT = "content_refused"
    INVALID = "invalid_request"
    BAD_KEY = "bad_key"
    NO_MONEY = "out_of_provider_credit"
    QUOTA = "provider_quota_used"
    NO_IMAGE = "no_image"
    MODEL = "model_not_found"


DETAILS = {
    Code.UNREACHABLE: "The image provider can't be reached right now.",
    Code.RATE_LIMITED: "The image provider is taking no more pictures for the moment.",
    Code.BUSY: "The image provider is busy.",
    Code.ERROR: "The image provider had a problem and didn't finish this one.",
    Code.TIMEOUT: "This one didn't finish. The image provider took too long.",
    Code.UNREADABLE: "The image provider sent an answer Easel can't read.",
    Code.CONTENT: "The model declined this prompt. Describe it in other words and try again.",
    Code.INVALID: "The image provider can't make a picture from these settings. Change them and try again.",
    Code.BAD_KEY: "The image provider doesn't accept this studio's key. Ask your admin.",
    Code.NO_MONEY: "This studio's account at the image provider can't pay for more pictures. Ask your admin.",
    Code.QUOTA: "This studio's allowance at the image provider is used up for today. Ask your admin.",
    Code.NO_IMAGE: "The model sent no picture for this prompt. Say what the picture shows and try again.",
    Code.MODEL: "The image provider doesn't offer this model. Choose another, or ask your admin.",
}


class ProviderError(Exception):
    """A call without an answer.

    `detail` is a sentence for the person who asked. `vendor_text` is the vendor's own words, shortened and
    without keys, for the receipt; it never takes the place of `detail`.
    `cost` is what the vendor says it charged.
    """

    def __init__(self, code: Code, *, detail: str = "", vendor_text: str = "", cost: Cost = UNSTATED) -> None:
        self.code = code
        self.detail = detail or DETAILS[code]
        self.vendor_text = vendor_text[:VENDOR_TEXT_MAX]
        self.cost = cost
        super().__init__(f"{code}: {self.detail}")


class NotAccepted(ProviderError):
    """The provider has not taken the work: trying again, or elsewhere, cannot pay twice.

    `retry_after_seconds` is the provider's hint, between 0 and 300, or None. `final_for_provider` says that
    this provider will not take it later either, as with a bad key: another may.
    """

    def __init__(
        self,
        code: Code,
        *,
        retry_after_seconds: float | None = None,
        final_for_provider: bool = False,
        detail: str = "",
        vendor_text: str = "",
        cost: Cost = UNSTATED,
    ) -> None:
        super().__init__(code, detail=detail, vendor_text=vendor_text, cost=cost)
        self.retry_after_seconds = retry_after_seconds
        self.final_for_provider = final_for_provider


class OutcomeUnknown(ProviderError):
    """The provider may have done the work, and may charge for it: never send it again."""


class Refused(ProviderError):
    """The provider looked at the request and will not do it: final."""
