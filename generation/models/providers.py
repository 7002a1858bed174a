"""Providers and models as data: who can be asked, for what, at what price, and how they are doing."""

import uuid
from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from generation import provider_rules as rules
from generation.providers.formats import FORMATS


def known_format(value: str) -> None:
    """:raises ValidationError: no adapter speaks it."""
    if value not in FORMATS:
        raise ValidationError(f"There is no format {value}. Choose one of {', '.join(FORMATS)}.")


def _on(field: str, check: Callable[..., None], *given: Any, **named: Any) -> None:
    """:raises ValidationError: what the check raises, said of the field."""
    try:
        check(*given, **named)
    except ValidationError as error:
        raise ValidationError({field: error}) from error


class Provider(models.Model):
    """A service that makes pictures, and how it is reached. Its key is kept sealed and never shown again."""

    name = models.SlugField("name in the API", max_length=40, unique=True)
    title = models.CharField("name on pages", max_length=60)
    format = models.CharField(max_length=16, validators=[known_format], help_text="How it is spoken to.")
    base_url = models.CharField("address", max_length=300, blank=True, help_text="Empty: the vendor's own.")
    sealed_key = models.TextField(blank=True, editable=False)
    key_hint = models.CharField("key ends in", max_length=4, blank=True, editable=False)
    options = models.JSONField(default=dict, blank=True, help_text="What its format leaves open.")
    enabled = models.BooleanField("on", default=True)
    # Answered by the emulator that `up` starts, wherever that is; its pictures say so.
    emulated = models.BooleanField(default=False, editable=False)
    position = models.PositiveSmallIntegerField("order", default=100)
    weight = models.PositiveSmallIntegerField(
        default=1, validators=[MaxValueValidator(1000)], help_text="Its share when work is spread by weight."
    )
    concurrency_max = models.PositiveIntegerField(
        "calls at once", null=True, blank=True, validators=[MinValueValidator(1)]
    )
    per_minute_max = models.PositiveIntegerField(
        "calls a minute", null=True, blank=True, validators=[MinValueValidator(1)]
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["position", "id"]
        permissions = [("set_providers", "Set up and test providers, models and routing")]

    def __str__(self) -> str:
        return self.title

    def clean(self) -> None:
        """:raises ValidationError: by field, what it says can't be so."""
        super().clean()
        self.base_url = self.base_url.strip().rstrip("/")
        if self.base_url:
            _on("base_url", rules.check_address, self.base_url)
        if self.format in FORMATS:
            _on("options", rules.check_options, self.format, self.options)
        if self.enabled and not (self.sealed_key or self.base_url or self.emulated):
            raise ValidationError(
                {"enabled": "Enter its key before it is switched on. Only an address of your own needs none."}
            )


class ImageModel(models.Model):
    """A model people can choose. `sizes` is a list of {"name", "price", "ratios": {"16:9": [1344, 768], …}}.

    A price is whole credits for one image. A model with one size calls it "".
    """

    slug = models.CharField(
        "name in the API", max_length=80, unique=True, validators=[RegexValidator(*rules.MODEL_NAME)]
    )
    name = models.CharField("name on pages", max_length=80)
    aliases = models.JSONField("other names", default=list, blank=True)
    sizes = models.JSONField(default=list)
    count_max = models.PositiveSmallIntegerField(
        "images at once", default=4, validators=[MinValueValidator(1), MaxValueValidator(10)]
    )
    references_max = models.PositiveSmallIntegerField(
        "references", default=3, validators=[MaxValueValidator(16)]
    )
    prompt_max = models.PositiveIntegerField(
        "characters of a prompt", default=8_000, validators=[MinValueValidator(1), MaxValueValidator(100_000)]
    )
    temperature_max = models.FloatField(
        default=2.0, validators=[MinValueValidator(0.0), MaxValueValidator(10.0)]
    )
    temperature_default = models.FloatField(default=1.0, validators=[MinValueValidator(0.0)])
    top_p_default = models.FloatField(
        default=0.95, validators=[MinValueValidator(0.0), MaxValueValidator(1.0)]
    )
    enabled = models.BooleanField("on", default=True)
    position = models.PositiveSmallIntegerField("order", default=100, help_text="The first is the default.")

    class Meta:
        verbose_name = "model"
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """:raises ValidationError: by field, what it says can't be so."""
        super().clean()
        _on("sizes", rules.check_sizes, self.sizes)
        others = ImageModel.objects.exclude(pk=self.pk).values_list("slug", "aliases")
        rules.check_names(self.slug, self.aliases, others=others)
        if self.temperature_default > self.temperature_max:
            raise ValidationError({"temperature_default": "The default is at most the highest temperature."})


class Offer(models.Model):
    """A model at a provider: what it is called there, what can be asked of it there, what the vendor takes.

    `abilities` overrides those of the format, by their names. `costs` is US dollars for one image by size, as
    text: {"1K": "0.134"}.
    """

    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="offers")
    model = models.ForeignKey(ImageModel, on_delete=models.CASCADE, related_name="offers")
    vendor_model = models.CharField("the vendor's name for it", max_length=120)
    edit_model = models.CharField(
        "… with references", max_length=120, blank=True, help_text="Empty: the same."
    )
    abilities = models.JSONField(default=dict, blank=True)
    costs = models.JSONField("vendor's cost", default=dict, blank=True)
    enabled = models.BooleanField("on", default=True)

    class Meta:
        ordering = ["provider__position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["provider", "model"], name="generation_offer_one_a_provider"),
        ]

    def __str__(self) -> str:
        return f"{self.model} at {self.provider}"

    def clean(self) -> None:
        """:raises ValidationError: by field, what it says can't be so."""
        super().clean()
        _on("abilities", rules.check_abilities, self.abilities)
        if self.model_id is not None:
            _on("costs", rules.check_costs, self.costs, sizes=[size["name"] for size in self.model.sizes])


class ProviderHealth(models.Model):
    """How a provider is doing, as all workers see it; decided by conditional updates.

    The circuit is open until `open_until`; from then on one probe at a time is let through until
    `probe_until`, and its end closes the circuit or opens it for twice as long. `resting_until` is the
    provider's own wish.
    """

    provider = models.OneToOneField(Provider, on_delete=models.CASCADE, related_name="health")
    failures = models.PositiveIntegerField("failures in a row", default=0)
    open_until = models.DateTimeField(null=True)
    open_seconds = models.FloatField(default=0)
    open_code = models.CharField(max_length=40, blank=True)
    probe_until = models.DateTimeField(null=True)
    resting_until = models.DateTimeField(null=True)
    seconds_mean = models.FloatField("seconds of a call, recent calls weighing more", null=True)
    last_success_at = models.DateTimeField(null=True)
    last_failure_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.provider_id}: {self.failures} failures"


class RoutingPolicy(models.Model):
    """How a provider is chosen where the person chose none; there is one row."""

    class Policy(models.TextChoices):
        PREFERRED = "preferred", "My order"
        CHEAPEST = "cheapest", "Cheapest"
        FASTEST = "fastest", "Fastest healthy"
        WEIGHTED = "weighted", "Spread by weight"

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    policy = models.CharField(max_length=10, choices=Policy, default=Policy.PREFERRED)
    fail_over = models.BooleanField(
        default=True, help_text="Ask the next provider when one provably did not take the work."
    )

    class Meta:
        verbose_name_plural = "routing policy"
        constraints = [models.CheckConstraint(condition=Q(id=1), name="generation_routing_policy_one_row")]

    def __str__(self) -> str:
        return self.get_policy_display()


class ProviderTest(models.Model):
    """A small real call that an admin had made to see whether a provider works, and how it ended."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="tests")
    # Null: a command on the server.
    by = models.ForeignKey("accounts.User", null=True, on_delete=models.PROTECT, related_name="+")
    started_at = models.DateTimeField(default=timezone.now)
    # Taken by the one worker that makes the call.
    taken_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    ok = models.BooleanField(null=True)
    code = models.CharField(max_length=40, blank=True)
    detail = models.CharField(max_length=500, blank=True)
    vendor_text = models.CharField(max_length=1000, blank=True)
    cost_usd = models.DecimalField(max_digits=12, decimal_places=6, null=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.provider} at {self.started_at:%Y-%m-%d %H:%M}"
