"""Stored pictures: the original and its renditions, and who has them as an image or as an upload."""

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import User


class Original(models.Model):
    """A picture's bytes as they are kept, named by their content, with what one decode told of them."""

    sha256 = models.CharField(max_length=64, unique=True)
    name = models.CharField("storage name", max_length=200)
    content_type = models.CharField(max_length=40)
    size_bytes = models.BigIntegerField()
    width = models.IntegerField("width, pixels")
    height = models.IntegerField("height, pixels")
    # A data URI of a picture some 20 pixels wide, shown blurred until the real one is there.
    placeholder = models.TextField()
    colour = models.CharField("dominant colour, #rrggbb", max_length=7)
    # 16×16 RGB bytes: tells whether a provider gave a reference back unchanged.
    signature = models.BinaryField(max_length=768)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.name


class Rendition(models.Model):
    """A smaller WebP copy of an original, made from the same decode."""

    original = models.ForeignKey(Original, on_delete=models.CASCADE, related_name="renditions")
    # The widest side asked for: 320, 640 or 1280.
    size = models.IntegerField()
    name = models.CharField("storage name", max_length=200)
    width = models.IntegerField("width, pixels")
    height = models.IntegerField("height, pixels")
    size_bytes = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["original", "size"], name="gallery_rendition_one_a_size"),
        ]

    def __str__(self) -> str:
        return self.name


class ImageQuerySet(models.QuerySet["Image"]):
    def visible_to(self, user: User | AnonymousUser) -> "ImageQuerySet":
        """Their own images, and those shared with everyone signed in."""
        if not user.is_authenticated:
            return self.none()
        return self.filter(Q(owner=user) | Q(visibility=Image.Visibility.EVERYONE))

    def with_files(self) -> "ImageQuerySet":
        return self.select_related("original", "owner").prefetch_related("original__renditions")


class Image(models.Model):
    """A picture in the gallery, with how it was made kept as plain facts."""

    class Visibility(models.TextChoices):
        PRIVATE = "private", "Only me"
        EVERYONE = "everyone", "Everyone signed in"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="images")
    original = models.ForeignKey(Original, on_delete=models.PROTECT, related_name="images")
    visibility = models.CharField(max_length=10, choices=Visibility, default=Visibility.PRIVATE)
    prompt = models.TextField(blank=True)
    model = models.CharField(max_length=80, blank=True)
    provider = models.CharField(max_length=40, blank=True)
    aspect_ratio = models.CharField(max_length=8, blank=True)
    credits = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)

    objects: ClassVar[Any] = ImageQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["owner", "-id"], name="gallery_image_of_owner"),
            models.Index(
                fields=["-id"], condition=Q(visibility="everyone"), name="gallery_image_for_everyone"
            ),
        ]

    def __str__(self) -> str:
        return self.prompt[:60] or str(self.public_id)


class Upload(models.Model):
    """A picture a person gave us to be used as a reference; re-encoded on the way in."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="uploads")
    original = models.ForeignKey(Original, on_delete=models.PROTECT, related_name="uploads")
    file_name = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        return self.file_name or str(self.public_id)
