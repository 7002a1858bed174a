from django.contrib import admin
from django.urls import include, path

from accounts import stream
from config import health

urlpatterns = [
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
    path("files/", include("gallery.file_urls")),
    path("", include("gallery.urls")),
    path("", include("accounts.urls")),
    path("api/", include("config.api.urls")),
    path("", include("generation.urls")),
    path("events", stream.changes, name="events"),
    path("healthz", health.alive, name="healthz"),
    path("readyz", health.ready, name="readyz"),
]
