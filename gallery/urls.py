from django.urls import path

from gallery import archive_views, setting_views, share_views, similar_views, views

app_name = "gallery"

urlpatterns = [
    path("gallery/", views.pictures, name="list"),
    path("gallery/archives/", archive_views.archives, name="archives"),
    path("gallery/archives/<uuid:public_id>/remove", archive_views.remove, name="archive_remove"),
    path("gallery/archives/<uuid:public_id>/file", archive_views.file, name="archive_file"),
    path("settings/downloads/", setting_views.downloads, name="download_settings"),
    path("images/<uuid:public_id>/similar", similar_views.similar_pictures, name="similar"),
    path("images/<uuid:public_id>/visibility", views.visibility, name="visibility"),
    path("share/", share_views.mine, name="shares"),
    path("share/new", share_views.new, name="share"),
    path("share/revoke-all", share_views.revoke_all, name="revoke_shares"),
    path("share/<uuid:public_id>", share_views.settings_of, name="share_link"),
    path("share/<uuid:public_id>/revoke", share_views.revoke, name="revoke_share"),
]
