"""Pictures in Django's admin: facts only, no prompt search into what people keep private; and quotas."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from accounts.acts import origin_of
from accounts.admin_rows import ReadOnlyAdmin, RuleAdmin
from accounts.ledger_refusals import REASON_MAX
from accounts.people import signed_in
from gallery import quota
from gallery.models import Image, Original, StorageUse, Upload

_GIGABYTE = 1024**3


@admin.register(Image)
class ImageAdmin(ReadOnlyAdmin):
    list_display = (
        "public_id",
        "owner",
        "visibility",
        "model",
        "provider",
        "aspect_ratio",
        "credits",
        "created_at",
    )
    list_select_related = ("owner",)
    list_filter = ("visibility", "provider")
    search_fields = ("=public_id", "=owner__email")
    exclude = ("prompt",)
    ordering = ("-id",)


@admin.register(Original)
class OriginalAdmin(ReadOnlyAdmin):
    list_display = ("id", "content_type", "width", "height", "size_bytes", "created_at")
    search_fields = ("=sha256",)
    exclude = ("signature", "placeholder")
    ordering = ("-id",)


@admin.register(Upload)
class UploadAdmin(ReadOnlyAdmin):
    list_display = ("public_id", "owner", "created_at")
    list_select_related = ("owner",)
    search_fields = ("=public_id", "=owner__email")
    exclude = ("file_name",)
    ordering = ("-id",)


class QuotaForm(forms.ModelForm):
    """A person's own quota, in place of the one of before, and why."""

    gigabytes = forms.DecimalField(
        label="quota, GB",
        required=False,
        min_value=0,
        max_value=quota.BYTES_MAX // _GIGABYTE,
        decimal_places=3,
        help_text="Empty: the usual one of the settings. 0 lets nothing more in.",
    )
    reason = forms.CharField(max_length=REASON_MAX)

    class Meta:
        model = StorageUse
        fields = ("user",)

    def validate_unique(self) -> None:
        """The person's row is there already, as a rule; it is changed."""


@admin.register(StorageUse)
class StorageUseAdmin(RuleAdmin):
    list_display = ("user", "used", "own_quota", "images")
    list_select_related = ("user",)
    search_fields = ("=user__email",)
    autocomplete_fields = ("user",)
    ordering = ("-used_bytes",)
    form = QuotaForm

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return ("user", "used", "own_quota", "images") if obj else ("user", "gigabytes", "reason")

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return ("used", "own_quota", "images") if obj else ()

    @admin.display(description="used", ordering="used_bytes")
    def used(self, use: StorageUse) -> str:
        return quota.in_words(use.used_bytes)

    @admin.display(description="quota of their own", ordering="quota_bytes")
    def own_quota(self, use: StorageUse) -> str:
        return "–" if use.quota_bytes is None else quota.in_words(use.quota_bytes)

    def make(self, request: HttpRequest, terms: dict[str, Any]) -> StorageUse:
        given = terms["gigabytes"]
        return quota.set_quota(
            by=signed_in(request),
            user=terms["user"],
            quota_bytes=None if given is None else int(given * _GIGABYTE),
            reason=terms["reason"],
            origin=origin_of(request),
        )
