"""Pictures in Django's admin: facts only, no prompt search into what people keep private."""

from django.contrib import admin

from accounts.admin_rows import ReadOnlyAdmin
from gallery.models import Image, Original, Upload


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
