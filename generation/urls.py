from django.urls import path

from generation import already_views, picture_views, provider_views, receipt_views, usage_views, views

app_name = "generation"

urlpatterns = [
    path("", views.studio, name="studio"),
    path("uploads", views.upload, name="upload"),
    path("already", already_views.already_there, name="already"),
    path("choices", views.choices, name="choices"),
    path("generations/<uuid:public_id>/row", views.row, name="row"),
    path("generations/<uuid:public_id>/cancel", views.cancel, name="cancel"),
    path("generations/<uuid:public_id>/again", views.again, name="again"),
    path("images/<uuid:public_id>/change", picture_views.change, name="change"),
    path("images/<uuid:public_id>/names", picture_views.names, name="names"),
    path("receipts/<uuid:public_id>/", receipt_views.receipt, name="receipt"),
    path("receipts/<uuid:public_id>/refund", receipt_views.refund, name="refund"),
    path("usage/", usage_views.usage, name="usage"),
    path("providers/", provider_views.providers, name="providers"),
    path("providers/routing", provider_views.routing, name="provider_routing"),
    path("providers/<slug:name>/switch", provider_views.switch, name="provider_switch"),
    path("providers/<slug:name>/test", provider_views.test, name="provider_test"),
    path("usage/export", usage_views.export, name="usage_export"),
]
