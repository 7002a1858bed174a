"""From refusal to answer: the one table, and the RFC 9457 body that every error of the API has."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError, connection
from django.http import Http404, UnreadablePostError
from rest_framework import exceptions
from rest_framework.response import Response

from accounts import idempotency, ledger
from gallery import archives, collections, ingest, quota, refusals, sharing
from generation import conversations, retrying, stopping, submission, wishes

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"

STATUSES: dict[type[Exception], int] = {
    wishes.InvalidWish: 400,
    ingest.PictureRefused: 400,
    archives.TooManyUnfinished: 409,
    archives.CannotPack: 400,
    ledger.InsufficientCredits: 402,
    ledger.LimitReached: 403,
    quota.QuotaExceeded: 409,
    submission.PriceChanged: 409,
    submission.CannotCancel: 409,
    stopping.TermsChanged: 409,
    retrying.NotFinished: 409,
    conversations.NothingToContinue: 409,
    idempotency.FingerprintDiffers: 422,
    collections.Unknown: 404,
    collections.Full: 409,
    refusals.NotAllowed: 403,
    refusals.NotNow: 409,
    refusals.Refused: 400,
    sharing.NoTeam: 400,
}

TITLES = {
    400: "This can't be done as asked",
    401: "Not signed in",
    402: "Not enough credits",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    406: "No such format",
    409: "Something changed meanwhile",
    411: "Length needed",
    413: "Too large",
    415: "Format not understood",
    422: "Idempotency key used before",
    429: "Too many requests",
    500: "Something went wrong",
    503: "Not available right now",
}

# Where a status is shared, and its title would say something else.
_TITLES_BY_CODE = {"quota_exceeded": "Storage full"}

# DRF's own codes where ours say more.
_CODES = {"error": "invalid", "parse_error": "invalid_body"}
# What a refusal tells besides its sentence.
_FACTS = (
    "needed",
    "available",
    "held",
    "scope",
    "period",
    "used",
    "allowed",
    "resets_at",
    "raised_by",
    "expected",
    "quoted",
    "used_bytes",
    "quota_bytes",
)


# PostgreSQL's codes: of connections, and of a server that stops, starts or has no connection left.
_CONNECTION_ERRORS = "08"
_GOING_AWAY = ("57P01", "57P02", "57P03", "53300")
RETRY_AFTER_SECONDS = 5


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field; `field` is a path such as `references.0`, empty for the whole."""

    field: str
    code: str
    detail: str


@dataclass(frozen=True)
class Problem:
    """An error as it is answered."""

    status: int
    code: str
    detail: str
    errors: tuple[FieldError, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


def handle(error: Exception, context: dict[str, Any]) -> Response:
    """Answer whatever a view raised."""
    request_id = getattr(getattr(context.get("request"), "_request", None), "id", "")
    problem = problem_of(error)
    if problem is None and _is_away(error):
        log.warning("the database is away", error=str(error).partition("\n")[0])
        problem = _unavailable(getattr(context.get("request"), "method", ""))
    if problem is None:
        log.error("the API failed", exc_info=error)
        problem = _unexpected(request_id)
    return Response(
        body(problem, request_id), problem.status, headers=dict(problem.headers), content_type=MEDIA_TYPE
    )


def body(problem: Problem, request_id: str) -> dict[str, Any]:
    """The problem as RFC 9457 has it; `instance` is the request's id, as in `X-Request-Id`."""
    answer: dict[str, Any] = {
        "type": f"urn:easel:problem:{problem.code}",
        "title": _TITLES_BY_CODE.get(problem.code) or TITLES.get(problem.status, "Refused"),
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
        "instance": request_id,
        **problem.facts,
    }
    if problem.errors:
        answer["errors"] = [vars(error) for error in problem.errors]
    return answer


def problem_of(error: Exception) -> Problem | None:
    """What to answer to a refusal; None for what is a fault of ours."""
    if isinstance(error, tuple(STATUSES)):
        return _refusal(error)
    if isinstance(error, exceptions.ValidationError):
        return _invalid(error)
    if isinstance(error, exceptions.APIException) and error.status_code < 500:
        return _of_framework(error)
    return _of_django(error)


def _refusal(error: Exception) -> Problem:
    code, detail = str(getattr(error, "code", "refused")), str(error)
    status = next(status for kind, status in STATUSES.items() if isinstance(error, kind))
    if isinstance(error, ingest.PictureRefused) and code == "too_large":
        status = 413
    field = getattr(error, "field", "")
    errors = (FieldError(field, code, detail),) if field else ()
    facts = {name: getattr(error, name) for name in _FACTS if hasattr(error, name)}
    return Problem(status, code, detail, errors, facts)


def _invalid(error: exceptions.ValidationError) -> Problem:
    errors = tuple(_field_errors(error.detail, ""))
    first = errors[0]
    detail = f"{first.field}: {first.detail}" if first.field else first.detail
    return Problem(400, first.code, detail, errors)


def _field_errors(detail: Any, path: str) -> Iterator[FieldError]:
    if isinstance(detail, dict):
        for name, inner in detail.items():
            part = "" if name == "non_field_errors" else str(name)
            yield from _field_errors(inner, ".".join(filter(None, (path, part))))
    elif isinstance(detail, list):
        for inner in detail:
            yield from _field_errors(inner, path)
    else:
        yield FieldError(path, getattr(detail, "code", "invalid"), str(detail))


def _of_framework(error: exceptions.APIException) -> Problem:
    code = str(getattr(error.detail, "code", error.default_code))
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if (wait := getattr(error, "wait", None)) is not None:
        headers["Retry-After"] = f"{wait:.0f}"
    return Problem(error.status_code, _CODES.get(code, code), str(error.detail), headers=headers)


def _of_django(error: Exception) -> Problem | None:
    if isinstance(error, Http404):
        return Problem(404, "not_found", "There is nothing here, or it isn't yours.")
    if isinstance(error, PermissionDenied):
        return Problem(403, "permission_denied", "You may not do this.")
    if isinstance(error, RequestDataTooBig):
        return Problem(413, "too_large", "The body is larger than this address takes.")
    if isinstance(error, SuspiciousOperation | UnreadablePostError):
        return Problem(400, "invalid_body", "The body can't be read.")
    return None


def _is_away(error: Exception) -> bool:
    """Whether the connection to the database was lost or refused; not that a statement was refused."""
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    if connection.vendor == "sqlite":
        return str(error).startswith("unable to open database file")
    state = getattr(error.__cause__, "sqlstate", None)
    return state is None or state.startswith(_CONNECTION_ERRORS) or state in _GOING_AWAY


def _unavailable(method: str | None) -> Problem:
    detail = "Easel can't reach its database right now. Try again in a few seconds."
    if method not in ("GET", "HEAD", "OPTIONS"):
        detail = (
            "Easel can't reach its database right now. Nothing was charged, unless the connection broke just "
            "after your call was taken in. Send it again in a few seconds, with the same Idempotency-Key "
            "where the call takes one: you get what it began then, or it begins now, and you pay once."
        )
    return Problem(503, "unavailable", detail, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


def _unexpected(request_id: str) -> Problem:
    detail = (
        "Something went wrong on our side. Nothing was charged. "
        f"If it happens again, tell us this number: {request_id}."
    )
    return Problem(500, "internal_error", detail)
