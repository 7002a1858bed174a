import uuid
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import transaction
from django.http import QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import NotAuthenticated, PermissionDenied, ValidationError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView as FrameworkView

from accounts import http
from accounts.api.base import APIView, ListAPIView
from accounts.api.filters import OF_EVERY_LIST, check_parameters
from accounts.models import User
from gallery import collections, describing, favourites, files, ingest, lineage, sharing, tags, uploading
from gallery.api import addresses, walks
from gallery.api.arranging_serializers import ImageTagsInput
from gallery.api.serializers import (
    ImageChangeInput,
    ImageOutput,
    ImageUploadInput,
    LineageOutput,
    UploadInput,
    UploadOutput,
)
from gallery.models import Collection, Image, Upload

# Around the file in a multipart body: boundaries, headers of the part.
_ENVELOPE_BYTES = 64 * 1024


class UploadListView(APIView):
    parser_classes = [MultiPartParser]

    @extend_schema(
        operation_id="create_upload",
        tags=["uploads"],
        request=UploadInput,
        responses={201: UploadOutput},
        parameters=[OpenApiParameter("Location", str, OpenApiParameter.HEADER, response=[201])],
    )
    def post(self, request: Request) -> Response:
        """Give a picture to use as a reference. It loses its metadata; unused, it is kept for a day."""
        given = _form(request, UploadInput)
        file = given["file"]
        data = file.read(settings.UPLOAD_MAX_BYTES + 1)
        upload = ingest.store_upload(owner=http.person(request), data=data, file_name=file.name)
        location = reverse("api:upload", args=[upload.public_id], request=request)
        return Response(UploadOutput(upload).data, 201, headers={"Location": location})


def _form(request: Request, serializer: type[UploadInput]) -> dict[str, Any]:
    """What a multipart body with one file says, checked.

    :raises RequestDataTooBig: by the announced length alone. :raises ValidationError:
    """
    length = request.headers.get("Content-Length", "")
    if length.isdecimal() and int(length[:18]) > settings.UPLOAD_MAX_BYTES + _ENVELOPE_BYTES:
        raise RequestDataTooBig
    # Without any body DRF answers a plain dict.
    form = request.data if isinstance(request.data, QueryDict) else QueryDict()
    if any(len(values) > 1 for _, values in form.lists()):
        raise ValidationError({"file": "Send one picture at a time."}, code="too_many_files")
    given = serializer(data=form.dict())
    given.is_valid(raise_exception=True)
    return dict(given.validated_data)


class UploadView(APIView):
    @extend_schema(operation_id="get_upload", tags=["uploads"], responses=UploadOutput)
    def get(self, request: Request, public_id: str) -> Response:
        """One upload of yours."""
        uploads = Upload.objects.filter(owner=http.person(request)).select_related("original")
        return Response(UploadOutput(get_object_or_404(uploads, public_id=public_id)).data)

    @extend_schema(operation_id="delete_upload", tags=["uploads"], responses={204: None})
    def delete(self, request: Request, public_id: str) -> Response:
        """Take an upload back. Generations that used it keep their copy."""
        get_object_or_404(Upload, owner=request.user, public_id=public_id).delete()
        return Response(status=204)


class ImageListView(ListAPIView):
    serializer_class = ImageOutput
    parser_classes = [MultiPartParser]

    @extend_schema(operation_id="list_images", tags=["images"], parameters=walks.PARAMETERS)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Your images and those shared with you, newest first, narrowed down as in the gallery."""
        check_parameters(request, OF_EVERY_LIST | walks.NAMES)
        if empty := sorted(name for name, values in request.query_params.lists() if "" in values):
            raise ValidationError(dict.fromkeys(empty, "Give it a value, or leave it out."), code="blank")
        user = http.person(request)
        found: Any = walks.Found(walks.wanted_by(request, user), user)
        page = self.paginate_queryset(found)
        return self.get_paginated_response(ImageOutput(page, many=True, context={"request": request}).data)

    @extend_schema(
        operation_id="create_image",
        tags=["images"],
        request=ImageUploadInput,
        responses={201: ImageOutput},
        parameters=[OpenApiParameter("Location", str, OpenApiParameter.HEADER, response=[201])],
    )
    def post(self, request: Request) -> Response:
        """Bring a picture into the gallery. It loses its metadata, and counts for your storage."""
        user = http.person(request)
        given = _form(request, ImageUploadInput)
        file = given["file"]
        image = uploading.upload(
            user,
            file.read(settings.UPLOAD_MAX_BYTES + 1),
            file.name,
            title=given["title"],
            collection=_collection(user, given["collection"]),
        )
        answer = _answer(request, _visible(request, str(image.public_id)))
        location = reverse("api:image", args=[image.public_id], request=request)
        return Response(answer.data, 201, headers={"Location": location})


class ImageView(APIView):
    @extend_schema(operation_id="get_image", tags=["images"], responses=ImageOutput)
    def get(self, request: Request, public_id: str) -> Response:
        """One image."""
        return _answer(request, _visible(request, public_id))

    @extend_schema(
        operation_id="update_image",
        tags=["images"],
        request=ImageChangeInput,
        responses=ImageOutput,
        examples=[
            OpenApiExample("Share it", value={"visibility": "everyone"}, request_only=True),
            OpenApiExample("A title", value={"title": "Harbour, first draft"}, request_only=True),
        ],
    )
    def patch(self, request: Request, public_id: str) -> Response:
        """Give an image of yours a title or notes, or choose who sees it."""
        image = _visible(request, public_id)
        if image.owner_id != request.user.pk:
            raise PermissionDenied("Only the person who made this image may change it.", code="not_yours")
        given = ImageChangeInput(data=request.data)
        given.is_valid(raise_exception=True)
        asked = given.validated_data
        with transaction.atomic():
            if "title" in asked or "notes" in asked:
                describing.describe(
                    http.person(request), image, title=asked.get("title"), notes=asked.get("notes")
                )
            if "visibility" in asked:
                sharing.show_to(image, asked["visibility"])
        return _answer(request, image)


class ImageTagsView(APIView):
    @extend_schema(
        operation_id="tag_image",
        tags=["images"],
        request=ImageTagsInput,
        responses=ImageOutput,
        examples=[OpenApiExample("One more", value={"add": ["Golden hour"]}, request_only=True)],
    )
    def put(self, request: Request, public_id: str) -> Response:
        """Put tags on an image of yours, or one that is shown to your team, and take tags off."""
        user = http.person(request)
        image = get_object_or_404(Image.objects.visible_to(user), public_id=public_id)
        if not tags.taggable_by(user).filter(pk=image.pk).exists():
            raise PermissionDenied("Only its owner and the team it is shown to may tag it.", code="not_yours")
        given = ImageTagsInput(data=request.data)
        given.is_valid(raise_exception=True)
        asked = given.validated_data
        tags.change(user, image, add=asked["add"], remove=asked["remove"])
        return _answer(request, _visible(request, public_id))


class FavouriteView(APIView):
    @extend_schema(operation_id="like_image", tags=["images"], request=None, responses={204: None})
    def put(self, request: Request, public_id: str) -> Response:
        """Make an image one of your favourites; nobody else is told."""
        favourites.put(http.person(request), _visible(request, public_id), liked=True)
        return Response(status=204)

    @extend_schema(operation_id="unlike_image", tags=["images"], responses={204: None})
    def delete(self, request: Request, public_id: str) -> Response:
        """Take an image off your favourites."""
        favourites.put(http.person(request), _visible(request, public_id), liked=False)
        return Response(status=204)


class LineageView(APIView):
    @extend_schema(operation_id="get_lineage", tags=["images"], responses=LineageOutput)
    def get(self, request: Request, public_id: str) -> Response:
        """What an image was made from, and what was made from it."""
        found = lineage.of(http.person(request), _visible(request, public_id))
        answer = {
            "sources": [
                {
                    "kind": "image" if one.image else "hidden" if one.is_hidden else "upload",
                    "image": one.image,
                    "upload": one.upload.public_id if one.upload else None,
                }
                for one in found.sources
            ],
            "made": found.made,
            "more": found.more,
        }
        return Response(LineageOutput(answer, context={"request": request}).data)


class AnyFormat(DefaultContentNegotiation):
    """A file is what it is, whatever `Accept` says."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class ImageFileView(FrameworkView):
    permission_classes = [AllowAny]
    content_negotiation_class = AnyFormat

    @extend_schema(
        operation_id="get_image_file",
        tags=["images"],
        parameters=[
            OpenApiParameter(
                "size",
                str,
                enum=files.VARIANTS,
                default="original",
                description="The longer side, pixels; as WebP.",
            ),
            OpenApiParameter("token", str, description="Part of an image's `url`; stands for a key."),
        ],
        responses={
            (200, media_type): OpenApiResponse(OpenApiTypes.BINARY, "The picture")
            for media_type in ingest.SUFFIXES
        },
    )
    def get(self, request: Request, public_id: str) -> HttpResponseBase:
        """The picture itself."""
        check_parameters(request, {"size", "token", "download"})
        variant = request.query_params.get("size", "original")
        if variant not in files.VARIANTS:
            raise ValidationError(
                {"size": f"size is one of {', '.join(files.VARIANTS)}."}, code="unknown_size"
            )
        if addresses.is_signed(request.query_params.get("token", ""), public_id, variant):
            image = get_object_or_404(Image.objects.kept().select_related("original"), public_id=public_id)
        else:
            image = self._own(request, public_id, variant)
        return files.respond(request._request, image, variant, max_age=files.CACHE_SECONDS)

    def _own(self, request: Request, public_id: str, variant: str) -> Image:
        if not http.MayCall().has_permission(request, self):
            raise NotAuthenticated
        return files.in_trash(http.person(request), public_id, variant) or _visible(request, public_id)


def _collection(user: User, public_id: uuid.UUID | None) -> Collection | None:
    """The collection to file into.

    :raises ValidationError: the person sees none of that id.
    """
    if public_id is None:
        return None
    found = collections.visible_to(user).filter(public_id=public_id).first()
    if found is None:
        detail = "There is no such collection, or it isn't yours."
        raise ValidationError({"collection": detail}, code="unknown_collection")
    return found


def _visible(request: Request, public_id: str) -> Image:
    images = Image.objects.visible_to(request.user).with_files().with_facts(request.user)
    image: Image = get_object_or_404(images, public_id=public_id)
    return image


def _answer(request: Request, image: Image) -> Response:
    return Response(ImageOutput(image, context={"request": request}).data)
