"""One record joins what was asked, paid, tried and delivered: the generation."""

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import ApiKey, CreditAccount, Hold, Team
from gallery.models import Collection, Favourite, Image, ImageTag, Original
from generation.models.conversations import Branch


class GenerationQuerySet(models.QuerySet["Generation"]):
    def with_parts(self) -> "GenerationQuerySet":
        """All that a row of the feed shows, in a constant number of queries."""
        rows = self.select_related("hold", "branch__conversation", "continues", "retry_of", "collection")
        return rows.defer("retry_of__prompt").prefetch_related(
            "outputs__image__original__renditions", "references__original__renditions", "attempts"
        )

    def as_answered(self, user_id: int) -> "GenerationQuerySet":
        """All that an API answer shows to that person, in a constant number of queries."""
        liked = Favourite.objects.filter(user=user_id)
        tags = ImageTag.objects.select_related("tag__merged_into")
        return self.with_parts().prefetch_related(
            "outputs__image__owner",
            "outputs__image__team",
            models.Prefetch("outputs__image__image_tags", queryset=tags),
            models.Prefetch("outputs__image__favourites", queryset=liked),
            "references__image",
        )


class Generation(models.Model):
    """What a person asked for, its price, and how far it has come."""

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        PARTIAL = "partial"
        FAILED = "failed"
        CANCELED = "canceled"

    TERMINAL: ClassVar[tuple[str, ...]] = ("succeeded", "partial", "failed", "canceled")

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="generations")
    api_key = models.ForeignKey(ApiKey, null=True, on_delete=models.PROTECT, related_name="+")
    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)

    model = models.CharField(max_length=80)
    prompt = models.TextField()
    aspect_ratio = models.CharField(max_length=8)
    # "1K", "2K" or "4K" where the model draws in several sizes; else empty.
    image_size = models.CharField(max_length=4, blank=True)
    count = models.PositiveSmallIntegerField()
    temperature = models.FloatField(null=True)
    top_p = models.FloatField(null=True)
    # The provider asked for; empty leaves the choice to the router.
    provider = models.CharField(max_length=40, blank=True)

    # A turn of a conversation: the branch it belongs to, and the picture it goes on from.
    branch = models.ForeignKey(Branch, null=True, on_delete=models.PROTECT, related_name="generations")
    continues = models.ForeignKey(Image, null=True, on_delete=models.SET_NULL, related_name="continued_by")
    name = models.CharField("name of the turn", max_length=80, blank=True)
    # Where its images are filed once they are there.
    collection = models.ForeignKey(
        Collection, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    # The one it was asked for again after.
    retry_of = models.ForeignKey(
        "self", null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )

    # The quote, in credits: a snapshot that no later price changes.
    price = models.BigIntegerField("credits for one image")
    hold = models.OneToOneField(Hold, on_delete=models.PROTECT, related_name="generation")

    # The fence: every write of a worker says which attempt it belongs to.
    attempts_made = models.PositiveIntegerField(default=0)
    # Claims in a row that came to no orderly end: it may be what kills every worker it meets.
    claims_lost = models.PositiveSmallIntegerField(default=0)
    leased_until = models.DateTimeField(null=True)
    wake_at = models.DateTimeField(null=True)
    deadline_at = models.DateTimeField()
    cancel_requested_at = models.DateTimeField(null=True)

    error_code = models.CharField(max_length=40, blank=True)
    error_detail = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects: ClassVar[Any] = GenerationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(count__gte=1), name="generation_generation_count_positive"),
            models.CheckConstraint(condition=Q(price__gt=0), name="generation_generation_has_price"),
            models.CheckConstraint(
                condition=Q(status__in=["queued", "running"], finished_at__isnull=True)
                | Q(status__in=["succeeded", "partial", "failed", "canceled"], finished_at__isnull=False),
                name="generation_generation_finished_when_terminal",
            ),
        ]
        indexes = [
            models.Index(fields=["user", "-id"], name="generation_of_user"),
            models.Index(
                fields=["branch", "id"], condition=Q(branch__isnull=False), name="generation_of_branch"
            ),
            models.Index(
                fields=["id"], condition=Q(status__in=["queued", "running"]), name="generation_unfinished"
            ),
            # SQLite uses no partial index for values it is only told at the call.
            models.Index(fields=["status", "leased_until"], name="generation_by_status"),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} {self.status}"

    @property
    def images(self) -> list[Image]:
        """The images it delivered, without those that are in the trash or were deleted for good since."""
        return [image for image in self.images_and_trashed if image.trashed_at is None]

    @property
    def images_and_trashed(self) -> list[Image]:
        """The images it delivered that are still there, be it in the trash."""
        return [output.image for output in self.outputs.all() if output.image is not None]

    @property
    def is_terminal(self) -> bool:
        return self.status in self.TERMINAL

    @property
    def credits_quoted(self) -> int:
        """The price of everything asked for, in credits."""
        return self.price * self.count

    @property
    def credits_captured(self) -> int:
        """What was charged and not refunded, in credits."""
        return self.hold.captured - self.hold.refunded


class Reference(models.Model):
    """A picture the person gave with the prompt, by its place."""

    generation = models.ForeignKey(Generation, on_delete=models.CASCADE, related_name="references")
    position = models.PositiveSmallIntegerField()
    original = models.ForeignKey(Original, on_delete=models.PROTECT, related_name="+")
    # Where it came from, when that was an image of the gallery.
    image = models.ForeignKey(Image, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(
                fields=["generation", "position"], name="generation_reference_one_a_place"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.position} of {self.generation_id}"


class Attempt(models.Model):
    """One call to a provider, and all we may know of it.

    A claim makes several where a provider makes fewer pictures a call than were asked for, and where the
    first provider did not take the work. `positions` are the places, from 1, of the pictures it was to make.
    """

    class Status(models.TextChoices):
        SENDING = "sending"
        ACCEPTED = "accepted"
        ANSWERED = "answered"
        DELIVERED = "delivered"
        NOT_ACCEPTED = "not_accepted"
        OUTCOME_UNKNOWN = "outcome_unknown"
        REFUSED = "refused"
        BROKEN_PROMISE = "broken_promise"

    generation = models.ForeignKey(Generation, on_delete=models.CASCADE, related_name="attempts")
    # The claim it was made under: the value of `attempts_made`, so numbers can have gaps.
    number = models.PositiveIntegerField()
    sequence = models.PositiveSmallIntegerField(default=1)
    positions = models.JSONField(default=list)
    provider = models.CharField(max_length=40)
    vendor_model = models.CharField(max_length=120, blank=True)
    emulated = models.BooleanField(default=False)
    # Why this provider and not another: {"reason": …, "passed_over": [{"provider": …, "reason": …}, …]}.
    choice = models.JSONField(default=dict)
    status = models.CharField(max_length=16, choices=Status, default=Status.SENDING)
    vendor_id = models.CharField(max_length=200, blank=True)
    # The durable copy of the answer, until delivered: [{"url": …} or {"staged": storage name}, …], and in the
    # place of a picture that broke its promise {"broken": code, "detail": …}.
    answer = models.JSONField(default=list)
    # The stored file with what the vendor gave for a next turn; never shown to anybody.
    state = models.CharField(max_length=200, blank=True)
    # The model's own sentence about what it made.
    description = models.CharField(max_length=1000, blank=True)
    code = models.CharField(max_length=40, blank=True)
    detail = models.CharField(max_length=500, blank=True)
    vendor_text = models.CharField(max_length=1000, blank=True)
    vendor_cost_usd = models.DecimalField(max_digits=12, decimal_places=6, null=True)
    vendor_credits = models.BigIntegerField(null=True)
    started_at = models.DateTimeField(default=timezone.now)
    answered_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    # An answer nobody waited for any more: not charged, kept for the receipt. `late_asked` is how often the
    # vendor was asked afterwards what became of it.
    late_at = models.DateTimeField(null=True)
    late_images = models.PositiveSmallIntegerField(null=True)
    late_asked = models.PositiveSmallIntegerField(default=0)
    # Whose it is, and of what: plain facts of the generation and its hold, for reports.
    account = models.ForeignKey(
        CreditAccount, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    team = models.ForeignKey(Team, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    model = models.CharField(max_length=80, blank=True)

    class Meta:
        ordering = ["number", "sequence"]
        constraints = [
            models.UniqueConstraint(
                fields=["generation", "number", "sequence"], name="generation_attempt_one_a_place_of_a_claim"
            ),
        ]
        indexes = [
            models.Index(fields=["provider", "started_at"], name="generation_attempt_provider_at"),
            # All that the spend report reads of an attempt, so that it reads nothing but the index.
            models.Index(
                fields=["started_at", "account", "team", "model", "provider", "vendor_cost_usd"],
                condition=Q(vendor_cost_usd__isnull=False),
                name="generation_attempt_spend",
            ),
            models.Index(
                fields=["late_at"], condition=Q(late_at__isnull=False), name="generation_attempt_late"
            ),
            # Whom the vendor may still be asked about.
            models.Index(
                fields=["ended_at"],
                condition=Q(status="outcome_unknown", late_at__isnull=True) & ~Q(vendor_id=""),
                name="generation_attempt_unheard",
            ),
        ]

    def __str__(self) -> str:
        return f"attempt {self.number} at {self.provider}: {self.status}"


class Output(models.Model):
    """One image a generation delivered, by its place."""

    generation = models.ForeignKey(Generation, on_delete=models.CASCADE, related_name="outputs")
    position = models.PositiveSmallIntegerField()
    attempt = models.ForeignKey(Attempt, on_delete=models.PROTECT, related_name="outputs")
    # Null once it was deleted for good; the digest of its file stays.
    image = models.OneToOneField(Image, null=True, on_delete=models.SET_NULL, related_name="output")
    sha256 = models.CharField("SHA-256 of the original", max_length=64, blank=True)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["generation", "position"], name="generation_output_one_a_place"),
        ]

    def __str__(self) -> str:
        return f"{self.position} of {self.generation_id}"
