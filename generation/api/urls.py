from django.urls import path

from generation.api import conversations, providers, receipts, views

urlpatterns = [
    path("models", views.ModelListView.as_view(), name="models"),
    path("providers", providers.ProviderListView.as_view(), name="providers"),
    path("quotes", views.QuoteView.as_view(), name="quotes"),
    path("generations", views.GenerationListView.as_view(), name="generations"),
    path("generations/<uuid:public_id>", views.GenerationView.as_view(), name="generation"),
    path("generations/<uuid:public_id>/cancel", views.CancelView.as_view(), name="generation-cancel"),
    path("generations/<uuid:public_id>/retry", views.RetryView.as_view(), name="generation-retry"),
    path("generations/<uuid:public_id>/receipt", receipts.ReceiptView.as_view(), name="receipt"),
    path("conversations", conversations.ConversationListView.as_view(), name="conversations"),
    path("conversations/<uuid:public_id>", conversations.ConversationView.as_view(), name="conversation"),
    path("conversations/<uuid:public_id>/turns", conversations.TurnListView.as_view(), name="turns"),
    path("conversations/<uuid:public_id>/turns/<uuid:turn>", conversations.TurnView.as_view(), name="turn"),
    path(
        "conversations/<uuid:public_id>/branches/<uuid:branch>",
        conversations.BranchView.as_view(),
        name="branch",
    ),
]
