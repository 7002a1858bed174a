from django.contrib import admin
from django.urls import include, path

from accounts import stream
from config import health
from gallery.urls import app_name as gallery_name
from gallery.urls import urlpatterns as gallery_pages
from generation import picture_views

# The page of a picture shows its turns too, of which the gallery knows nothing.
picture_page = path("images/<uuid:public_id>/", picture_views.picture, name="image")

urlpatterns = [
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
    path("s/", include("gallery.link_urls")),
    path("files/", include("gallery.file_urls")),
    path("", include(([picture_page, *gallery_pages], gallery_name))),
    path("", include("accounts.urls")),
    path("api/", include("config.api.urls")),
    path("", include("generation.urls")),
    path("events", stream.changes, name="events"),
    path("healthz", health.alive, name="healthz"),
    path("readyz", health.ready, name="readyz"),
]
