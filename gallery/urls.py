from django.urls import path

from gallery import share_views, views

app_name = "gallery"

urlpatterns = [
    path("gallery/", views.pictures, name="list"),
    path("images/<uuid:public_id>/visibility", views.visibility, name="visibility"),
    path("share/", share_views.mine, name="shares"),
    path("share/new", share_views.new, name="share"),
    path("share/revoke-all", share_views.revoke_all, name="revoke_shares"),
    path("share/<uuid:public_id>", share_views.settings_of, name="share_link"),
    path("share/<uuid:public_id>/revoke", share_views.revoke, name="revoke_share"),
]
