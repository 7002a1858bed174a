from django.urls import include, path

from accounts import views

app_name = "accounts"

urlpatterns = [
    path("people/", include("accounts.people_pages.urls")),
    path("credits/", views.credits, name="credits"),
    path("credits/standing", views.standing, name="standing"),
    path("credits/export", views.export_statement, name="export_statement"),
    path("credits/low-balance", views.low_balance, name="low_balance"),
    path("credits/refunds/<int:entry>", views.refund_told, name="refund_told"),
    path("settings/theme", views.theme, name="theme"),
    path("settings/api-keys/", views.api_keys, name="api_keys"),
    path("settings/api-keys/new/", views.new_api_key, name="new_api_key"),
    path("settings/api-keys/<slug:key_id>/revoke/", views.revoke_api_key, name="revoke_api_key"),
]
