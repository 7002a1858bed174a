"""The admins' pages for many people at once: a selection, a team, or a file; looked at first, then done."""

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts import administration, bulk, directory
from accounts.acts import origin_of
from accounts.ledger_refusals import Refusal
from accounts.models import GrantBatch, Team, User
from accounts.people import signed_in
from accounts.people_pages.access import add_refusal, admins_only, number, posted
from accounts.people_pages.forms import AllowanceForm, BulkGrantForm, CapForm, FileForm, MembershipForm

PEOPLE_MAX = 500
# How many lines of a long file a page shows.
SHOWN = 200
BATCHES = 10
TITLES = {
    "grant": ("Grant credits", "Look at it first"),
    "allowance": ("Set an allowance", "Set it for each"),
    "cap": ("Set a cap", "Set it for each"),
    "team": ("Move to a team", "Move them"),
}
FORMS: dict[str, type[Form]] = {
    "grant": BulkGrantForm,
    "allowance": AllowanceForm,
    "cap": CapForm,
    "team": MembershipForm,
}


@admins_only
@require_http_methods(["GET", "HEAD", "POST"])
def many(request: HttpRequest, what: str) -> HttpResponse:
    """The same for each person chosen, or each member of a team."""
    if what not in FORMS:
        raise Http404
    team, people = _chosen(request)
    if not 1 <= len(people) <= PEOPLE_MAX:
        said = (
            f"Choose at most {PEOPLE_MAX} people at once, or import a file."
            if people
            else "Choose people first."
        )
        messages.info(request, said)
        return redirect("accounts:people")
    form = FORMS[what](posted(request))
    problems: tuple[bulk.Problem, ...] = ()
    if request.method == "POST" and form.is_valid():
        try:
            if what == "grant":
                assert isinstance(form, BulkGrantForm)
                plan = _plan(form, team=team, people=people, by=signed_in(request))
                if not (problems := plan.problems):
                    batch = bulk.keep(plan=plan, by=signed_in(request), now=timezone.now())
                    return redirect("accounts:people_batch", batch.pk)
            else:
                _set_for_each(what, form, people, request)
                messages.success(request, f"{TITLES[what][0]}: done for {_count(people)}.")
                return redirect("accounts:people")
        except Refusal as refusal:
            add_refusal(form, refusal)
    context = {
        "title": TITLES[what][0],
        "button": TITLES[what][1],
        "form": form,
        "team": team,
        "people": directory.listed(people, now=timezone.now()),
        "problems": problems,
    }
    status = 422 if form.errors or problems else 200
    return render(request, "accounts/admin/many.html", context, status=status)


@admins_only
@require_http_methods(["GET", "HEAD", "POST"])
def file(request: HttpRequest) -> HttpResponse:
    """Read a file of grants; what is wrong in it is shown by line, and what is right is looked at next."""
    form = FileForm(posted(request), request.FILES or None)
    plan = None
    if request.method == "POST" and form.is_valid():
        by, sent = signed_in(request), form.cleaned_data["file"]
        plan = bulk.read(data=sent.read(), title=sent.name, reason=form.cleaned_data["reason"], by=by)
        if not plan.problems:
            batch = bulk.keep(plan=plan, by=by, now=timezone.now())
            return redirect("accounts:people_batch", batch.pk)
    context = {
        "form": form,
        "plan": plan,
        "problems": plan.problems[:SHOWN] if plan else (),
        "batches": GrantBatch.objects.select_related("created_by").defer("rows").order_by("-pk")[:BATCHES],
    }
    status = 422 if form.errors or plan else 200
    return render(request, "accounts/admin/import.html", context, status=status)


@admins_only
@require_http_methods(["GET", "HEAD", "POST"])
def batch(request: HttpRequest, pk: int) -> HttpResponse:
    """What a batch gives to whom, before and after; and giving it, once."""
    kept = get_object_or_404(GrantBatch.objects.select_related("created_by"), pk=pk)
    refused = None
    if request.method == "POST":
        try:
            given = bulk.apply(
                batch=kept, by=signed_in(request), now=timezone.now(), origin=origin_of(request)
            )
        except Refusal as refusal:
            refused = str(refusal)
        else:
            said = f"{kept.total:,} credits given to {len(kept.rows):,} people."
            messages.success(request, said if given else "This was given before; nothing more was given.")
            return redirect("accounts:people_batch", kept.pk)
    context = {
        "batch": kept,
        "rows": _previews(kept),
        "people": len(kept.rows),
        "more": max(0, len(kept.rows) - SHOWN),
        "refused": refused,
    }
    return render(request, "accounts/admin/batch.html", context, status=422 if refused else 200)


def _chosen(request: HttpRequest) -> tuple[Team | None, list[User]]:
    """The team or the people that the address or the form names, by name; one more than fit, of too many."""
    asked = request.POST if request.method == "POST" else request.GET
    everybody = User.objects.select_related("credit_account", "membership__team").order_by("name", "email")
    if (team_id := number(asked.get("of", ""))) is not None:
        team = get_object_or_404(Team, pk=team_id)
        people = everybody.filter(membership__team=team, is_active=True)
    else:
        team = None
        wanted = [number(pk) for pk in asked.getlist("person")]
        people = everybody.filter(pk__in=[pk for pk in wanted if pk is not None])
    return team, list(people[: PEOPLE_MAX + 1])


def _plan(form: BulkGrantForm, *, team: Team | None, people: list[User], by: User) -> bulk.Plan:
    """:raises Refusal:"""
    terms = {**form.cleaned_data, "key": form.once, "by": by}
    if team is not None:
        return bulk.for_team(team=team, **terms)
    return bulk.for_people(people=people, title=f"{_count(people)} chosen", **terms)


@transaction.atomic
def _set_for_each(what: str, form: Form, people: list[User], request: HttpRequest) -> None:
    """All of them or none.

    :raises Refusal:
    """
    verbs: dict[str, Any] = {
        "allowance": administration.set_allowance,
        "cap": administration.set_cap,
        "team": administration.move_to_team,
    }
    common = {"by": signed_in(request), "now": timezone.now(), "origin": origin_of(request)}
    for user in people:
        verbs[what](user=user, **common, **form.cleaned_data)


def _previews(kept: GrantBatch) -> list[tuple[User, int, int, int, str]]:
    """The first rows: who, what is available now, the amount, what would be available, and why."""
    rows = kept.rows[:SHOWN]
    people = User.objects.select_related("credit_account").in_bulk([row["user"] for row in rows])
    shown = []
    for row in rows:
        user = people[row["user"]]
        account = getattr(user, "credit_account", None)
        now = account.available if account else 0
        shown.append((user, now, row["amount"], now + row["amount"], row["reason"]))
    return shown


def _count(people: list[User]) -> str:
    return "1 person" if len(people) == 1 else f"{len(people):,} people"
