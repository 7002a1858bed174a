"""People in Django's admin. Credits move only through `accounts.administration`; rows are for reading."""

import uuid
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse

from accounts import admin_rules, administration, ledger
from accounts.acts import origin_of
from accounts.admin_rows import CreditsAdmin, ask, take
from accounts.models import ApiKey, CreditAccount, Hold, LedgerEntry, User
from accounts.people import signed_in

__all__ = ["admin_rules"]

# What makes somebody an admin, or another kind of one: for superusers alone to change.
POWERS = ("is_staff", "is_superuser", "groups", "user_permissions")


class CreditsForm(forms.Form):
    """What an admin gives, takes back or corrects, and why; the person reads the reason."""

    GIVE, TAKE, UP, DOWN = "give", "take", "up", "down"

    direction = forms.ChoiceField(
        choices=((GIVE, "Give"), (TAKE, "Take back"), (UP, "Correct upwards"), (DOWN, "Correct downwards")),
        initial=GIVE,
        widget=forms.RadioSelect,
    )
    amount = forms.IntegerField(min_value=1, max_value=ledger.AMOUNT_MAX, label="Credits for each person")
    reason = forms.CharField(max_length=500, help_text="The person sees it in the statement.")
    key = forms.UUIDField(widget=forms.HiddenInput)


class RefundForm(forms.Form):
    """What an admin gives back of what a hold captured."""

    amount = forms.IntegerField(min_value=1, max_value=ledger.AMOUNT_MAX, label="Credits for each hold")
    reason = forms.CharField(max_length=500, help_text="The person sees it in the statement.")
    key = forms.UUIDField(widget=forms.HiddenInput)


class PersonCreationForm(AdminUserCreationForm):
    class Meta:
        model = User
        fields = ("email", "name")


class PersonChangeForm(UserChangeForm):
    class Meta:
        model = User
        fields = "__all__"


@admin.register(User)
class PersonAdmin(UserAdmin):
    form = PersonChangeForm
    add_form = PersonCreationForm
    ordering = ("email",)
    list_display = ("email", "name", "available", "is_staff", "is_active", "last_login")
    list_filter = ("is_staff", "is_active")
    list_select_related = ("credit_account",)
    list_per_page = 50
    show_full_result_count = False
    search_fields = ("email", "name")
    readonly_fields = ("last_login", "date_joined", "available")
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        ("Credits", {"fields": ("available",)}),
        ("May", {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (
            None,
            {"classes": ("wide",), "fields": ("email", "name", "usable_password", "password1", "password2")},
        ),
    )
    actions = ("credits_action",)

    @admin.display(description="available credits")
    def available(self, person: User) -> int:
        account = getattr(person, "credit_account", None)
        return account.available if account else 0

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """People are switched off, not deleted: their entries and pictures stay theirs."""
        return False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm(administration.SEE) or super().has_view_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Who is no superuser changes none: not their password, not their address."""
        is_above = isinstance(obj, User) and obj.is_superuser and not signed_in(request).is_superuser
        return not is_above and super().has_change_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        powers = () if signed_in(request).is_superuser else POWERS
        return (*super().get_readonly_fields(request, obj), *powers)

    def has_grant_permission(self, request: HttpRequest) -> bool:
        """For the action below."""
        return request.user.has_perm(administration.GRANT) or request.user.has_perm(administration.ADJUST)

    @admin.action(description="Give, take back or correct credits…", permissions=["grant"])
    def credits_action(self, request: HttpRequest, people: QuerySet[User]) -> HttpResponse | None:
        """Ask for the amount and the reason, then move the credits of each person chosen."""
        chosen = take(self, request, people)
        if chosen is None:
            return None
        form = CreditsForm(request.POST if "amount" in request.POST else None, initial={"key": uuid.uuid4()})
        if not form.is_valid():
            note = (
                "Recorded in the ledger and the audit log with your name. Taking back never goes below zero "
                "and never touches what is on hold."
            )
            words = {"title": "Credits", "button": "Move the credits", "action": "credits_action"}
            return ask(self, request, chosen, form, note=note, **words)
        for person in chosen:
            self._move(request, person, form.cleaned_data)
        return None

    def _move(self, request: HttpRequest, person: User, asked: dict[str, Any]) -> None:
        verbs = {
            CreditsForm.GIVE: administration.grant,
            CreditsForm.TAKE: administration.take_back,
            CreditsForm.UP: administration.adjust,
            CreditsForm.DOWN: administration.adjust,
        }
        try:
            verbs[asked["direction"]](
                by=signed_in(request),
                user=person,
                amount=-asked["amount"] if asked["direction"] == CreditsForm.DOWN else asked["amount"],
                reason=asked["reason"],
                key=str(asked["key"]),
                origin=origin_of(request),
            )
        except ledger.Refusal as refusal:
            self.message_user(request, f"{person.email}: {refusal}", messages.ERROR)
        else:
            left = ledger.available(person)
            self.message_user(
                request, f"{person.email} has {left:,} credits available now.", messages.SUCCESS
            )


@admin.register(CreditAccount)
class CreditAccountAdmin(CreditsAdmin):
    list_display = ("__str__", "kind", "balance", "held", "available")
    list_select_related = ("user",)
    list_filter = ("kind",)
    search_fields = ("user__email",)


@admin.register(LedgerEntry)
class LedgerEntryAdmin(CreditsAdmin):
    list_display = ("id", "created_at", "kind", "amount", "source", "destination", "reason", "by")
    list_select_related = ("source__user", "destination__user", "by")
    list_filter = ("kind",)
    search_fields = ("=reference", "=key", "=source__user__email", "=destination__user__email")
    ordering = ("-id",)


@admin.register(Hold)
class HoldAdmin(CreditsAdmin):
    list_display = ("id", "created_at", "account", "amount", "captured", "released", "refunded", "settled_at")
    list_select_related = ("account__user",)
    list_filter = (("settled_at", admin.EmptyFieldListFilter),)
    search_fields = ("=reference", "=key", "=account__user__email")
    ordering = ("-id",)
    actions = ("refund_action",)

    @admin.action(description="Refund…", permissions=["adjust"])
    def refund_action(self, request: HttpRequest, holds: QuerySet[Hold]) -> HttpResponse | None:
        """Ask for the amount and the reason, then give back of what each hold captured."""
        chosen = take(self, request, holds)
        if chosen is None:
            return None
        form = RefundForm(request.POST if "amount" in request.POST else None, initial={"key": uuid.uuid4()})
        if not form.is_valid():
            note = "Recorded in the ledger and the audit log with your name."
            words = {"title": "Refund", "button": "Refund", "action": "refund_action"}
            return ask(self, request, chosen, form, note=note, **words)
        for hold in chosen:
            self._refund(request, hold, form.cleaned_data)
        return None

    def _refund(self, request: HttpRequest, hold: Hold, asked: dict[str, Any]) -> None:
        try:
            administration.refund(
                by=signed_in(request),
                hold=hold,
                amount=asked["amount"],
                reason=asked["reason"],
                key=str(asked["key"]),
                origin=origin_of(request),
            )
        except ledger.Refusal as refusal:
            self.message_user(request, f"{hold}: {refusal}", messages.ERROR)
        else:
            self.message_user(request, f"{hold}: {asked['amount']:,} refunded.", messages.SUCCESS)


@admin.register(ApiKey)
class ApiKeyAdmin(CreditsAdmin):
    list_display = (
        "name",
        "user",
        "key_id",
        "scopes",
        "spend_limit",
        "last_used_at",
        "expires_at",
        "revoked_at",
    )
    list_select_related = ("user",)
    search_fields = ("name", "=key_id", "=user__email")
    exclude = ("digest",)
    ordering = ("-id",)
