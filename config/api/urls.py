from django.urls import include, path, re_path

from config.api.events import EventsView
from config.api.views import DocsView, IndexView, NotFoundView, SchemaView

app_name = "api"

urlpatterns = [
    path("v1/", IndexView.as_view(), name="index"),
    path("v1/", include("accounts.api.urls")),
    path("v1/", include("gallery.api.urls")),
    path("v1/", include("generation.api.urls")),
    path("v1/events", EventsView.as_view(), name="events"),
    path("v1/schema", SchemaView.as_view(), name="schema"),
    path("v1/docs", DocsView.as_view(), name="docs"),
    re_path("", NotFoundView.as_view()),
]
