from django.urls import path

from gallery import setting_views, views

app_name = "gallery"

urlpatterns = [
    path("gallery/", views.pictures, name="list"),
    path("settings/downloads/", setting_views.downloads, name="download_settings"),
    path("images/<uuid:public_id>/visibility", views.visibility, name="visibility"),
]
