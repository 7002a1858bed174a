"""What changes for a person, as it happens: the pages' stream of events, in words for programs."""

import json
from dataclasses import dataclass
from typing import Any

from django.db import Error
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.reverse import reverse

from accounts import events, http, stream
from accounts.api.base import APIView
from accounts.api.filters import check_parameters
from accounts.events import Change, Place
from accounts.hub import Listener

# Where a program reads what changed: the address, and whether it is one of many.
ADDRESSES: dict[str, tuple[str, bool]] = {
    events.Kind.GENERATION: ("api:generation", True),
    events.Kind.IMAGE: ("api:image", True),
    events.Kind.CREDITS: ("api:credits", False),
}
_SOME_ID = "00000000-0000-0000-0000-000000000000"
EXAMPLE = {
    "id": "4712-90211-0",
    "event": "generation",
    "data": '{"type": "generation", "id": "0b4f6f0e-3c0e-4a5e-9a55-6d3f0c1f7a10", '
    '"url": "https://easel.example/api/v1/generations/0b4f6f0e-3c0e-4a5e-9a55-6d3f0c1f7a10"}',
}


class StreamedEvent(serializers.Serializer):
    """One event of the stream, by the fields of its lines."""

    id = serializers.CharField(help_text="A place: send it back as `Last-Event-ID` to go on from here.")
    event = serializers.ChoiceField(
        choices=[*events.Kind.values, "reset", "end"],
        help_text="What changed; `reset`: read everything anew; `end`: come back with the last id.",
    )
    data = serializers.CharField(  # type: ignore[assignment]
        allow_blank=True,
        help_text="JSON: `type`, the `id` of what changed or null, the `url` to read it at or null. "
        "Empty for `reset` and `end`.",
    )


@dataclass(frozen=True)
class ForPrograms:
    """An event as JSON that says where to read what changed."""

    kinds: frozenset[str]
    addresses: tuple[tuple[str, str], ...]

    def words(self, change: Change, place: Place) -> str:
        if change.kind not in self.kinds:
            return ""
        of_many = ADDRESSES.get(change.kind, ("", False))[1]
        # Of many that changed at once no single one is named.
        found = (change.subject or None) if of_many else None
        url = dict(self.addresses).get(change.kind) if found or not of_many else None
        if url and found:
            url = url.replace(_SOME_ID, found)
        data = json.dumps({"type": change.kind, "id": found, "url": url})
        return f"id: {place}\nevent: {change.kind}\ndata: {data}\n\n"


class AnyFormat(DefaultContentNegotiation):
    """A stream is what it is, whatever `Accept` says."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class EventsView(APIView):
    content_negotiation_class = AnyFormat

    @property
    def default_response_headers(self) -> dict[str, str]:
        # A proxy that compresses would keep events back.
        return {**super().default_response_headers, "Cache-Control": "private, no-store, no-transform"}

    def handle_exception(self, exc: Exception) -> Any:
        return stream.away(exc) if isinstance(exc, Error) else super().handle_exception(exc)

    @extend_schema(
        operation_id="stream_events",
        tags=["events"],
        parameters=[
            OpenApiParameter(
                "types",
                str,
                enum=events.Kind.values,
                many=True,
                explode=False,
                description="Only these, with commas between them; all when left out.",
            ),
            OpenApiParameter("after", str, description="As `Last-Event-ID`, for who can't send headers."),
            OpenApiParameter(
                "Last-Event-ID",
                str,
                OpenApiParameter.HEADER,
                description="The last `id` that was heard, as it was sent. Without it the stream begins now.",
            ),
        ],
        responses={
            (200, stream.CONTENT_TYPE): OpenApiResponse(
                StreamedEvent,
                "Server-sent events, each of this form, until five minutes are over",
                examples=[OpenApiExample("A generation changed", value=EXAMPLE)],
            )
        },
    )
    def get(self, request: Request) -> HttpResponseBase:
        """Hear of what changes for you, as it happens. The data names it; read it where `url` says."""
        check_parameters(request, {"types", "after"})
        key = http.key_of(request)
        listener = Listener(http.person(request).pk, key.pk if key else None)
        form = ForPrograms(_kinds(request), _addresses(request))
        asked: HttpRequest = request._request
        return stream.respond(asked, listener, form, _place(asked))


def _kinds(request: Request) -> frozenset[str]:
    """:raises ValidationError: one of them doesn't exist."""
    if "types" not in request.query_params:
        return frozenset(events.Kind.values)
    asked = frozenset(word.strip() for word in request.query_params["types"].split(","))
    if asked <= frozenset(events.Kind.values):
        return asked
    words = f"types is one or more of {', '.join(events.Kind.values)}, with commas between them."
    raise ValidationError({"types": words}, code="invalid_choice")


def _place(request: HttpRequest) -> Place | None:
    """:raises ValidationError: it isn't an id of ours."""
    text = stream.asked_place(request)
    place = events.place_of(text)
    if text and place is None:
        words = "This isn't the id of an event. Send the last id that was heard, or none."
        raise ValidationError({"Last-Event-ID": words}, code="invalid_event_id")
    return place


def _addresses(request: Request) -> tuple[tuple[str, str], ...]:
    return tuple(
        (kind, reverse(name, args=[_SOME_ID] if of_many else [], request=request))
        for kind, (name, of_many) in ADDRESSES.items()
    )
