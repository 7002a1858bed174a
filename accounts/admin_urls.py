"""The admins' pages, at `/people/`."""

from django.urls import path

from accounts import admin_bulk_views, admin_rule_views, admin_team_views, admin_views

urlpatterns = [
    path("", admin_views.people, name="people"),
    path("<int:pk>/", admin_views.person, name="people_person"),
    path("<int:pk>/credits/", admin_views.credits, name="people_credits"),
    path("<int:pk>/correct/", admin_views.correct, name="people_correct"),
    path("<int:pk>/team/", admin_rule_views.move, name="people_move"),
    path("allowance/<slug:kind>/<int:pk>/", admin_rule_views.allowance, name="people_allowance"),
    path("allowances/<int:pk>/end/", admin_rule_views.end_allowance, name="people_end_allowance"),
    path("cap/<slug:kind>/<int:pk>/", admin_rule_views.cap, name="people_cap"),
    path("caps/<int:pk>/end/", admin_rule_views.end_cap, name="people_end_cap"),
    path("teams/", admin_team_views.teams, name="people_teams"),
    path("teams/<int:pk>/", admin_team_views.team, name="people_team"),
    path("many/<slug:what>/", admin_bulk_views.many, name="people_many"),
    path("batches/<int:pk>/", admin_bulk_views.batch, name="people_batch"),
    path("import/", admin_bulk_views.file, name="people_import"),
    path("log/", admin_team_views.log, name="people_log"),
]
