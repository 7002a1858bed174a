from django.urls import path

from gallery.api import archives, bulk, collections, links, searches, similar, tags, trash, views

urlpatterns = [
    path("archives", archives.ArchiveListView.as_view(), name="archives"),
    path("archives/<uuid:public_id>", archives.ArchiveView.as_view(), name="archive"),
    path("archives/<uuid:public_id>/file", archives.ArchiveFileView.as_view(), name="archive-file"),
    path("uploads", views.UploadListView.as_view(), name="uploads"),
    path("uploads/<uuid:public_id>", views.UploadView.as_view(), name="upload"),
    path("images", views.ImageListView.as_view(), name="images"),
    path("images/bulk", bulk.BulkView.as_view(), name="images-bulk"),
    path("images/<uuid:public_id>", views.ImageView.as_view(), name="image"),
    path("images/already", similar.AlreadyView.as_view(), name="images-already"),
    path("images/<uuid:public_id>/similar", similar.SimilarView.as_view(), name="image-similar"),
    path("images/<uuid:public_id>/file", views.ImageFileView.as_view(), name="image-file"),
    path("images/<uuid:public_id>/tags", views.ImageTagsView.as_view(), name="image-tags"),
    path("images/<uuid:public_id>/favourite", views.FavouriteView.as_view(), name="image-favourite"),
    path("images/<uuid:public_id>/lineage", views.LineageView.as_view(), name="image-lineage"),
    path("undo/<uuid:public_id>", bulk.UndoView.as_view(), name="undo"),
    path("tags", tags.TagListView.as_view(), name="tags"),
    path("tags/<int:pk>", tags.TagView.as_view(), name="tag"),
    path("tags/<int:pk>/merge", tags.TagMergeView.as_view(), name="tag-merge"),
    path("collections", collections.CollectionListView.as_view(), name="collections"),
    path("collections/<uuid:public_id>", collections.CollectionView.as_view(), name="collection"),
    path(
        "collections/<uuid:public_id>/images",
        collections.CollectionImagesView.as_view(),
        name="collection-images",
    ),
    path(
        "collections/<uuid:public_id>/images/<uuid:image>",
        collections.CollectionImageView.as_view(),
        name="collection-image",
    ),
    path(
        "collections/<uuid:public_id>/move", collections.CollectionMoveView.as_view(), name="collection-move"
    ),
    path("searches", searches.SearchListView.as_view(), name="searches"),
    path("searches/<uuid:public_id>", searches.SearchView.as_view(), name="search"),
    path("links", links.LinkListView.as_view(), name="links"),
    path("links/<uuid:public_id>", links.LinkView.as_view(), name="link"),
    path("links/<uuid:public_id>/revoke", links.LinkRevocationView.as_view(), name="link-revocation"),
    path("images/<uuid:public_id>/trash", trash.TrashImageView.as_view(), name="image-trash"),
    path("images/<uuid:public_id>/restore", trash.RestoreImageView.as_view(), name="image-restore"),
    path("trash", trash.TrashView.as_view(), name="trash"),
    path("trash/<uuid:public_id>", trash.TrashedImageView.as_view(), name="trashed-image"),
]
