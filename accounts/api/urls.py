from django.urls import path

from accounts.api import views

urlpatterns = [
    path("credits", views.CreditsView.as_view(), name="credits"),
    path("credits/entries", views.EntryListView.as_view(), name="credit-entries"),
]
