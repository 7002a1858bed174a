"""The admins' pages, at `/people/`."""

from django.urls import path

from accounts.people_pages import bulk, people, rules, teams

urlpatterns = [
    path("", people.people, name="people"),
    path("<int:pk>/", people.person, name="people_person"),
    path("<int:pk>/credits/", people.credits, name="people_credits"),
    path("<int:pk>/correct/", people.correct, name="people_correct"),
    path("<int:pk>/team/", rules.move, name="people_move"),
    path("allowance/<slug:kind>/<int:pk>/", rules.allowance, name="people_allowance"),
    path("allowances/<int:pk>/end/", rules.end_allowance, name="people_end_allowance"),
    path("cap/<slug:kind>/<int:pk>/", rules.cap, name="people_cap"),
    path("caps/<int:pk>/end/", rules.end_cap, name="people_end_cap"),
    path("queue/<slug:kind>/<int:pk>/", rules.queue, name="people_queue"),
    path("queue-rules/<int:pk>/end/", rules.end_queue, name="people_end_queue"),
    path("teams/", teams.teams, name="people_teams"),
    path("teams/<int:pk>/", teams.team, name="people_team"),
    path("many/<slug:what>/", bulk.many, name="people_many"),
    path("batches/<int:pk>/", bulk.batch, name="people_batch"),
    path("import/", bulk.file, name="people_import"),
    path("log/", teams.log, name="people_log"),
]
