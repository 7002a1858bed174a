"""The receipt as the API shows it."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import http
from accounts.api.base import APIView
from generation import receipts


class ReceiptCreditsOutput(serializers.Serializer):
    """Whole credits. When it has ended, `quoted` is `captured` and `released`; `charged` is less refunds."""

    quoted = serializers.IntegerField()
    held = serializers.IntegerField(help_text="Set aside now.")
    captured = serializers.IntegerField()
    released = serializers.IntegerField()
    refunded = serializers.IntegerField()
    charged = serializers.IntegerField()


class ReceiptStepOutput(serializers.Serializer):
    """One sentence of what happened."""

    at = serializers.DateTimeField()
    kind = serializers.CharField()
    text = serializers.CharField()
    credits = serializers.IntegerField(allow_null=True, help_text="How the balance changed; null: it didn't.")


class ReceiptAttemptOutput(serializers.Serializer):
    """One call to a provider. What the vendor was paid is null unless you may see everybody's credits."""

    number = serializers.IntegerField()
    provider = serializers.CharField()
    status = serializers.CharField()
    vendor_id = serializers.CharField()
    started_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    seconds = serializers.FloatField(allow_null=True)
    code = serializers.CharField()
    detail = serializers.CharField()
    cost_usd = serializers.DecimalField(max_digits=12, decimal_places=6, allow_null=True)
    vendor_credits = serializers.IntegerField(allow_null=True)
    late_at = serializers.DateTimeField(
        allow_null=True, help_text="When it answered too late to be charged for; null: it didn't."
    )
    late_images = serializers.IntegerField(allow_null=True, help_text="Pictures that came too late.")


class ReceiptRenditionOutput(serializers.Serializer):
    width = serializers.IntegerField(help_text="Pixels.")
    height = serializers.IntegerField(help_text="Pixels.")
    size_bytes = serializers.IntegerField()


class ReceiptFileOutput(serializers.Serializer):
    """A picture as it is stored. Of one that was deleted for good, the digest of its file is left."""

    position = serializers.IntegerField()
    state = serializers.ChoiceField(choices=[("kept", ""), ("in_trash", ""), ("deleted", "")])
    image = serializers.UUIDField(
        source="image.public_id", allow_null=True, default=None, help_text="Null unless it is kept."
    )
    sha256 = serializers.CharField()
    content_type = serializers.CharField(allow_null=True)
    size_bytes = serializers.IntegerField(allow_null=True)
    width = serializers.IntegerField(allow_null=True, help_text="Pixels.")
    height = serializers.IntegerField(allow_null=True, help_text="Pixels.")
    renditions = ReceiptRenditionOutput(many=True)


class ReceiptOutput(serializers.Serializer):
    """From the quote to the files: where the credits of a generation went."""

    id = serializers.UUIDField(source="generation.public_id")
    status = serializers.CharField(source="generation.status")
    model = serializers.CharField(source="generation.model")
    credits = ReceiptCreditsOutput(source="*")
    vendor_cost_usd = serializers.DecimalField(max_digits=12, decimal_places=6, allow_null=True)
    timeline = ReceiptStepOutput(many=True)
    attempts = ReceiptAttemptOutput(many=True)
    files = ReceiptFileOutput(many=True)
    created_at = serializers.DateTimeField(source="generation.created_at")
    finished_at = serializers.DateTimeField(source="generation.finished_at", allow_null=True)


class ReceiptView(APIView):
    @extend_schema(operation_id="get_receipt", tags=["generations"], responses=ReceiptOutput)
    def get(self, request: Request, public_id: str) -> Response:
        """What a generation cost and why: quote, hold, every attempt, charge or release, refunds, files."""
        user = http.person(request)
        visible = receipts.with_facts(receipts.visible_to(user))
        generation = get_object_or_404(visible, public_id=public_id)
        found: Any = receipts.receipt(generation, with_costs=user.has_perm(receipts.SEE_CREDITS))
        return Response(ReceiptOutput(found).data)
