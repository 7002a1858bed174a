from typing import Any

from django.db.models import Count
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from accounts import http
from accounts.api.base import APIView, ListAPIView
from accounts.api.filters import OF_EVERY_LIST, check_parameters
from gallery import links
from gallery.api.link_serializers import LinkChangeInput, LinkInput, LinkOutput
from gallery.link_terms import InvalidTerms
from gallery.models import Collection, Image, ShareLink


class LinkListView(ListAPIView):
    serializer_class = LinkOutput

    def get_queryset(self) -> Any:
        return _links(self.request)

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "now": timezone.now()}

    @extend_schema(operation_id="list_links", tags=["links"])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Your share links, newest first; those that ended too."""
        check_parameters(request, OF_EVERY_LIST)
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="create_link",
        tags=["links"],
        request=LinkInput,
        responses={201: LinkOutput},
        parameters=[OpenApiParameter("Location", str, OpenApiParameter.HEADER, response=[201])],
        examples=[
            OpenApiExample(
                "One picture for a week's guests",
                value={
                    "images": ["6f9619ff-8b86-4d01-b42d-00c04fc964ff"],
                    "password": "harbour light",
                    "download": "preview",
                    "views_max": 100,
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Share pictures of yours, or a collection, by an address that needs no sign-in."""
        given = LinkInput(data=request.data)
        given.is_valid(raise_exception=True)
        terms = dict(given.validated_data)
        images, collection = terms.pop("images", []), terms.pop("collection", None)
        try:
            made = links.create(
                http.person(request),
                images=_rows(request, images),
                collection=_collection(request, collection) if collection else None,
                now=timezone.now(),
                **terms,
            )
        except InvalidTerms as refusal:
            raise _invalid(refusal) from refusal
        location = reverse("api:link", args=[made.public_id], request=request)
        return Response(_told(request, made), 201, headers={"Location": location})


class LinkView(APIView):
    @extend_schema(operation_id="get_link", tags=["links"], responses=LinkOutput)
    def get(self, request: Request, public_id: str) -> Response:
        """One share link of yours."""
        return Response(_told(request, _link(request, public_id)))

    @extend_schema(
        operation_id="update_link",
        tags=["links"],
        request=LinkChangeInput,
        responses=LinkOutput,
        examples=[OpenApiExample("Show the prompt", value={"shows_prompt": True}, request_only=True)],
    )
    def patch(self, request: Request, public_id: str) -> Response:
        """Change a link's terms, from the next request on. Its address stays."""
        link = _link(request, public_id)
        given = LinkChangeInput(data=request.data)
        given.is_valid(raise_exception=True)
        try:
            links.change(link, now=timezone.now(), **given.validated_data)
        except InvalidTerms as refusal:
            raise _invalid(refusal) from refusal
        return Response(_told(request, link))

    @extend_schema(operation_id="delete_link", tags=["links"], responses={204: None})
    def delete(self, request: Request, public_id: str) -> Response:
        """End a link at once, and forget its counts. To end it and keep them, revoke it."""
        _link(request, public_id).delete()
        return Response(status=204)


class LinkRevocationView(APIView):
    @extend_schema(operation_id="revoke_link", tags=["links"], request=None, responses=LinkOutput)
    def post(self, request: Request, public_id: str) -> Response:
        """End a link at once and for good, files too. Repeating it changes nothing."""
        link = _link(request, public_id)
        links.revoke(link, now=timezone.now())
        return Response(_told(request, link))


def _links(request: Request) -> Any:
    mine = ShareLink.objects.filter(owner=http.person(request)).select_related("collection")
    return mine.annotate(pinned=Count("shared_images"))


def _link(request: Request, public_id: str) -> ShareLink:
    link: ShareLink = get_object_or_404(_links(request), public_id=public_id)
    return link


def _told(request: Request, link: ShareLink) -> Any:
    fresh = _links(request).get(pk=link.pk)
    return LinkOutput(fresh, context={"request": request, "now": timezone.now()}).data


def _rows(request: Request, public_ids: list[Any]) -> list[int]:
    """Row ids of the person's images, in the order asked for."""
    mine = Image.objects.kept().filter(owner=http.person(request), public_id__in=public_ids)
    rows: dict[Any, int] = dict(mine.values_list("public_id", "pk"))
    if missing := [public_id for public_id in public_ids if public_id not in rows]:
        words = f"There is no image {missing[0]} of yours."
        raise ValidationError({"images": words}, code="unknown_image")
    return [rows[public_id] for public_id in public_ids]


def _collection(request: Request, public_id: Any) -> Collection:
    found = Collection.objects.filter(owner=http.person(request), public_id=public_id).first()
    if found is None:
        raise ValidationError({"collection": "There is no such collection of yours."}, "unknown_collection")
    return found


def _invalid(refusal: InvalidTerms) -> ValidationError:
    return ValidationError({refusal.field or "non_field_errors": refusal.detail}, code=refusal.code)
