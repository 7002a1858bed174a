from django.conf import settings
from django.db import models


class GallerySettings(models.Model):
    """What a person chose about their pictures."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="gallery_settings"
    )
    # Written into the metadata of copies of their pictures that are downloaded.
    embeds_prompt = models.BooleanField(default=True)
    embeds_generation = models.BooleanField(default=True)
    new_images = models.CharField("who sees new images", max_length=10, default="private")

    def __str__(self) -> str:
        return f"of {self.user_id}"


class StorageUse(models.Model):
    """How many bytes a person's images and uploads take; kept by triggers. The quota is the person's own."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="storage_use"
    )
    used_bytes = models.BigIntegerField(default=0)
    images = models.BigIntegerField(default=0)
    # Null for `settings.STORAGE_QUOTA_BYTES`.
    quota_bytes = models.BigIntegerField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.used_bytes} of {self.user_id}"
