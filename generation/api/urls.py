from django.urls import path

from generation.api import providers, receipts, views

urlpatterns = [
    path("models", views.ModelListView.as_view(), name="models"),
    path("providers", providers.ProviderListView.as_view(), name="providers"),
    path("quotes", views.QuoteView.as_view(), name="quotes"),
    path("generations", views.GenerationListView.as_view(), name="generations"),
    path("generations/<uuid:public_id>", views.GenerationView.as_view(), name="generation"),
    path("generations/<uuid:public_id>/cancel", views.CancelView.as_view(), name="generation-cancel"),
    path("generations/<uuid:public_id>/receipt", receipts.ReceiptView.as_view(), name="receipt"),
]
