from django.urls import path

from gallery import similar_views, views

app_name = "gallery"

urlpatterns = [
    path("gallery/", views.pictures, name="list"),
    path("images/<uuid:public_id>/similar", similar_views.similar_pictures, name="similar"),
    path("images/<uuid:public_id>/visibility", views.visibility, name="visibility"),
]
