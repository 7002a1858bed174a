"""What every call that spends shares: its key, its headers, one submit for each key."""

import json
import re
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from accounts import http, idempotency
from generation import filing, references, retrying, submission, wishes
from generation.api import waiting
from generation.models import Generation

_KEY = re.compile(rf"[\x21-\x7e]{{1,{idempotency.KEY_MAX}}}", re.ASCII)

HEADERS = [
    OpenApiParameter(
        "Idempotency-Key",
        str,
        OpenApiParameter.HEADER,
        description="Your id for “this, once”: for 48 hours, the same call answers the same generation.",
    ),
    OpenApiParameter(
        "Prefer",
        str,
        OpenApiParameter.HEADER,
        description=f"`wait=N` holds the answer up to N seconds, at most {waiting.SECONDS_MAX}, for the end.",
    ),
    OpenApiParameter("Location", str, OpenApiParameter.HEADER, response=[201, 202]),
    OpenApiParameter("Idempotency-Replayed", str, OpenApiParameter.HEADER, response=[201, 202]),
    OpenApiParameter("Preference-Applied", str, OpenApiParameter.HEADER, response=[201, 202]),
]


def headers(submitted: submission.Submitted, seconds: int | None) -> dict[str, str]:
    """What the answer says of the key, and of having waited `seconds`."""
    found = {}
    if submitted.replayed:
        found["Idempotency-Replayed"] = "true"
    if seconds is not None:
        found["Preference-Applied"] = f"wait={seconds}"
    return found


def submit(request: Request, given: dict[str, Any], *, begins: bool = False) -> submission.Submitted:
    """Ask for it once: what the key made before is answered before anything is checked again.

    `begins` makes it the first turn of a conversation.
    """
    user, key = http.person(request), idempotency_key(request)
    if key and (earlier := idempotency.find(owner=user, key=key)):
        return submission.Submitted(Generation.objects.get(public_id=earlier), replayed=True)
    checked = wishes.check(
        **wish(given),
        prompt=given["prompt"],
        references=len(given["references"]),
        temperature=given["temperature"],
        top_p=given["top_p"],
        deadline_seconds=given["deadline_seconds"],
    )
    return submission.submit(
        user=user,
        wish=filing.into(checked, user, given["collection"]),
        references=references.resolve(user=user, given=given["references"]),
        now=timezone.now(),
        api_key=http.key_of(request),
        expected_credits=given["expected_credits"],
        key=key,
        turn=submission.Beginning() if begins else None,
    )


def retry(request: Request, earlier: Generation, given: dict[str, Any]) -> submission.Submitted:
    """Ask again for what has ended, once: what the key made before is answered before anything is checked."""
    user, key = http.person(request), idempotency_key(request)
    if key and (made := idempotency.find(owner=user, key=key)):
        return submission.Submitted(Generation.objects.get(public_id=made), replayed=True)
    retrying.check_ended(earlier)
    now = timezone.now()
    asked = retrying.prepare(
        earlier,
        user=user,
        now=now,
        provider=given["provider"] or "",
        deadline_seconds=given["deadline_seconds"],
    )
    return retrying.submit(
        asked,
        user=user,
        now=now,
        api_key=http.key_of(request),
        expected_credits=given["expected_credits"],
        key=key,
    )


def wish(given: dict[str, Any]) -> dict[str, Any]:
    """The fields that the price depends on, as `wishes.check` takes them."""
    return {
        "model": given["model"],
        "aspect_ratio": given["aspect_ratio"],
        "image_size": given["image_size"] or "",
        "count": given["count"],
        "provider": given["provider"] or "",
    }


def idempotency_key(request: Request) -> idempotency.Key | None:
    """The caller's key with what was asked.

    :raises ValidationError: it isn't visible ASCII, or too long.
    """
    value = request.headers.get("Idempotency-Key")
    if value is None:
        return None
    if not _KEY.fullmatch(value):
        raise ValidationError(
            f"An Idempotency-Key is 1 to {idempotency.KEY_MAX} visible ASCII characters.",
            code="invalid_idempotency_key",
        )
    # What was asked, however it was spaced or ordered.
    body = json.dumps(request.data, sort_keys=True).encode()
    return idempotency.key_of(value, method=request.method or "", path=request.path, body=body)
