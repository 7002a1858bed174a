import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Team
from gallery.models.arranging import Collection
from gallery.models.pictures import Image


class ShareLink(models.Model):
    """An address that shows pictures to who has it, until it expires, is used up or is revoked.

    The address's token is made of the server's key, the row's id and its nonce, so that its owner can be
    shown it again; the row keeps only the token's SHA-256.
    """

    class Audience(models.TextChoices):
        PUBLIC = "public", "Anyone with the link"
        TEAM = "team", "My team"

    class Download(models.TextChoices):
        NONE = "none", "No download"
        PREVIEW = "preview", "Previews"
        ORIGINAL = "original", "Originals"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="share_links")
    audience = models.CharField(max_length=10, choices=Audience, default=Audience.PUBLIC)
    # Whose members may open it, where it is for a team.
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    title = models.CharField(max_length=120, blank=True)
    # Live: what is in the collection when it is looked at. Without one, or pinned: its `SharedImage` rows.
    collection = models.ForeignKey(
        Collection, null=True, blank=True, on_delete=models.CASCADE, related_name="share_links"
    )
    is_live = models.BooleanField(default=False)
    nonce = models.BinaryField(max_length=16)
    token_sha256 = models.CharField(max_length=64, unique=True)
    password = models.CharField("password, hashed", max_length=200, blank=True)
    download = models.CharField(max_length=10, choices=Download, default=Download.NONE)
    shows_prompt = models.BooleanField(default=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    views_max = models.PositiveIntegerField("views at most", null=True, blank=True)
    views = models.BigIntegerField(default=0)
    downloads = models.BigIntegerField(default=0)
    last_viewed_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["owner", "-id"], name="gallery_sharelink_of_owner"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(is_live=False) | Q(collection__isnull=False),
                name="gallery_sharelink_live_of_a_collection",
            ),
            models.CheckConstraint(
                condition=Q(audience="public") | Q(team__isnull=False),
                name="gallery_sharelink_team_of_a_team",
            ),
        ]

    def __str__(self) -> str:
        return self.title or str(self.public_id)


class SharedImage(models.Model):
    """An image that a link shows, by its place."""

    link = models.ForeignKey(ShareLink, on_delete=models.CASCADE, related_name="shared_images")
    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="shared_images")
    position = models.PositiveIntegerField()

    class Meta:
        ordering: ClassVar[list[str]] = ["position"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["link", "image"], name="gallery_sharedimage_once"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["link", "position"], name="gallery_sharedimage_order"),
        ]

    def __str__(self) -> str:
        return f"{self.image_id} by {self.link_id}"
