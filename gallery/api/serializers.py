"""Pictures as the API takes and shows them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.fields import IdField, StrictSerializer, TextField
from gallery import tags
from gallery.api import addresses
from gallery.models import Image, Original, Rendition, Upload


class RenditionOutput(serializers.ModelSerializer):
    """A smaller WebP copy; `size` is the longer side asked for, pixels."""

    url = serializers.SerializerMethodField()

    class Meta:
        model = Rendition
        fields = ["size", "width", "height", "url"]

    @extend_schema_field({"type": "string", "format": "uri"})
    def get_url(self, rendition: Rendition) -> str:
        return addresses.of_file(self.context["request"], self.context["image"], str(rendition.size))


class PaletteColourOutput(serializers.Serializer):
    """A colour and its share of the picture, from 0 to 1."""

    colour = serializers.CharField(help_text="`#rrggbb`.")
    share = serializers.FloatField()


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
    tags = serializers.SerializerMethodField(help_text="Names, in their order.")
    favourite = serializers.SerializerMethodField(help_text="Whether it is one of yours.")
    team = serializers.SerializerMethodField(help_text="The name of the team it is shown to.")
    palette = serializers.SerializerMethodField(help_text="Up to five colours, most first.")

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
            "title",
            "notes",
            "tags",
            "favourite",
            "palette",
            "origin",
            "prompt",
            "model",
            "provider",
            "aspect_ratio",
            "credits",
            "visibility",
            "team",
            "made_by",
            "mine",
            "created_at",
            "trashed_at",
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

    @extend_schema_field({"type": "array", "items": {"type": "string"}})
    def get_tags(self, image: Image) -> list[str]:
        return [tag.name for tag in tags.shown(row.tag for row in image.image_tags.all())]

    @extend_schema_field(bool)
    def get_favourite(self, image: Image) -> bool:
        me = self.context["request"].user.pk
        return any(one.user_id == me for one in image.favourites.all())

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_team(self, image: Image) -> str | None:
        is_shown = image.team is not None and image.visibility != Image.Visibility.PRIVATE
        return image.team.name if is_shown and image.team else None

    @extend_schema_field(PaletteColourOutput(many=True))
    def get_palette(self, image: Image) -> list[dict[str, Any]]:
        original: Original = image.original
        return [{"colour": colour, "share": share / 1000} for colour, share in original.palette]


class ImageChangeInput(StrictSerializer):
    """What may be changed of an image of yours: at least one of these; what is left out stays."""

    visibility = serializers.ChoiceField(
        choices=Image.Visibility.choices, required=False, help_text="Who sees it."
    )
    title = TextField(required=False, allow_blank=True, help_text="Up to 120 letters.")
    notes = TextField(required=False, allow_blank=True, help_text="Up to 4,000 letters.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError("Say what to change.", code="required")
        return attrs


class SourceOutput(serializers.Serializer):
    """A picture that an image was made from."""

    kind = serializers.ChoiceField(
        choices=[(kind, kind) for kind in ("image", "upload", "hidden")],
        help_text="An image that you see, a file that you gave, or a picture that you can't see.",
    )
    image = ImageOutput(allow_null=True)
    upload = serializers.UUIDField(allow_null=True, help_text="The upload, while it is there.")


class LineageOutput(serializers.Serializer):
    """Where an image comes from and what came of it, as far as you may see."""

    sources = SourceOutput(many=True, help_text="What it was made from, in order.")
    made = ImageOutput(many=True, help_text="What was made from it, newest first.")
    more = serializers.BooleanField(help_text="Older ones were made from it too.")


class UploadInput(StrictSerializer):
    """A picture file: PNG, JPEG, WebP, AVIF, HEIC or HEIF, up to 30 MB."""

    file = serializers.FileField(
        allow_empty_file=True,
        max_length=None,
        error_messages={
            "required": "Send the picture as multipart/form-data, in the field “file”.",
            "invalid": "Send the picture as multipart/form-data, in the field “file”.",
        },
    )


class ImageUploadInput(UploadInput):
    """A picture file of your own: PNG, JPEG, WebP, AVIF, HEIC or HEIF, up to 30 MB."""

    title = TextField(
        default="", allow_blank=True, max_length=120, help_text="Left out, its file name without the suffix."
    )
    collection = IdField(
        default=None, allow_null=True, help_text="A collection of yours or your team's to file it into."
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
