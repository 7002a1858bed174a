"""Tags: found, changed and merged by who may, put on pictures."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import http
from accounts.api.base import APIView
from accounts.api.filters import check_parameters
from gallery import tags
from gallery.api.arranging_serializers import MergeInput, TagChangeInput, TagListOutput, TagOutput
from gallery.models import Tag

LIMIT_DEFAULT, LIMIT_MAX = 10, 100


class TagListView(APIView):
    @extend_schema(
        operation_id="list_tags",
        tags=["tags"],
        responses=TagListOutput,
        parameters=[
            OpenApiParameter("q", str, description="How a word of the name begins; left out, any tag."),
            OpenApiParameter(
                "limit", {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT}
            ),
        ],
    )
    def get(self, request: Request) -> Response:
        """Tags to choose from, the most used first."""
        check_parameters(request, {"q", "limit"})
        limit = request.query_params.get("limit", str(LIMIT_DEFAULT))
        if not (limit.isascii() and limit.isdigit() and len(limit) < 4 and 1 <= int(limit) <= LIMIT_MAX):
            detail = f"limit is a whole number from 1 to {LIMIT_MAX}."
            raise ValidationError({"limit": detail}, code="invalid_limit")
        found = tags.suggest(http.person(request), request.query_params.get("q", ""), int(limit))
        return Response({"results": TagOutput(found, many=True).data})


class TagView(APIView):
    @extend_schema(
        operation_id="update_tag",
        tags=["tags"],
        request=TagChangeInput,
        responses=TagOutput,
        examples=[OpenApiExample("Another name", value={"name": "Golden hour"}, request_only=True)],
    )
    def patch(self, request: Request, pk: int) -> Response:
        """Rename or colour a tag: its maker while only their images have it, else who has the permission."""
        tag, user = _tag(pk), http.person(request)
        given = TagChangeInput(data=request.data)
        given.is_valid(raise_exception=True)
        asked = given.validated_data
        if "name" in asked:
            tag = tags.rename(user, tag, asked["name"])
        if "colour" in asked:
            tag = tags.recolour(user, tag, asked["colour"])
        return Response(TagOutput(tag).data)

    @extend_schema(operation_id="delete_tag", tags=["tags"], responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        """Take a tag off all images and forget it."""
        tags.delete(http.person(request), _tag(pk))
        return Response(status=204)


class TagMergeView(APIView):
    @extend_schema(
        operation_id="merge_tag",
        tags=["tags"],
        request=MergeInput,
        responses=TagOutput,
        examples=[OpenApiExample("Into another", value={"into": 12}, request_only=True)],
    )
    def post(self, request: Request, pk: int) -> Response:
        """Make it one with another tag. Its name goes on leading there; the answer is that other one."""
        tag = _tag(pk)
        given = MergeInput(data=request.data)
        given.is_valid(raise_exception=True)
        into = Tag.objects.filter(pk=given.validated_data["into"], merged_into=None).first()
        if into is None:
            raise ValidationError({"into": "There is no such tag."}, code="unknown_tag")
        return Response(TagOutput(tags.merge(http.person(request), tag, into)).data)


def _tag(pk: int) -> Tag:
    return get_object_or_404(Tag, pk=pk, merged_into=None)
