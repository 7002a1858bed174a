from django.urls import path

from gallery import archive_views, setting_views, share_views, similar_views, views
from gallery.pages import acts, arranging, parts, picture, tagging, trashing, uploads

app_name = "gallery"

urlpatterns = [
    path("gallery/", views.pictures, name="list"),
    path("gallery/counts", parts.counts, name="counts"),
    path("gallery/count", parts.count, name="count"),
    path("gallery/months", parts.months, name="months"),
    path("gallery/suggest", parts.suggest, name="suggest"),
    path("gallery/act", acts.act, name="act"),
    path("gallery/acts/<uuid:public_id>/undo", acts.undo, name="undo"),
    path("gallery/upload", uploads.upload, name="upload"),
    path("gallery/collections", arranging.all_collections, name="collections"),
    path("gallery/collections/new", arranging.new_collection, name="new_collection"),
    path("gallery/collections/<uuid:public_id>", arranging.collection, name="collection"),
    path(
        "gallery/collections/<uuid:public_id>/delete", arranging.delete_collection, name="delete_collection"
    ),
    path("gallery/collections/<uuid:public_id>/cover", arranging.set_cover, name="set_cover"),
    path("gallery/collections/<uuid:public_id>/move", arranging.move, name="move"),
    path("gallery/searches/save", arranging.save_search, name="save_search"),
    path("gallery/searches/<uuid:public_id>/delete", arranging.delete_search, name="delete_search"),
    path("gallery/tags", tagging.page, name="tags"),
    path("gallery/tags/<int:pk>", tagging.change, name="tag"),
    path("gallery/tags/<int:pk>/colour", tagging.recolour, name="recolour_tag"),
    path("gallery/trash", trashing.page, name="trash"),
    path("gallery/trash/restore", trashing.restore, name="restore"),
    path("gallery/trash/empty", trashing.empty, name="empty_trash"),
    path("gallery/archives/", archive_views.archives, name="archives"),
    path("gallery/archives/<uuid:public_id>/remove", archive_views.remove, name="archive_remove"),
    path("gallery/archives/<uuid:public_id>/file", archive_views.file, name="archive_file"),
    path("settings/downloads/", setting_views.downloads, name="download_settings"),
    path("images/<uuid:public_id>/similar", similar_views.similar_pictures, name="similar"),
    path("images/<uuid:public_id>/visibility", views.visibility, name="visibility"),
    path("images/<uuid:public_id>/favourite", picture.favourite, name="favourite"),
    path("images/<uuid:public_id>/tags", picture.tag, name="tag_image"),
    path("images/<uuid:public_id>/describe", picture.describe, name="describe"),
    path("images/<uuid:public_id>/collections", picture.collect, name="collect_image"),
    path("images/<uuid:public_id>/trash", picture.trash, name="trash_image"),
    path("share/", share_views.mine, name="shares"),
    path("share/new", share_views.new, name="share"),
    path("share/revoke-all", share_views.revoke_all, name="revoke_shares"),
    path("share/<uuid:public_id>", share_views.settings_of, name="share_link"),
    path("share/<uuid:public_id>/revoke", share_views.revoke, name="revoke_share"),
]
