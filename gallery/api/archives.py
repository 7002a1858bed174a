"""ZIP files of many pictures: asked for, followed, and fetched in parts."""

from typing import Any

from django.http import Http404
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_field,
)
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from accounts import http
from accounts.api.base import APIView, ListAPIView
from accounts.api.fields import IdField, TextField
from accounts.api.filters import check_parameters
from gallery import archive_views, archives, browsing, files, selection
from gallery.api.arranging_serializers import SelectionInput
from gallery.api.views import AnyFormat
from gallery.models import Archive

_SOME_ID = "0b4f6f0e-3c0e-4a5e-9a55-6d3f0c1f7a10"


class ArchiveInput(SelectionInput):
    """Which images, and which of their files. Those that you can't see are passed over."""

    images = serializers.ListField(
        child=IdField(), default=None, allow_null=True, max_length=archives.IMAGES_MAX
    )
    variant = serializers.ChoiceField(
        choices=files.VARIANTS,
        default="original",
        help_text="The originals, or WebP copies by their longer side, pixels.",
    )
    title = TextField(default="", allow_blank=True, max_length=120, help_text="What it is to be called.")


class ArchiveOutput(serializers.ModelSerializer):
    """A ZIP file of pictures with `manifest.json` and `manifest.csv`; it is kept for a week."""

    id = serializers.UUIDField(source="public_id")
    images = serializers.IntegerField(help_text="How many images were asked for.")
    done = serializers.IntegerField(help_text="How many of them are in it, or were left out, so far.")
    detail = serializers.CharField(help_text="Why it failed, if it did.")
    size_bytes = serializers.SerializerMethodField(help_text="Of the file; null until it is ready.")
    sha256 = serializers.SerializerMethodField(
        help_text="Of the file; null until it is ready, and for one that is too large for it."
    )
    url = serializers.SerializerMethodField(help_text="Where the file is; null until it is ready.")

    class Meta:
        model = Archive
        fields = [
            "id",
            "title",
            "variant",
            "status",
            "images",
            "done",
            "detail",
            "size_bytes",
            "sha256",
            "url",
            "created_at",
            "finished_at",
            "expires_at",
        ]

    def get_size_bytes(self, archive: Archive) -> int | None:
        return archive.size_bytes if archive.status == Archive.Status.READY else None

    def get_sha256(self, archive: Archive) -> str | None:
        return archive.sha256 or None

    @extend_schema_field({"type": ["string", "null"], "format": "uri"})
    def get_url(self, archive: Archive) -> str | None:
        if archive.status != Archive.Status.READY:
            return None
        return str(reverse("api:archive-file", args=[archive.public_id], request=self.context["request"]))


class ArchiveListView(ListAPIView):
    serializer_class = ArchiveOutput

    def get_queryset(self) -> Any:
        return archives.of(http.person(self.request))

    @extend_schema(operation_id="list_archives", tags=["archives"])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Your archives, newest first."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="create_archive",
        tags=["archives"],
        request=ArchiveInput,
        responses={201: ArchiveOutput},
        parameters=[OpenApiParameter("Location", str, OpenApiParameter.HEADER, response=[201])],
        examples=[
            OpenApiExample("Two originals", value={"images": [_SOME_ID, _SOME_ID]}, request_only=True),
            OpenApiExample("All that a search finds", value={"filter": "q=lighthouse"}, request_only=True),
            OpenApiExample(
                "Small copies",
                value={"images": [_SOME_ID], "variant": "640", "title": "Moodboard"},
                request_only=True,
            ),
        ],
    )
    def post(self, request: Request) -> Response:
        """Have a ZIP file made of images. You may have two under way.

        What you can't see any more when it is written is left out, and the manifest says so.
        """
        given = ArchiveInput(data=request.data)
        given.is_valid(raise_exception=True)
        asked, user = given.validated_data, http.person(request)
        try:
            ids = selection.resolve(user, given.selection)
        except browsing.UnknownPlace as unknown:
            raise Http404 from unknown
        archive = archives.create(
            user, ids, variant=asked["variant"], title=asked["title"], now=timezone.now()
        )
        location = reverse("api:archive", args=[archive.public_id], request=request)
        return Response(_answer(request, archive), 201, headers={"Location": location})


class ArchiveView(APIView):
    @extend_schema(operation_id="get_archive", tags=["archives"], responses=ArchiveOutput)
    def get(self, request: Request, public_id: str) -> Response:
        """One archive of yours, and how far it is."""
        return Response(_answer(request, _own(request, public_id)))

    @extend_schema(operation_id="delete_archive", tags=["archives"], responses={204: None})
    def delete(self, request: Request, public_id: str) -> Response:
        """Cancel it where it is under way, and forget it with its file."""
        archives.remove(_own(request, public_id), now=timezone.now())
        return Response(status=204)


class ArchiveFileView(APIView):
    content_negotiation_class = AnyFormat

    @extend_schema(
        operation_id="get_archive_file",
        tags=["archives"],
        responses={(200, "application/zip"): OpenApiResponse(OpenApiTypes.BINARY, "The ZIP file")},
    )
    def get(self, request: Request, public_id: str) -> HttpResponseBase:
        """The ZIP file, whole or by ranges; 404 until it is ready, and when its week is over."""
        check_parameters(request, set())
        return archive_views.respond(request._request, _own(request, public_id))


def _own(request: Request, public_id: str) -> Archive:
    return get_object_or_404(archives.of(http.person(request)), public_id=public_id)


def _answer(request: Request, archive: Archive) -> Any:
    return ArchiveOutput(archive, context={"request": request}).data
