"""Models, quotes and generations as the API takes and shows them."""

from typing import Any, cast

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.fields import IdField, NumberField, StrictSerializer, TextField, WholeNumberField
from gallery.api.serializers import ImageOutput
from generation import catalog, stopping
from generation.expectation import Expectation, Outlook
from generation.models import Generation, Reference


class AspectRatioOutput(serializers.Serializer):
    """A shape on offer; `width` and `height` are the pixels of its pictures."""

    name = serializers.CharField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()


class ImageSizeOutput(serializers.Serializer):
    """A size on offer; `name` is null where the model draws in one size."""

    name = serializers.CharField(allow_null=True)
    credits_per_image = serializers.IntegerField()
    aspect_ratios = AspectRatioOutput(many=True)


class ModelProviderOutput(serializers.Serializer):
    """A provider that is set up for the model, and what it can be asked there."""

    id = serializers.CharField()
    name = serializers.CharField()
    temperature = serializers.BooleanField()
    top_p = serializers.BooleanField()
    references = serializers.IntegerField(help_text="The most it takes.")
    aspect_ratios = serializers.ListField(child=serializers.CharField(), help_text="Those it can be told.")
    image_sizes = serializers.ListField(child=serializers.CharField(), help_text="Likewise; empty: one size.")
    multi_turn = serializers.BooleanField(
        help_text="It remembers a conversation; else its last picture goes on."
    )


class ModelLimitsOutput(serializers.Serializer):
    """The most of each that is taken."""

    count = serializers.IntegerField(help_text="Images at once.")
    references = serializers.IntegerField()
    prompt = serializers.IntegerField(help_text="Characters.")
    temperature = serializers.FloatField()
    top_p = serializers.FloatField()
    reference_bytes = serializers.IntegerField()


class ModelDefaultsOutput(serializers.Serializer):
    """What is used for a field that is left out."""

    aspect_ratio = serializers.CharField()
    count = serializers.IntegerField()
    temperature = serializers.FloatField()
    top_p = serializers.FloatField()


class ModelOutput(serializers.Serializer):
    """A model on offer."""

    id = serializers.CharField()
    name = serializers.CharField()
    aliases = serializers.ListField(child=serializers.CharField(), help_text="Other names it goes by.")
    credits_per_image = serializers.IntegerField()
    aspect_ratios = AspectRatioOutput(many=True, help_text="In pixels of the smallest size.")
    image_sizes = ImageSizeOutput(many=True)
    limits = ModelLimitsOutput()
    defaults = ModelDefaultsOutput()
    providers = ModelProviderOutput(many=True)


class ModelListOutput(serializers.Serializer):
    """All models, the default first; always one page."""

    results = ModelOutput(many=True)
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)


class QuoteInput(StrictSerializer):
    """What the price depends on."""

    model = TextField(default="", help_text="A model's id or alias; left out, the first of the models.")
    aspect_ratio = TextField(default=catalog.DEFAULT_RATIO)
    image_size = TextField(
        default="",
        allow_blank=True,
        allow_null=True,
        help_text="Such as `2K`, where the model draws in several sizes; left out, the smallest.",
    )
    count = WholeNumberField(
        default=1,
        help_text="How many images; the model says how many at most.",
        codes={"invalid": "invalid_count", "null": "invalid_count"},
    )
    provider = TextField(
        default="", allow_blank=True, allow_null=True, help_text="Leave out to let Easel choose."
    )


class QuoteOutput(serializers.Serializer):
    """A price; nothing is set aside by asking."""

    credits = serializers.IntegerField(help_text="For all images together.")
    credits_per_image = serializers.IntegerField()
    model = serializers.CharField()
    aspect_ratio = serializers.CharField()
    image_size = serializers.CharField(allow_null=True)
    width = serializers.IntegerField(help_text="Pixels of each image.")
    height = serializers.IntegerField(help_text="Pixels of each image.")
    count = serializers.IntegerField()


class DeadlineField(WholeNumberField):
    """How long it may take; `wishes.check` knows the bounds."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("default", None)
        options.setdefault("allow_null", True)
        options.setdefault(
            "help_text",
            "Seconds until it is given up and the credits for what is missing come back: from 60 on. "
            "Left out, what your operator has set.",
        )
        super().__init__(codes={"invalid": "invalid_deadline"}, **options)


class GenerationInput(QuoteInput):
    """What to make."""

    prompt = TextField(
        allow_blank=True,
        help_text="What the picture shows.",
        error_messages={"required": "Write a prompt first.", "null": "Write a prompt first."},
        codes={"required": "prompt_missing", "null": "prompt_missing", "unstorable": "prompt_invalid"},
    )
    references = serializers.ListField(
        child=TextField(allow_blank=True),
        default=list,
        help_text="Ids of uploads or images, http(s) addresses, or data URIs of pictures.",
    )
    temperature = NumberField(default=None, allow_null=True, codes={"invalid": "invalid_temperature"})
    top_p = NumberField(default=None, allow_null=True, codes={"invalid": "invalid_top_p"})
    expected_credits = WholeNumberField(
        default=None,
        allow_null=True,
        min_value=0,
        help_text="The price you saw. If it is another now, nothing is made and you get 409.",
    )
    deadline_seconds = DeadlineField()
    collection = IdField(
        default=None,
        allow_null=True,
        help_text="A collection of yours, or of your team, that its images are filed in.",
        codes={"invalid": "unknown_collection"},
    )


class RetryInput(StrictSerializer):
    """Where to ask for it again; with nothing said, where it was to go the first time."""

    provider = TextField(
        default="",
        allow_blank=True,
        allow_null=True,
        help_text="A provider's id, or `elsewhere` for the best one that it was not at.",
    )
    expected_credits = WholeNumberField(
        default=None,
        allow_null=True,
        min_value=0,
        help_text="The price you saw. If it is another now, nothing is made and you get 409.",
    )
    deadline_seconds = DeadlineField()


class CancelInput(StrictSerializer):
    """What you were told that it may cost."""

    expected_credits_max = WholeNumberField(
        default=None,
        allow_null=True,
        min_value=0,
        help_text="`cancel.credits_max` as you saw it. If it may cost more by now, you get 409.",
    )


class CreditsOfGenerationOutput(serializers.Serializer):
    """`quoted` is set aside at first; `captured` is what was charged in the end, less refunds."""

    quoted = serializers.IntegerField()
    captured = serializers.IntegerField()


class ReasonOutput(serializers.Serializer):
    """Why something didn't come, or why it has to wait."""

    code = serializers.CharField()
    detail = serializers.CharField(help_text="A sentence for people.")


class CancelOutput(serializers.Serializer):
    """What cancelling now would mean; `possible` is false where it would change nothing any more."""

    possible = serializers.BooleanField()
    code = serializers.ChoiceField(choices=[(code, code) for code in stopping.CODES])
    credits_max = serializers.IntegerField(help_text="The most that can be charged for it then.")
    detail = serializers.CharField(source="sentence", help_text="A sentence for people.")


class ReferenceOutput(serializers.ModelSerializer):
    """A picture given with the prompt; `image` is its id in the gallery, if it came from there."""

    image = serializers.UUIDField(source="image.public_id", allow_null=True, default=None)
    width = serializers.IntegerField(source="original.width", help_text="Pixels.")
    height = serializers.IntegerField(source="original.height", help_text="Pixels.")

    class Meta:
        model = Reference
        fields = ["image", "width", "height"]


class GenerationOutput(serializers.ModelSerializer):
    """What was asked for, and how far it has come."""

    id = serializers.UUIDField(source="public_id")
    credits = serializers.SerializerMethodField()
    images = serializers.SerializerMethodField(help_text="In order; fewer than asked for when partial.")
    error = serializers.SerializerMethodField(help_text="Why images are missing; null when none are.")
    waiting = serializers.SerializerMethodField(help_text="Why it waits to be tried again; null when not.")
    references = ReferenceOutput(many=True)
    conversation = serializers.UUIDField(
        source="branch.conversation.public_id",
        allow_null=True,
        default=None,
        help_text="The conversation it is a turn of.",
    )
    branch = serializers.UUIDField(source="branch.public_id", allow_null=True, default=None)
    continues = serializers.UUIDField(
        source="continues.public_id", allow_null=True, default=None, help_text="The image it goes on from."
    )
    provider = serializers.SerializerMethodField(help_text="Who made it, or was asked for; empty while open.")
    retry_of = serializers.UUIDField(
        source="retry_of.public_id",
        allow_null=True,
        default=None,
        help_text="The generation it was asked for again after.",
    )
    collection = serializers.UUIDField(
        source="collection.public_id",
        allow_null=True,
        default=None,
        help_text="Where its images are filed.",
    )
    cancel = serializers.SerializerMethodField(help_text="What cancelling it now would cost.")
    queue_position = serializers.SerializerMethodField(
        help_text="Its place in line while it waits: 1 is next; null when it doesn't, or is far behind."
    )
    expected_finish_at = serializers.SerializerMethodField(
        help_text="By how long the provider took lately; null when nobody can say, or it has ended."
    )
    deadline_at = serializers.DateTimeField(
        help_text="What is not done by then is given up, and its credits come back."
    )

    class Meta:
        model = Generation
        fields = [
            "id",
            "status",
            "credits",
            "images",
            "error",
            "waiting",
            "model",
            "prompt",
            "aspect_ratio",
            "image_size",
            "count",
            "references",
            "temperature",
            "top_p",
            "provider",
            "conversation",
            "branch",
            "continues",
            "retry_of",
            "collection",
            "cancel",
            "queue_position",
            "expected_finish_at",
            "deadline_at",
            "created_at",
            "started_at",
            "finished_at",
        ]

    @extend_schema_field(CreditsOfGenerationOutput)
    def get_credits(self, generation: Generation) -> dict[str, int]:
        return {"quoted": generation.credits_quoted, "captured": generation.credits_captured}

    @extend_schema_field(ImageOutput(many=True))
    def get_images(self, generation: Generation) -> Any:
        return ImageOutput(generation.images, many=True, context=self.context).data

    @extend_schema_field(ReasonOutput(allow_null=True))
    def get_error(self, generation: Generation) -> dict[str, str] | None:
        return _reason(generation) if generation.is_terminal else None

    @extend_schema_field(ReasonOutput(allow_null=True))
    def get_waiting(self, generation: Generation) -> dict[str, str] | None:
        return _reason(generation) if generation.wake_at is not None else None

    @extend_schema_field(str)
    def get_provider(self, generation: Generation) -> str:
        made = [image.provider for image in generation.images]
        tried = [attempt.provider for attempt in generation.attempts.all()]
        return [generation.provider, *tried, *made][-1]

    @extend_schema_field(CancelOutput)
    def get_cancel(self, generation: Generation) -> Any:
        return CancelOutput(stopping.terms(generation)).data

    @extend_schema_field(serializers.IntegerField(allow_null=True))
    def get_queue_position(self, generation: Generation) -> int | None:
        return self._expected(generation).place

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_expected_finish_at(self, generation: Generation) -> Any:
        finish_at = self._expected(generation).finish_at
        return serializers.DateTimeField().to_representation(finish_at) if finish_at else None

    def _expected(self, generation: Generation) -> Expectation:
        # One for the whole answer, so that a list reads the line once.
        shared = cast(dict[str, Any], self.context)
        outlook: Outlook = shared.setdefault("outlook", Outlook(now=timezone.now()))
        return outlook.of(generation)


def _reason(generation: Generation) -> dict[str, str] | None:
    if not generation.error_code:
        return None
    return {"code": generation.error_code, "detail": generation.error_detail}


def model_answer(model: catalog.Model, reference_bytes: int) -> dict[str, Any]:
    """A row of the catalog in the shape of `ModelOutput`."""
    return {
        "id": model.id,
        "name": model.name,
        "aliases": sorted(model.aliases),
        "credits_per_image": model.price,
        "aspect_ratios": [vars(ratio) for ratio in model.ratios.values()],
        "image_sizes": [
            {
                "name": size.name or None,
                "credits_per_image": size.price,
                "aspect_ratios": [vars(ratio) for ratio in size.ratios.values()],
            }
            for size in model.sizes
        ],
        "limits": {
            "count": model.count_max,
            "references": model.references_max,
            "prompt": model.prompt_max,
            "temperature": model.temperature_max,
            "top_p": 1.0,
            "reference_bytes": reference_bytes,
        },
        "defaults": {
            "aspect_ratio": catalog.DEFAULT_RATIO,
            "count": 1,
            "temperature": model.temperature_default,
            "top_p": model.top_p_default,
        },
        "providers": [_provider_answer(model, offer) for offer in model.live_offers()],
    }


def _provider_answer(model: catalog.Model, offer: catalog.Offer) -> dict[str, Any]:
    able = offer.abilities
    sized = able.image_size and len(model.sizes) > 1
    return {
        "id": offer.provider.name,
        "name": offer.provider.title,
        "temperature": able.temperature,
        "top_p": able.top_p,
        "references": min(model.references_max, able.references_max),
        "aspect_ratios": [name for name in model.ratios if able.ratios is None or name in able.ratios],
        "image_sizes": [size.name for size in model.sizes] if sized else [],
        "multi_turn": able.multi_turn,
    }
