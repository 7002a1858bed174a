"""What was asked for and how it went, for support: read only."""

from django.contrib import admin
from django.http import HttpRequest

from accounts.admin_rows import ReadOnlyAdmin
from generation import provider_admin
from generation.models import Attempt, Generation

__all__ = ["provider_admin"]


class AttemptInline(admin.TabularInline):
    model = Attempt
    fields = ("number", "provider", "status", "code", "detail", "vendor_text", "started_at", "ended_at")
    readonly_fields = fields
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Generation | None = None) -> bool:
        return False


@admin.register(Generation)
class GenerationAdmin(ReadOnlyAdmin):
    list_display = (
        "public_id",
        "user",
        "status",
        "count",
        "price",
        "error_code",
        "created_at",
        "finished_at",
    )
    list_select_related = ("user",)
    list_filter = ("status", "model")
    search_fields = ("=public_id", "=user__email")
    exclude = ("prompt",)
    ordering = ("-id",)
    inlines = (AttemptInline,)


@admin.register(Attempt)
class AttemptAdmin(ReadOnlyAdmin):
    list_display = (
        "generation",
        "number",
        "provider",
        "status",
        "code",
        "vendor_cost_usd",
        "started_at",
        "ended_at",
    )
    list_select_related = ("generation",)
    list_filter = ("status", "provider")
    search_fields = ("=generation__public_id", "=vendor_id")
    exclude = ("answer",)
    ordering = ("-id",)
