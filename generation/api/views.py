from typing import Any

from django.conf import settings
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from accounts.api.base import APIView, ListAPIView
from accounts.api.filters import StrictFilterBackend
from generation import catalog, pricing, submission, wishes
from generation.api import asking, serializers, waiting
from generation.api.filters import GenerationFilter
from generation.models import Generation

# The prompt has no part in the price.
_ANY_PROMPT = "quote"

EXAMPLE = OpenApiExample(
    "Two pictures of a lighthouse",
    value={"prompt": "A lighthouse at dusk, oil on canvas", "aspect_ratio": "4:3", "count": 2},
    request_only=True,
)

TAKEN = {
    202: OpenApiResponse(serializers.GenerationOutput, "Taken; follow `Location`."),
    201: OpenApiResponse(serializers.GenerationOutput, "It has ended while you waited."),
}
ELSEWHERE = OpenApiExample("At another provider", value={"provider": "elsewhere"}, request_only=True)
TOLD = OpenApiExample("As it was said", value={"expected_credits_max": 0}, request_only=True)


def generations_of(request: Request) -> Any:
    """The caller's own, with all that an answer shows."""
    me = request.user.pk or 0
    return Generation.objects.filter(user_id=me).as_answered(me)


class ModelListView(APIView):
    @extend_schema(
        operation_id="list_models", tags=["generations"], responses=serializers.ModelListOutput, filters=False
    )
    def get(self, request: Request) -> Response:
        """The models on offer, with their shapes, limits and prices; the default first."""
        rows = [serializers.model_answer(model, settings.UPLOAD_MAX_BYTES) for model in catalog.load().models]
        return Response({"results": rows, "next": None, "previous": None})


class QuoteView(APIView):
    scopes = {"POST": "read"}

    @extend_schema(
        operation_id="create_quote",
        tags=["generations"],
        request=serializers.QuoteInput,
        responses=serializers.QuoteOutput,
        examples=[OpenApiExample("Four pictures", value={"count": 4}, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        """What it would cost now. Nothing is set aside."""
        given = serializers.QuoteInput(data=request.data)
        given.is_valid(raise_exception=True)
        wish = wishes.check(**asking.wish(given.validated_data), prompt=_ANY_PROMPT)
        quote = pricing.quote(model=wish.model, count=wish.count, image_size=wish.size.name)
        ratio = wish.size.ratios[wish.aspect_ratio]
        answer = {
            "credits": quote.credits,
            "credits_per_image": quote.price,
            "model": quote.model,
            "aspect_ratio": ratio.name,
            "image_size": wish.size.name or None,
            "width": ratio.width,
            "height": ratio.height,
            "count": quote.count,
        }
        return Response(answer)


class GenerationListView(ListAPIView):
    serializer_class = serializers.GenerationOutput
    filter_backends = [StrictFilterBackend]
    filterset_class = GenerationFilter

    def get_queryset(self) -> Any:
        return generations_of(self.request)

    @extend_schema(operation_id="list_generations", tags=["generations"])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Your generations, newest first."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="create_generation",
        tags=["generations"],
        request=serializers.GenerationInput,
        responses=TAKEN,
        parameters=asking.HEADERS,
        examples=[EXAMPLE],
        filters=False,
    )
    def post(self, request: Request) -> Response:
        """Set the price aside and have it made. Answers at once, or waits as `Prefer: wait=N` asks."""
        given = serializers.GenerationInput(data=request.data)
        given.is_valid(raise_exception=True)
        return _taken(request, asking.submit(request, given.validated_data))


class GenerationView(APIView):
    @extend_schema(
        operation_id="get_generation", tags=["generations"], responses=serializers.GenerationOutput
    )
    def get(self, request: Request, public_id: str) -> Response:
        """One generation, as it is now."""
        return _answer(request, get_object_or_404(generations_of(request), public_id=public_id))


class CancelView(APIView):
    @extend_schema(
        operation_id="cancel_generation",
        tags=["generations"],
        request=serializers.CancelInput,
        responses=serializers.GenerationOutput,
        examples=[TOLD],
    )
    def post(self, request: Request, public_id: str) -> Response:
        """Stop it, as its `cancel` says: free while nothing was sent; later, what arrives is charged."""
        generation = get_object_or_404(Generation, user=request.user, public_id=public_id)
        given = serializers.CancelInput(data=request.data)
        given.is_valid(raise_exception=True)
        submission.cancel(
            generation=generation,
            now=timezone.now(),
            expected_credits_max=given.validated_data["expected_credits_max"],
        )
        return _answer(request, generations_of(request).get(pk=generation.pk))


class RetryView(APIView):
    @extend_schema(
        operation_id="retry_generation",
        tags=["generations"],
        request=serializers.RetryInput,
        responses=TAKEN,
        parameters=asking.HEADERS,
        examples=[ELSEWHERE],
    )
    def post(self, request: Request, public_id: str) -> Response:
        """Ask again for what is missing of one that has ended, or for all of it where nothing is.

        The answer is a generation of its own, at the price of now.
        """
        earlier = get_object_or_404(generations_of(request), public_id=public_id)
        given = serializers.RetryInput(data=request.data)
        given.is_valid(raise_exception=True)
        return _taken(request, asking.retry(request, earlier, given.validated_data))


def _taken(request: Request, submitted: submission.Submitted) -> Response:
    seconds = waiting.preferred_seconds(request.headers.get("Prefer", ""))
    ended = seconds is not None and waiting.until_finished(submitted.generation, seconds=seconds)
    headers = asking.headers(submitted, seconds)
    headers["Location"] = reverse("api:generation", args=[submitted.generation.public_id], request=request)
    answer = _answer(request, generations_of(request).get(pk=submitted.generation.pk))
    return Response(answer.data, 201 if ended else 202, headers=headers)


def _answer(request: Request, generation: Generation) -> Response:
    return Response(serializers.GenerationOutput(generation, context={"request": request}).data)
