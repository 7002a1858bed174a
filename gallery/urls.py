from django.urls import path

from gallery import views

app_name = "gallery"

urlpatterns = [
    path("gallery/", views.pictures, name="list"),
    path("images/<uuid:public_id>/visibility", views.visibility, name="visibility"),
]
