"""The provider board as the API shows it."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import http
from accounts.api.base import APIView
from generation import board
from generation.administration import SET_PROVIDERS
from generation.receipts import SEE_CREDITS


class ProviderPriceOutput(serializers.Serializer):
    """What one image costs; the vendor's cost is null unless you are an admin."""

    image_size = serializers.CharField(allow_null=True)
    credits = serializers.IntegerField()
    cost_usd = serializers.DecimalField(max_digits=12, decimal_places=6, allow_null=True)


class ProviderModelOutput(serializers.Serializer):
    id = serializers.CharField()
    name = serializers.CharField()
    prices = ProviderPriceOutput(many=True)


class ProviderSpanOutput(serializers.Serializer):
    """36 minutes: calls that brought pictures, calls that failed."""

    succeeded = serializers.IntegerField()
    failed = serializers.IntegerField()


class ProviderFailureOutput(serializers.Serializer):
    at = serializers.DateTimeField()
    code = serializers.CharField()
    detail = serializers.CharField()


class ProviderOutput(serializers.Serializer):
    """How a provider did in the last 24 hours, and what it makes."""

    id = serializers.CharField()
    name = serializers.CharField()
    state = serializers.ChoiceField(
        choices=sorted({state.replace("closed", "healthy") for state in board.LABELS}),
        help_text="`open` is paused after failures, `resting` paused by its own wish, `new` not asked yet.",
    )
    detail = serializers.CharField(help_text="Why, as a sentence; often empty.")
    again_at = serializers.DateTimeField(allow_null=True, help_text="When it may be asked again.")
    calls = serializers.IntegerField(help_text="Calls that ended; a refused prompt is none of them.")
    success = serializers.FloatField(allow_null=True, help_text="The share that brought pictures, 0 to 1.")
    median_seconds = serializers.FloatField(allow_null=True)
    p95_seconds = serializers.FloatField(allow_null=True)
    spans = ProviderSpanOutput(many=True, help_text="40 of 36 minutes each, the latest last.")
    models = ProviderModelOutput(many=True)
    last_failure = ProviderFailureOutput(allow_null=True, help_text="Null unless you are an admin.")


class ProviderListOutput(serializers.Serializer):
    results = ProviderOutput(many=True)
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)


class ProviderListView(APIView):
    @extend_schema(
        operation_id="list_providers", tags=["generations"], responses=ProviderListOutput, filters=False
    )
    def get(self, request: Request) -> Response:
        """How each provider did in the last 24 hours. Admins see those switched off too, costs and errors."""
        user = http.person(request)
        for_admins = user.has_perm(SEE_CREDITS) or user.has_perm(SET_PROVIDERS)
        shown = board.board(now=timezone.now(), for_admins=for_admins)
        answer: dict[str, Any] = {
            "results": [_answer(row) for row in shown.rows],
            "next": None,
            "previous": None,
        }
        return Response(ProviderListOutput(answer).data)


def _answer(row: board.Row) -> dict[str, Any]:
    return {
        "id": row.facts.name,
        "name": row.facts.title,
        "state": "healthy" if row.state == "closed" else row.state,
        "detail": row.detail,
        "again_at": row.again_at,
        "calls": row.calls,
        "success": None if row.success is None else round(row.success, 4),
        "median_seconds": _tenths(row.median),
        "p95_seconds": _tenths(row.p95),
        "spans": [{"succeeded": cell.good, "failed": cell.bad} for cell in row.cells],
        "models": [
            {
                "id": model.id,
                "name": model.name,
                "prices": [
                    {"image_size": price.size or None, "credits": price.credits, "cost_usd": price.cost_usd}
                    for price in model.prices
                ],
            }
            for model in row.models
        ],
        "last_failure": row.failure,
    }


def _tenths(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
