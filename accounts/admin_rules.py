"""Teams, rules and the record of what admins did in Django's admin; all through `accounts.administration`."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts import administration
from accounts.acts import origin_of
from accounts.admin_rows import CreditsAdmin, ReasonForm, RuleAdmin, ask, take
from accounts.ledger_refusals import Refusal
from accounts.models import AdminAct, AllowanceRule, Cap, GrantBatch, Membership, Notice, QueueRule, Team
from accounts.people import signed_in


def common(request: HttpRequest) -> dict[str, Any]:
    """Who, when and from where."""
    return {"by": signed_in(request), "now": timezone.now(), "origin": origin_of(request)}


class MembershipInline(admin.TabularInline):
    model = Membership
    extra = 0
    can_delete = False
    fields = readonly_fields = ("user", "role", "joined_at")

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm(administration.SEE)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("user", "team")


@admin.register(Team)
class TeamAdmin(RuleAdmin):
    list_display = ("name", "time_zone", "created_at")
    search_fields = ("name",)
    fields = ("name", "time_zone")
    inlines = (MembershipInline,)

    def get_inlines(self, request: HttpRequest, obj: Model | None) -> Any:
        """A team that is being made has nobody to show."""
        return self.inlines if obj else ()

    def make(self, request: HttpRequest, terms: dict[str, Any]) -> Team:
        return administration.create_team(**terms, **common(request))


class MembershipForm(forms.ModelForm):
    class Meta:
        model = Membership
        fields = ("user", "team", "role")

    def validate_unique(self) -> None:
        """Who is in a team already moves."""


@admin.register(Membership)
class MembershipAdmin(RuleAdmin):
    form = MembershipForm
    list_display = ("user", "team", "role", "joined_at")
    list_select_related = ("user", "team")
    list_filter = ("role",)
    search_fields = ("=user__email", "team__name")
    autocomplete_fields = ("user", "team")

    def make(self, request: HttpRequest, terms: dict[str, Any]) -> Membership:
        administration.move_to_team(**terms, **common(request))
        return Membership.objects.get(user=terms["user"])


@admin.register(AllowanceRule)
class AllowanceRuleAdmin(RuleAdmin):
    list_display = ("__str__", "user", "team", "time_zone", "starts_at", "ended_at", "created_by")
    list_select_related = ("user", "team", "created_by")
    list_filter = (("ended_at", admin.EmptyFieldListFilter), "period", "kind")
    search_fields = ("=user__email", "team__name")
    autocomplete_fields = ("user", "team")
    actions = ("end_action",)
    ordering = ("-id",)

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        terms = ("user", "team", "kind", "amount", "period", "time_zone", "reason")
        return (*terms, "starts_at", "ended_at", "created_by", "created_at") if obj else terms

    def make(self, request: HttpRequest, terms: dict[str, Any]) -> AllowanceRule:
        return administration.set_allowance(**terms, **common(request))

    @admin.action(description="End…", permissions=["rules"])
    def end_action(self, request: HttpRequest, rules: QuerySet[AllowanceRule]) -> HttpResponse | None:
        """Ask why; then give nothing more by the rules chosen."""
        return end_chosen(
            self, request, rules.select_related("user", "team"), administration.end_allowance, "rule"
        )


@admin.register(Cap)
class CapAdmin(RuleAdmin):
    list_display = ("__str__", "user", "team", "api_key", "time_zone", "ended_at", "created_by")
    list_select_related = ("user", "team", "api_key", "created_by")
    list_filter = (("ended_at", admin.EmptyFieldListFilter), "period")
    search_fields = ("=user__email", "team__name", "=api_key__key_id")
    autocomplete_fields = ("user", "team", "api_key")
    actions = ("end_action",)
    ordering = ("-id",)

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        terms = ("user", "team", "api_key", "allowed", "period", "time_zone", "reason")
        return (*terms, "ended_at", "created_by", "created_at") if obj else terms

    def make(self, request: HttpRequest, terms: dict[str, Any]) -> Cap:
        return administration.set_cap(**terms, **common(request))

    @admin.action(description="End…", permissions=["rules"])
    def end_action(self, request: HttpRequest, caps: QuerySet[Cap]) -> HttpResponse | None:
        """Ask why; then take the caps chosen out of force."""
        return end_chosen(
            self, request, caps.select_related("user", "team", "api_key"), administration.end_cap, "cap"
        )


@admin.register(QueueRule)
class QueueRuleAdmin(RuleAdmin):
    list_display = ("__str__", "user", "team", "reason", "created_by", "created_at", "ended_at")
    list_select_related = ("user", "team", "created_by")
    list_filter = (("ended_at", admin.EmptyFieldListFilter), "lane")
    search_fields = ("=user__email", "team__name")
    autocomplete_fields = ("user", "team")
    actions = ("end_action",)
    ordering = ("-id",)

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        terms = ("user", "team", "lane", "concurrency_max", "reason")
        return (*terms, "ended_at", "created_by", "created_at") if obj else terms

    def make(self, request: HttpRequest, terms: dict[str, Any]) -> QueueRule:
        return administration.set_queue_rule(**terms, **common(request))

    @admin.action(description="End…", permissions=["rules"])
    def end_action(self, request: HttpRequest, rules: QuerySet[QueueRule]) -> HttpResponse | None:
        """Ask why; then take the rules chosen out of force."""
        return end_chosen(
            self, request, rules.select_related("user", "team"), administration.end_queue_rule, "rule"
        )


def end_chosen(
    rows: admin.ModelAdmin, request: HttpRequest, queryset: QuerySet[Any], verb: Any, name: str
) -> HttpResponse | None:
    """Ask for the reason, then end each rule chosen by its verb, which takes it as `name`."""
    chosen = take(rows, request, queryset)
    if chosen is None:
        return None
    form = ReasonForm(request.POST if "reason" in request.POST else None)
    if not form.is_valid():
        note = "Recorded in the audit log. What was given or spent stays as it is."
        return ask(
            rows, request, chosen, form, title="End rules", note=note, button="End", action="end_action"
        )
    try:
        for rule in chosen:
            verb(**{name: rule}, reason=form.cleaned_data["reason"], **common(request))
    except Refusal as refusal:
        rows.message_user(request, str(refusal), messages.ERROR)
    else:
        rows.message_user(request, f"Ended: {len(chosen)}.", messages.SUCCESS)
    return None


@admin.register(AdminAct)
class AdminActAdmin(CreditsAdmin):
    list_display = ("id", "at", "by", "verb", "subject_label", "before", "after", "reason", "address")
    list_select_related = ("by",)
    search_fields = ("=by__email", "subject_label", "=request_id")
    list_filter = ("verb",)
    ordering = ("-id",)


@admin.register(Notice)
class NoticeAdmin(CreditsAdmin):
    list_display = ("text", "kind", "user", "created_at", "resolved_at")
    list_select_related = ("user",)
    list_filter = ("kind", ("resolved_at", admin.EmptyFieldListFilter))
    ordering = ("-id",)


@admin.register(GrantBatch)
class GrantBatchAdmin(CreditsAdmin):
    list_display = ("title", "total", "created_by", "created_at", "applied_at")
    list_select_related = ("created_by",)
    ordering = ("-id",)
