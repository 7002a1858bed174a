"""Stored pictures: the original and its renditions, and who has them as an image or as an upload."""

import uuid
from typing import Any, ClassVar

from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Team, User


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
    # Up to five colours with their share of the picture in thousandths, most first: [["#rrggbb", 412], …].
    palette = models.JSONField(default=list)
    # What `likeness.difference_hash` makes of the signature, as a signed number.
    difference_hash = models.BigIntegerField(null=True)
    # What the file's Content Credentials say, as `credentials.read` found it; null where it has none.
    credentials = models.JSONField(null=True)
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
    def kept(self) -> "ImageQuerySet":
        """Those that aren't in the trash."""
        return self.filter(trashed_at=None)

    def visible_to(self, user: User | AnonymousUser) -> "ImageQuerySet":
        """Their own images, those shared with their team, and those shared with everyone signed in."""
        if not user.is_authenticated:
            return self.none()
        teams = Team.objects.filter(memberships__user=user).values("pk")
        shared = Q(visibility=Image.Visibility.EVERYONE) | Q(visibility=Image.Visibility.TEAM, team__in=teams)
        return self.kept().filter(Q(owner=user) | shared)

    def with_files(self) -> "ImageQuerySet":
        return self.select_related("original", "owner").prefetch_related("original__renditions")

    def with_facts(self, user: User | AnonymousUser) -> "ImageQuerySet":
        """Their tags, their team, and whether they are the person's favourites."""
        mine = apps.get_model("gallery", "Favourite").objects.filter(user=user.pk)
        tags = apps.get_model("gallery", "ImageTag").objects.select_related("tag__merged_into")
        return self.select_related("team").prefetch_related(
            models.Prefetch("image_tags", queryset=tags), models.Prefetch("favourites", queryset=mine)
        )


class Image(models.Model):
    """A picture in the gallery, with how it was made kept as plain facts."""

    class Visibility(models.TextChoices):
        PRIVATE = "private", "Only me"
        TEAM = "team", "My team"
        EVERYONE = "everyone", "Everyone signed in"

    class Origin(models.TextChoices):
        GENERATED = "generated"
        UPLOADED = "uploaded"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="images")
    # The team that paid, which is the one that may be shown it; it stays when its maker moves on.
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    original = models.ForeignKey(Original, on_delete=models.PROTECT, related_name="images")
    origin = models.CharField(max_length=10, choices=Origin, default=Origin.GENERATED)
    visibility = models.CharField(max_length=10, choices=Visibility, default=Visibility.PRIVATE)
    title = models.CharField(max_length=120, blank=True)
    notes = models.TextField(max_length=4000, blank=True)
    prompt = models.TextField(blank=True)
    model = models.CharField(max_length=80, blank=True)
    provider = models.CharField(max_length=40, blank=True)
    aspect_ratio = models.CharField(max_length=8, blank=True)
    credits = models.BigIntegerField(default=0)
    # What its owner's quota counts: bytes of the original.
    size_bytes = models.BigIntegerField(default=0)
    # The public id of the generation it is an output of.
    generation_id = models.UUIDField("generation", null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    trashed_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[Any] = ImageQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["owner", "-id"], condition=Q(trashed_at=None), name="gallery_image_of_owner"
            ),
            models.Index(
                fields=["team", "-id"],
                condition=Q(trashed_at=None, visibility__in=["team", "everyone"]),
                name="gallery_image_for_team",
            ),
            models.Index(
                fields=["-id"],
                condition=Q(trashed_at=None, visibility="everyone"),
                name="gallery_image_for_everyone",
            ),
            models.Index(
                fields=["owner", "trashed_at", "id"],
                condition=Q(trashed_at__isnull=False),
                name="gallery_image_in_trash",
            ),
            models.Index(fields=["created_at"], name="gallery_image_by_date"),
        ]

    def __str__(self) -> str:
        return self.title or self.prompt[:60] or str(self.public_id)


class ImageSource(models.Model):
    """A picture that an image was made from, by its place among the references."""

    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="sources")
    position = models.PositiveSmallIntegerField()
    original = models.ForeignKey(Original, on_delete=models.PROTECT, related_name="+")
    # The image of the gallery it came from; null where it was given as a file.
    source = models.ForeignKey(Image, null=True, on_delete=models.SET_NULL, related_name="made_into")

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["image", "position"], name="gallery_imagesource_one_a_place"),
        ]

    def __str__(self) -> str:
        return f"{self.position} of {self.image_id}"


class Upload(models.Model):
    """A picture a person gave us to be used as a reference; re-encoded on the way in."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="uploads")
    original = models.ForeignKey(Original, on_delete=models.PROTECT, related_name="uploads")
    file_name = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        return self.file_name or str(self.public_id)
