import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone


class Archive(models.Model):
    """A ZIP file of pictures with a manifest, prepared in the background for the person who asked for it."""

    class Status(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        READY = "ready"
        FAILED = "failed"
        CANCELED = "canceled"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="archives")
    title = models.CharField(max_length=120)
    # As `files.VARIANTS` names them: `original`, or the longer side of a rendition.
    variant = models.CharField(max_length=10, default="original")
    # The ids of its images in their order.
    image_ids = models.JSONField(default=list)
    images = models.PositiveIntegerField("how many images")
    done = models.PositiveIntegerField("how many are in it so far", default=0)
    status = models.CharField(max_length=10, choices=Status, default=Status.WAITING)
    detail = models.CharField("why it failed", max_length=300, blank=True)
    name = models.CharField("storage name", max_length=200, blank=True)
    size_bytes = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    # Who works on it has it until then.
    leased_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    # When its file is removed.
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["owner", "-id"], name="gallery_archive_of_owner"),
            models.Index(
                fields=["id"],
                condition=models.Q(status__in=["waiting", "running"]),
                name="gallery_archive_unfinished",
            ),
        ]

    def __str__(self) -> str:
        return self.title
