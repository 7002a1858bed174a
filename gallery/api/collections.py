"""Collections: yours and your team's, and what is in them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from accounts import http
from accounts.api.base import APIView, ListAPIView
from accounts.api.filters import OF_EVERY_LIST, check_parameters
from gallery import collections
from gallery.api.arranging_serializers import (
    ChangedOutput,
    CollectionChangeInput,
    CollectionInput,
    CollectionOutput,
    ImagesInput,
    MoveInput,
)
from gallery.models import Collection, Image
from gallery.selection import Selection, resolve

NAMED = OpenApiExample("A name", value={"name": "Harbour posters"}, request_only=True)
SOME = OpenApiExample(
    "One image", value={"images": ["5b0c7a6e-2f4d-4a55-9f5b-0d1f8e6f2c11"]}, request_only=True
)


class CollectionListView(ListAPIView):
    serializer_class = CollectionOutput

    @extend_schema(operation_id="list_collections", tags=["collections"])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Your collections and your team's, newest first."""
        check_parameters(request, OF_EVERY_LIST)
        page = self.paginate_queryset(collections.visible_to(http.person(request)))
        assert page is not None
        return self.get_paginated_response(_shown(request, page))

    @extend_schema(
        operation_id="create_collection",
        tags=["collections"],
        request=CollectionInput,
        responses={201: CollectionOutput},
        parameters=[OpenApiParameter("Location", str, OpenApiParameter.HEADER, response=[201])],
        examples=[NAMED],
        filters=False,
    )
    def post(self, request: Request) -> Response:
        """A new collection, for you alone at first."""
        given = CollectionInput(data=request.data)
        given.is_valid(raise_exception=True)
        made = collections.create(http.person(request), given.validated_data["name"])
        location = reverse("api:collection", args=[made.public_id], request=request)
        return Response(_shown(request, [made])[0], 201, headers={"Location": location})


class CollectionView(APIView):
    @extend_schema(operation_id="get_collection", tags=["collections"], responses=CollectionOutput)
    def get(self, request: Request, public_id: str) -> Response:
        """One collection."""
        return Response(_shown(request, [_seen(request, public_id)])[0])

    @extend_schema(
        operation_id="update_collection",
        tags=["collections"],
        request=CollectionChangeInput,
        responses=CollectionOutput,
        examples=[NAMED],
    )
    def patch(self, request: Request, public_id: str) -> Response:
        """Rename a collection of yours, choose who sees it and its cover."""
        found, user = _seen(request, public_id), http.person(request)
        given = CollectionChangeInput(data=request.data)
        given.is_valid(raise_exception=True)
        asked = given.validated_data
        if "name" in asked:
            collections.rename(user, found, asked["name"])
        if "visibility" in asked:
            collections.show_to(user, found, asked["visibility"])
        if "cover" in asked:
            collections.set_cover(user, found, _cover(request, asked["cover"]))
        return Response(_shown(request, [found])[0])

    @extend_schema(operation_id="delete_collection", tags=["collections"], responses={204: None})
    def delete(self, request: Request, public_id: str) -> Response:
        """Delete a collection of yours; its images stay in the gallery."""
        collections.delete(http.person(request), _seen(request, public_id))
        return Response(status=204)


class CollectionImagesView(APIView):
    @extend_schema(
        operation_id="add_to_collection",
        tags=["collections"],
        request=ImagesInput,
        responses=ChangedOutput,
        examples=[SOME],
    )
    def post(self, request: Request, public_id: str) -> Response:
        """File images that you see at its end, in this order."""
        found = _seen(request, public_id)
        return Response({"changed": len(collections.add(http.person(request), found, _images(request)))})

    @extend_schema(
        operation_id="order_collection",
        tags=["collections"],
        request=ImagesInput,
        responses={204: None},
        examples=[SOME],
    )
    def put(self, request: Request, public_id: str) -> Response:
        """Put images of the collection in this order, at the places they have; the others stay."""
        found = _seen(request, public_id)
        collections.order(http.person(request), found, _images(request))
        return Response(status=204)


class CollectionImageView(APIView):
    @extend_schema(operation_id="remove_from_collection", tags=["collections"], responses={204: None})
    def delete(self, request: Request, public_id: str, image: str) -> Response:
        """Take an image out; it stays in the gallery."""
        found = _seen(request, public_id)
        seen = Image.objects.visible_to(request.user)
        pk = get_object_or_404(seen, public_id=image, collection_items__collection=found).pk
        collections.remove(http.person(request), found, [pk])
        return Response(status=204)


class CollectionMoveView(APIView):
    @extend_schema(
        operation_id="move_in_collection",
        tags=["collections"],
        request=MoveInput,
        responses={204: None},
        examples=[
            OpenApiExample(
                "To just before another",
                value={
                    "image": "5b0c7a6e-2f4d-4a55-9f5b-0d1f8e6f2c11",
                    "before": "0b4f6f0e-3c0e-4a5e-9a55-6d3f0c1f7a10",
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request, public_id: str) -> Response:
        """Move an image to just before or after another one of the collection."""
        found, user = _seen(request, public_id), http.person(request)
        given = MoveInput(data=request.data)
        given.is_valid(raise_exception=True)
        asked = given.validated_data
        ids = resolve(user, Selection((asked["image"], asked["before"] or asked["after"])))
        if len(ids) < 2 and asked["image"] != (asked["before"] or asked["after"]):
            raise collections.NotInIt
        if len(ids) == 2:
            collections.move(user, found, ids[0], beside=ids[1], is_before=asked["before"] is not None)
        return Response(status=204)


def _seen(request: Request, public_id: str) -> Collection:
    return get_object_or_404(collections.visible_to(http.person(request)), public_id=public_id)


def _images(request: Request) -> list[int]:
    given = ImagesInput(data=request.data)
    given.is_valid(raise_exception=True)
    return resolve(http.person(request), Selection(tuple(given.validated_data["images"])))


def _cover(request: Request, public_id: UUID | None) -> Image | None:
    if public_id is None:
        return None
    found = Image.objects.visible_to(request.user).filter(public_id=public_id).first()
    if found is None:
        raise collections.NotInIt
    return found


def _shown(request: Request, page: Sequence[Collection]) -> Any:
    """Collections as they are answered, in two more queries however many there are."""
    user = http.person(request)
    covers = Image.objects.visible_to(user).filter(pk__in=[one.cover_id for one in page if one.cover_id])
    context = {
        "request": request,
        "sizes": collections.sizes(user, page),
        "covers": dict(covers.values_list("pk", "public_id")),
    }
    return CollectionOutput(page, many=True, context=context).data
