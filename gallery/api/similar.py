"""Pictures that look like one, and those that are there already, for programs."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import http
from accounts.api.base import APIView
from accounts.api.fields import IdField, StrictSerializer, TextField
from gallery import already
from gallery.api.serializers import ImageOutput
from gallery.models import Image
from gallery.similar import similar

_PROMPT_MAX, _REFERENCES_MAX = 40_000, 16


class SimilarOutput(serializers.Serializer):
    """An image that looks like another."""

    image = ImageOutput()
    nearly_the_same = serializers.BooleanField(
        source="is_near", help_text="Not only of the same colours.", read_only=True
    )
    bits_apart = serializers.IntegerField(
        source="bits", help_text="Of 64: how many bits of the hashes of light and dark differ."
    )
    colour_distance = serializers.FloatField(
        source="distance", help_text="Of the colours, on the average, in CIE L*a*b*."
    )


class SimilarListOutput(serializers.Serializer):
    """The images most like one, the likest first."""

    results = SimilarOutput(many=True)


class AlreadyInput(StrictSerializer):
    """What is about to be made."""

    prompt = TextField(allow_blank=True, max_length=_PROMPT_MAX, help_text="What the picture shows.")
    references = serializers.ListField(
        child=IdField(),
        default=list,
        max_length=_REFERENCES_MAX,
        help_text="Ids of uploads or images.",
    )


class MatchOutput(serializers.Serializer):
    """An image that is there already."""

    image = ImageOutput()
    exact = serializers.BooleanField(
        source="is_exact", help_text="Of the same words in the same order, and the same references."
    )
    share = serializers.FloatField(help_text="Of the different words of both prompts, those in both: 0 to 1.")


class AlreadyOutput(serializers.Serializer):
    """At most six images, the same ones first."""

    results = MatchOutput(many=True)


class SimilarView(APIView):
    @extend_schema(operation_id="list_similar_images", tags=["images"], responses=SimilarListOutput)
    def get(self, request: Request, public_id: str) -> Response:
        """The images that look most like this one: nearly the same first, then those of its colours."""
        user = http.person(request)
        visible = Image.objects.visible_to(user).select_related("original")
        image = get_object_or_404(visible, public_id=public_id)
        found = {"results": similar(user, image)}
        return Response(SimilarListOutput(found, context={"request": request}).data)


class AlreadyView(APIView):
    scopes = {"POST": "read"}

    @extend_schema(
        operation_id="find_images_already_there",
        tags=["images"],
        request=AlreadyInput,
        responses=AlreadyOutput,
        examples=[
            OpenApiExample(
                "A lighthouse",
                value={"prompt": "A lighthouse at dusk, oil on canvas", "references": []},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Images of the same or nearly the same prompt and references: look before you pay."""
        user = http.person(request)
        given = AlreadyInput(data=request.data)
        given.is_valid(raise_exception=True)
        originals = already.originals_of(user, given.validated_data["references"])
        found = {"results": already.find(user, given.validated_data["prompt"], originals)}
        return Response(AlreadyOutput(found, context={"request": request}).data)
