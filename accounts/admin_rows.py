"""What the rows of Django's admin share: reading, who may, and asking before a verb is done."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from accounts import administration
from accounts.ledger_refusals import REASON_MAX, Refusal

CHOSEN_MAX = 200


class ReadOnlyAdmin(admin.ModelAdmin):
    """Rows to look at: nothing is added, changed or deleted here."""

    show_full_result_count = False
    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With what a row names, on the page of one row as in the list."""
        rows = super().get_queryset(request)
        named = self.list_select_related
        return rows.select_related(*named) if isinstance(named, tuple) else rows

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class CreditsAdmin(ReadOnlyAdmin):
    """Rows about credits: for whoever may see everybody's."""

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm(administration.SEE) or super().has_view_permission(request, obj)

    def has_rules_permission(self, request: HttpRequest) -> bool:
        """For actions that end a rule."""
        return request.user.has_perm(administration.RULES)

    def has_adjust_permission(self, request: HttpRequest) -> bool:
        """For actions that refund."""
        return request.user.has_perm(administration.ADJUST)


class RuleAdmin(CreditsAdmin):
    """Rules: made by a verb in place of the one of before, ended by a verb, never edited or deleted."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(administration.RULES)

    def make(self, request: HttpRequest, terms: dict[str, Any]) -> Model:
        """Do the verb that makes the row.

        :raises Refusal:
        """
        raise NotImplementedError

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """The verb makes the row; the form's own is only its likeness."""
        obj.pk = self.make(request, form.cleaned_data).pk

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """What the verb refuses is told above the form, and nothing is kept."""
        try:
            return super().add_view(request, form_url, extra_context)
        except Refusal as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())


class ReasonForm(forms.Form):
    """Why something is done; the record keeps it."""

    reason = forms.CharField(max_length=REASON_MAX)


def ask(
    rows: admin.ModelAdmin, request: HttpRequest, chosen: list[Any], form: forms.Form, **words: str
) -> HttpResponse:
    """The page between choosing rows and doing it; `words` are its title, note, button, and action."""
    context = {
        **rows.admin_site.each_context(request),
        "opts": rows.opts,
        "chosen": [(row.pk, str(row)) for row in chosen],
        "form": form,
        **words,
    }
    return TemplateResponse(request, "admin/accounts/ask.html", context)


def take(rows: admin.ModelAdmin, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any] | None:
    """The chosen rows; None, with a message, when they are too many."""
    chosen = list(queryset.order_by("pk")[: CHOSEN_MAX + 1])
    if len(chosen) > CHOSEN_MAX:
        rows.message_user(request, f"Choose at most {CHOSEN_MAX} at once.", messages.ERROR)
        return None
    return chosen
