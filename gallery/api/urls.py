from django.urls import path

from gallery.api import similar, views

urlpatterns = [
    path("uploads", views.UploadListView.as_view(), name="uploads"),
    path("uploads/<uuid:public_id>", views.UploadView.as_view(), name="upload"),
    path("images", views.ImageListView.as_view(), name="images"),
    path("images/<uuid:public_id>", views.ImageView.as_view(), name="image"),
    path("images/already", similar.AlreadyView.as_view(), name="images-already"),
    path("images/<uuid:public_id>/similar", similar.SimilarView.as_view(), name="image-similar"),
    path("images/<uuid:public_id>/file", views.ImageFileView.as_view(), name="image-file"),
]
