from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from gallery.models.pictures import Image


class Tag(models.Model):
    """A word or two that pictures are found by; one vocabulary for everybody who signs in."""

    class Colour(models.TextChoices):
        NONE = ""
        RED = "red"
        ORANGE = "orange"
        YELLOW = "yellow"
        GREEN = "green"
        TEAL = "teal"
        BLUE = "blue"
        VIOLET = "violet"
        PINK = "pink"

    name = models.CharField(max_length=60)
    # The name as `words.normalised` has it: what makes two tags the same.
    key = models.CharField(max_length=120, unique=True)
    colour = models.CharField(max_length=10, choices=Colour, blank=True, default="")
    # How many images have it, those in the trash too; kept by a trigger.
    uses = models.BigIntegerField(default=0)
    # What this one was merged into: its marks in the search index count for that one.
    merged_into = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="merged")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["-uses"], name="gallery_tag_by_uses")]

    def __str__(self) -> str:
        return self.name


class ImageTag(models.Model):
    """That an image has a tag."""

    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="image_tags")
    tag = models.ForeignKey(Tag, on_delete=models.CASCADE, related_name="image_tags")
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    added_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["image", "tag"], name="gallery_imagetag_once"),
        ]

    def __str__(self) -> str:
        return f"{self.tag_id} on {self.image_id}"
