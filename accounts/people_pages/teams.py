"""The admins' pages about teams, and the record of what admins did."""

from django.contrib import messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts import administration, allowances, directory, limits, queue_rules
from accounts.act_words import VERBS
from accounts.acts import origin_of
from accounts.ledger_refusals import Refusal
from accounts.models import AdminAct, AllowanceRule, Cap, Team, User
from accounts.people import signed_in
from accounts.people_pages.access import add_refusal, admins_only, number, posted
from accounts.people_pages.forms import NewMemberForm, TeamForm

TEAMS = 200
MEMBERS = 50
ACTS = 50


@admins_only
@require_http_methods(["GET", "HEAD", "POST"])
def teams(request: HttpRequest) -> HttpResponse:
    """The teams with what is given to and asked of them; and making one."""
    now = timezone.now()
    form = TeamForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            made = administration.create_team(
                by=signed_in(request), now=now, origin=origin_of(request), **form.cleaned_data
            )
        except Refusal as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(request, f"The team {made} is there. Add its members.")
            return redirect("accounts:people_team", made.pk)
    found = list(Team.objects.annotate(members=Count("memberships"))[:TEAMS])
    rules = AllowanceRule.objects.filter(team__in=found, ended_at__isnull=True)
    caps: dict[int | None, list[Cap]] = {}
    for cap in Cap.objects.filter(team__in=found, ended_at__isnull=True).order_by("pk"):
        caps.setdefault(cap.team_id, []).append(cap)
    given = {rule.team_id: rule for rule in rules}
    rows = [(team, given.get(team.pk), caps.get(team.pk, [])) for team in found]
    context = {"rows": rows, "form": form}
    status = 422 if form.errors else 200
    return render(request, "accounts/admin/teams.html", context, status=status)


@admins_only
@require_http_methods(["GET", "HEAD", "POST"])
def team(request: HttpRequest, pk: int) -> HttpResponse:
    """One team: its members, allowance and caps; and adding somebody."""
    found, now = get_object_or_404(Team, pk=pk), timezone.now()
    form = NewMemberForm(posted(request))
    if request.method == "POST" and form.is_valid():
        user = User.objects.get(email__iexact=form.cleaned_data["email"])
        try:
            administration.move_to_team(
                by=signed_in(request),
                user=user,
                team=found,
                role=form.cleaned_data["role"],
                now=now,
                origin=origin_of(request),
            )
        except Refusal as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(request, f"{user.get_full_name()} is in {found} now.")
            return redirect("accounts:people_team", found.pk)
    asked = directory.Search(team=found.pk, after=number(request.GET.get("after", "")))
    context = {
        "team": found,
        "page": directory.search(asked, now=now, size=MEMBERS),
        "members": found.memberships.count(),
        "rules": [rule] if (rule := allowances.in_force(team=found)) else [],
        "caps": limits.standings(team=found, now=now),
        "queue_rules": [queue_rule] if (queue_rule := queue_rules.of(team=found)) else [],
        "form": form,
        "now": now,
    }
    status = 422 if form.errors else 200
    return render(request, "accounts/admin/team.html", context, status=status)


@admins_only
@require_safe
def log(request: HttpRequest) -> HttpResponse:
    """What admins did, newest first: by whom or to whom, and which verb."""
    words, verb = request.GET.get("q", "").strip()[:100], request.GET.get("verb", "")
    acts = _acts(words, verb)
    if (before := number(request.GET.get("before", ""))) is not None:
        acts = acts.filter(pk__lt=before)
    rows = list(acts.select_related("by")[: ACTS + 1])
    context = {
        "acts": rows[:ACTS],
        "older": rows[ACTS - 1].pk if len(rows) > ACTS else None,
        "words": words,
        "verb": verb,
        "verbs": VERBS,
        "is_narrowed": bool(words or verb),
        "now": timezone.now(),
    }
    return render(request, "accounts/admin/log.html", context)


def _acts(words: str, verb: str) -> QuerySet[AdminAct]:
    acts = AdminAct.objects.order_by("-pk")
    if verb:
        acts = acts.filter(verb=verb)
    if words:
        people = User.objects.filter(Q(name__icontains=words) | Q(email__icontains=words))
        found = [str(pk) for pk in people.values_list("pk", flat=True)[:200]]
        acts = acts.filter(
            Q(by__in=found) | Q(subject_kind="user", subject_id__in=found) | Q(subject_label__icontains=words)
        )
    return acts
