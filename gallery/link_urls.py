from django.urls import path

from gallery import link_views

app_name = "shared"
urlpatterns = [
    path("<str:token>", link_views.page, name="page"),
    path("<str:token>/open", link_views.open_link, name="open"),
    path("<str:token>/<uuid:public_id>", link_views.one, name="one"),
    path("<str:token>/<uuid:public_id>/<int:size>.webp", link_views.file, name="file"),
    path("<str:token>/<uuid:public_id>/download", link_views.download, name="download"),
    path("", link_views.nothing),
    path("<path:rest>", link_views.nothing),
]
