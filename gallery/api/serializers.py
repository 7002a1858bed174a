"""Pictures as the API takes and shows them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.fields import StrictSerializer
from gallery.api import addresses
from gallery.models import Image, Rendition, Upload


class RenditionOutput(serializers.ModelSerializer):
    """A smaller WebP copy; `size` is the longer side asked for, pixels."""

    url = serializers.SerializerMethodField()

    class Meta:
        model = Rendition
        fields = ["size", "width", "height", "url"]

    @extend_schema_field({"type": "string", "format": "uri"})
    def get_url(self, rendition: Rendition) -> str:
        return addresses.of_file(self.context["request"], self.context["image"], str(rendition.size))


class ImageOutput(serializers.ModelSerializer):
    """A picture in the gallery. `url` is its file: for anybody for five minutes, for you for longer."""

    id = serializers.UUIDField(source="public_id")
    width = serializers.IntegerField(source="original.width", help_text="Pixels.")
    height = serializers.IntegerField(source="original.height", help_text="Pixels.")
    url = serializers.SerializerMethodField()
    renditions = serializers.SerializerMethodField()
    placeholder = serializers.CharField(source="original.placeholder", help_text="A tiny blurred data URI.")
    colour = serializers.CharField(source="original.colour", help_text="The dominant colour, `#rrggbb`.")
    content_type = serializers.CharField(source="original.content_type")
    size_bytes = serializers.IntegerField(source="original.size_bytes")
    credits = serializers.IntegerField(help_text="What it cost.")
    made_by = serializers.CharField(source="owner.get_full_name")
    mine = serializers.SerializerMethodField()

    class Meta:
        model = Image
        fields = [
            "id",
            "width",
            "height",
            "url",
            "renditions",
            "placeholder",
            "colour",
            "content_type",
            "size_bytes",
            "prompt",
            "model",
            "provider",
            "aspect_ratio",
            "credits",
            "visibility",
            "made_by",
            "mine",
            "created_at",
        ]

    @extend_schema_field({"type": "string", "format": "uri"})
    def get_url(self, image: Image) -> str:
        return addresses.of_file(self.context["request"], image, "original")

    @extend_schema_field(RenditionOutput(many=True))
    def get_renditions(self, image: Image) -> Any:
        copies = sorted(image.original.renditions.all(), key=lambda copy: copy.size)
        return RenditionOutput(copies, many=True, context={**self.context, "image": image}).data

    @extend_schema_field(bool)
    def get_mine(self, image: Image) -> bool:
        return bool(image.owner_id == self.context["request"].user.pk)


class ImageChangeInput(StrictSerializer):
    """What may be changed of an image of yours."""

    visibility = serializers.ChoiceField(choices=Image.Visibility.choices, help_text="Who sees it.")


class UploadInput(StrictSerializer):
    """A picture file: PNG, JPEG, WebP, HEIC or HEIF, up to 30 MB."""

    file = serializers.FileField(
        allow_empty_file=True,
        max_length=None,
        error_messages={
            "required": "Send the picture as multipart/form-data, in the field “file”.",
            "invalid": "Send the picture as multipart/form-data, in the field “file”.",
        },
    )


class UploadOutput(serializers.ModelSerializer):
    """A picture to be used as a reference: put its `id` into `references`."""

    id = serializers.UUIDField(source="public_id")
    width = serializers.IntegerField(source="original.width", help_text="Pixels.")
    height = serializers.IntegerField(source="original.height", help_text="Pixels.")
    content_type = serializers.CharField(source="original.content_type")
    size_bytes = serializers.IntegerField(source="original.size_bytes")
    placeholder = serializers.CharField(source="original.placeholder", help_text="A tiny blurred data URI.")

    class Meta:
        model = Upload
        fields = [
            "id",
            "width",
            "height",
            "content_type",
            "size_bytes",
            "placeholder",
            "file_name",
            "created_at",
        ]
