from django.urls import path

from gallery import files

app_name = "files"
urlpatterns = [
    path("images/<uuid:public_id>/<str:variant>", files.image_file, name="image"),
    path("uploads/<uuid:public_id>/<str:variant>", files.upload_file, name="upload"),
    path("signed/<str:token>", files.signed_file, name="signed"),
]
