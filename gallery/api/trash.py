"""The trash: putting pictures in, taking them out, and deleting them for good."""

from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import http
from accounts.api.base import APIView, ListAPIView
from accounts.api.filters import OF_EVERY_LIST, check_parameters
from gallery import trash
from gallery.api import addresses
from gallery.api.serializers import ImageOutput
from gallery.models import Image


class TrashedImageOutput(serializers.ModelSerializer):
    """A picture in your trash, seen by nobody else. `preview` is for keys and sessions of yours."""

    id = serializers.UUIDField(source="public_id")
    width = serializers.IntegerField(source="original.width", help_text="Pixels.")
    height = serializers.IntegerField(source="original.height", help_text="Pixels.")
    placeholder = serializers.CharField(source="original.placeholder", help_text="A tiny blurred data URI.")
    size_bytes = serializers.IntegerField(help_text="What it takes of your storage until it is deleted.")
    preview = serializers.SerializerMethodField()
    deleted_at = serializers.SerializerMethodField(help_text="When it is deleted for good.")

    class Meta:
        model = Image
        fields = [
            "id",
            "title",
            "prompt",
            "width",
            "height",
            "placeholder",
            "size_bytes",
            "preview",
            "trashed_at",
            "deleted_at",
        ]

    @extend_schema_field({"type": "string", "format": "uri"})
    def get_preview(self, image: Image) -> str:
        return addresses.of_preview(self.context["request"], image)

    @extend_schema_field({"type": "string", "format": "date-time"})
    def get_deleted_at(self, image: Image) -> Any:
        assert image.trashed_at is not None
        return serializers.DateTimeField().to_representation(image.trashed_at + trash.KEPT)


class EmptiedOutput(serializers.Serializer):
    """How many pictures were deleted for good."""

    deleted = serializers.IntegerField()


class TrashView(ListAPIView):
    serializer_class = TrashedImageOutput

    def get_queryset(self) -> Any:
        return trash.of(http.person(self.request)).select_related("original")

    @extend_schema(operation_id="list_trash", tags=["trash"])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Your pictures in the trash, newest first. After thirty days each is deleted for good."""
        check_parameters(request, OF_EVERY_LIST)
        return super().get(request, *args, **kwargs)

    @extend_schema(operation_id="empty_trash", tags=["trash"], responses={200: EmptiedOutput})
    def delete(self, request: Request) -> Response:
        """Delete all of them for good. Receipts keep their digests, and nothing is refunded."""
        return Response(EmptiedOutput({"deleted": trash.empty(http.person(request))}).data)


class TrashedImageView(APIView):
    @extend_schema(operation_id="delete_image", tags=["trash"], responses={204: None})
    def delete(self, request: Request, public_id: str) -> Response:
        """Delete a picture in your trash for good. One that isn't in it is put there first."""
        user = http.person(request)
        image = get_object_or_404(trash.of(user), public_id=public_id)
        if not trash.delete(user, [image.pk]):
            raise StillNeeded
        return Response(status=204)


class StillNeeded(PermissionDenied):
    """It can't go yet."""

    status_code = 409
    default_code = "still_needed"
    default_detail = (
        "A generation that goes on from this picture is under way. Delete it when that has ended."
    )


class TrashImageView(APIView):
    @extend_schema(
        operation_id="trash_image", tags=["trash"], request=None, responses={200: TrashedImageOutput}
    )
    def post(self, request: Request, public_id: str) -> Response:
        """Put an image of yours into the trash: out of gallery, collections, links and the API at once."""
        user = http.person(request)
        image = _own(request, public_id)
        trash.put(user, [image.pk])
        found = trash.of(user).select_related("original").filter(pk=image.pk).first()
        if found is None:
            raise Http404
        return Response(TrashedImageOutput(found, context={"request": request}).data)


class RestoreImageView(APIView):
    @extend_schema(operation_id="restore_image", tags=["trash"], request=None, responses={200: ImageOutput})
    def post(self, request: Request, public_id: str) -> Response:
        """Take an image of yours out of the trash; it is where it was again."""
        user = http.person(request)
        image = _own(request, public_id)
        trash.take_out(user, [image.pk])
        found = get_object_or_404(Image.objects.visible_to(user).with_files(), pk=image.pk)
        return Response(ImageOutput(found, context={"request": request}).data)


def _own(request: Request, public_id: str) -> Image:
    """The caller's own, in the trash or not; what isn't there and what they don't see is the same 404.

    :raises PermissionDenied: somebody else's that they see.
    """
    user = http.person(request)
    since = timezone.now() - trash.KEPT
    image: Image | None = Image.objects.filter(public_id=public_id).first()
    is_over = image is not None and image.trashed_at is not None and image.trashed_at <= since
    if image is None or is_over:
        raise Http404
    if image.owner_id == user.pk:
        return image
    if Image.objects.visible_to(user).filter(pk=image.pk).exists():
        raise PermissionDenied("Only the person who made this image may change it.", code="not_yours")
    raise Http404
