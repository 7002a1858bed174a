import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.models import Team
from gallery.models.pictures import Image


class Collection(models.Model):
    """Pictures put together by a person, in an order of their own; a picture may be in several."""

    class Visibility(models.TextChoices):
        PRIVATE = "private", "Only me"
        TEAM = "team", "My team"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="collections")
    # Who sees it and files into it besides its owner, where it is for the team.
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    name = models.CharField(max_length=80)
    visibility = models.CharField(max_length=10, choices=Visibility, default=Visibility.PRIVATE)
    cover = models.ForeignKey(Image, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    # How many images are in it, those in the trash too; kept by a trigger.
    size = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar[list[str]] = ["name", "id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["owner", "name"], name="gallery_collection_of_owner"),
            models.Index(fields=["team", "name"], name="gallery_collection_of_team"),
        ]

    def __str__(self) -> str:
        return self.name


class CollectionItem(models.Model):
    """An image's place in a collection. Positions have gaps, so that moving one changes one row."""

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="items")
    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="collection_items")
    position = models.BigIntegerField()
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    added_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["collection", "image"], name="gallery_collectionitem_once"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["collection", "position", "id"], name="gallery_collectionitem_order"),
        ]

    def __str__(self) -> str:
        return f"{self.image_id} in {self.collection_id}"


class Favourite(models.Model):
    """That a person likes an image; nobody else is told."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="favourites")
    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="favourites")
    added_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user", "image"], name="gallery_favourite_once"),
        ]

    def __str__(self) -> str:
        return f"{self.image_id} of {self.user_id}"


class SavedSearch(models.Model):
    """A walk through the gallery under a name, by the query of its address."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="searches")
    name = models.CharField(max_length=80)
    query = models.CharField(max_length=2000)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar[list[str]] = ["name", "id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["owner", "name"], name="gallery_savedsearch_name_once"),
        ]

    def __str__(self) -> str:
        return self.name
