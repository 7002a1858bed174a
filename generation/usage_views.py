"""The usage page: one's own spending, that of the team one manages, and everybody's for admins."""

import calendar
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts import chart, exports
from accounts.exports import Cell
from accounts.models import Membership, Team, User
from accounts.people import signed_in
from accounts.statement import Day, Month
from generation import reports
from generation.forms import PeriodForm
from generation.receipts import SEE_CREDITS
from generation.reports import Line, Report, Scope

PERIODS = (
    ("month", "This month"),
    ("last-month", "Last month"),
    ("90-days", "90 days"),
    ("year", "Year"),
)
# More bars than this are summed up by week.
BARS_MAX = 100
ROWS_SHOWN = 50


@dataclass(frozen=True)
class Period:
    """From the first day to the last, both in it; `name` is empty for dates somebody chose."""

    name: str
    first: date
    last: date

    @property
    def length(self) -> int:
        return (self.last - self.first).days + 1


@dataclass(frozen=True)
class Asked:
    """What the page is asked to show, as far as the person may see it."""

    scope: Scope
    whose: str
    period: Period
    form: PeriodForm
    query: dict[str, str]

    def address(self, **changes: str) -> str:
        """The page's query with some of it changed."""
        return urlencode({name: value for name, value in {**self.query, **changes}.items() if value})


@login_required
@never_cache
@require_safe
def usage(request: HttpRequest) -> HttpResponse:
    """What a period cost, by day, person, team, model and provider."""
    user = signed_in(request)
    today = timezone.now().date()
    asked = _asked(request, user, today)
    sees_all = user.has_perm(SEE_CREDITS)
    found = reports.report(asked.scope, with_costs=sees_all)
    shown = _bars(found, asked.period, today)
    ahead = reports.forecast(found.total, first=asked.period.first, length=asked.period.length, today=today)
    context = {
        "asked": asked,
        "report": found,
        "tables": [_table(found, name) for name in _dimensions(asked)],
        "month": shown,
        "chart": chart.draw(shown),
        "by_week": asked.period.length > BARS_MAX,
        "forecast": ahead if asked.period.name == "month" else None,
        "periods": [(name, label, asked.address(period=name, since="", until="")) for name, label in PERIODS],
        "scopes": _scopes(user, asked),
        "teams": Team.objects.all() if sees_all and asked.whose == "all" else None,
        "sees_all": sees_all,
    }
    status = 422 if asked.form.errors else 200
    return render(request, "generation/usage.html", context, status=status)


@login_required
@require_safe
def export(request: HttpRequest) -> HttpResponseBase:
    """One of the tables as a file."""
    user = signed_in(request)
    asked = _asked(request, user, timezone.now().date())
    by, kind = request.GET.get("by", ""), request.GET.get("format", "")
    if by not in _dimensions(asked, days=True) or kind not in exports.FORMATS or asked.form.errors:
        raise Http404
    with_costs = user.has_perm(SEE_CREDITS)
    found = reports.report(asked.scope, with_costs=with_costs)
    header = [by.capitalize(), "Credits", "Charged", "Refunded", "Images"]
    header += ["Vendor's cost in USD"] if with_costs else []
    name = f"usage-by-{by}-{asked.period.first}-to-{asked.period.last}"
    rows = (_cells(line, with_costs) for line in found.by[by])
    return exports.response(request, name=name, kind=kind, header=header, rows=rows)


def _cells(line: Line, with_costs: bool) -> list[Cell]:
    cells: list[Cell] = [line.label, line.credits, line.captured, line.refunded, line.images]
    return [*cells, line.cost_usd] if with_costs else cells


def _asked(request: HttpRequest, user: User, today: date) -> Asked:
    """:raises Http404: for somebody else's spending, as for what isn't there."""
    form = PeriodForm(request.GET)
    period = _period(form, today)
    whose = request.GET.get("whose", "mine")
    since = datetime.combine(period.first, time(), tzinfo=UTC)
    until = datetime.combine(period.last + timedelta(days=1), time(), tzinfo=UTC)
    team_id = request.GET.get("team", "")
    scope = _scope(user, whose, team_id, since, until)
    query = {"whose": whose, "team": team_id, "period": period.name}
    if not period.name:
        query |= {"since": str(period.first), "until": str(period.last)}
    return Asked(scope, whose, period, form, query)


def _period(form: PeriodForm, today: date) -> Period:
    first_of_month = today.replace(day=1)
    if form.is_valid() and form.cleaned_data["since"]:
        return Period("", form.cleaned_data["since"], form.cleaned_data["until"] or today)
    match form.cleaned_data.get("period") if form.is_valid() else "":
        case "last-month":
            last = first_of_month - timedelta(days=1)
            return Period("last-month", last.replace(day=1), last)
        case "90-days":
            return Period("90-days", today - timedelta(days=89), today)
        case "year":
            return Period("year", today - timedelta(days=364), today)
        case _:
            length = calendar.monthrange(today.year, today.month)[1]
            return Period("month", first_of_month, today.replace(day=length))


def _scope(user: User, whose: str, team_id: str, since: datetime, until: datetime) -> Scope:
    if whose == "mine":
        return Scope(since, until, user=user)
    if whose == "team" and (team := _managed(user)):
        return Scope(since, until, team=team)
    if whose == "all" and user.has_perm(SEE_CREDITS):
        team = Team.objects.filter(pk=team_id).first() if team_id.isdecimal() and len(team_id) < 10 else None
        if team_id and team is None:
            raise Http404
        return Scope(since, until, team=team)
    raise Http404


def _managed(user: User) -> Team | None:
    mine = Membership.objects.filter(user=user, role=Membership.Role.MANAGER).select_related("team").first()
    return mine.team if mine else None


def _scopes(user: User, asked: Asked) -> list[tuple[str, str, str]]:
    names = [("mine", "Mine")]
    if team := _managed(user):
        names.append(("team", team.name))
    if user.has_perm(SEE_CREDITS):
        names.append(("all", "Everybody"))
    return [(name, label, asked.address(whose=name, team="")) for name, label in names]


def _dimensions(asked: Asked, *, days: bool = False) -> list[str]:
    names = ["model", "provider"]
    if asked.whose != "mine":
        names = ["person", *names]
    if asked.whose == "all" and asked.scope.team is None:
        names = ["team", *names]
    return ["day", *names] if days else names


def _table(found: Report, name: str) -> dict[str, Any]:
    lines = found.by[name]
    most = max((line.credits for line in lines), default=0)
    return {"name": name, "lines": lines[:ROWS_SHOWN], "more": len(lines) - ROWS_SHOWN, "most": max(1, most)}


def _bars(found: Report, period: Period, today: date) -> Month:
    """Each day of the period, or each week of a long one by its first day."""
    spent = {date.fromisoformat(line.key): line.credits for line in found.by["day"]}
    step = 1 if period.length <= BARS_MAX else 7
    days = []
    for start in range(0, period.length, step):
        first = period.first + timedelta(days=start)
        days.append(Day(first, sum(spent.get(first + timedelta(days=n), 0) for n in range(step))))
    return Month(period.first, today, days)
