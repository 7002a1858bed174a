"""People in Django's admin. Credits move only through `accounts.ledger`; its rows are for reading."""

import uuid
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from accounts import ledger
from accounts.models import ApiKey, CreditAccount, Hold, LedgerEntry, User
from accounts.people import signed_in

PEOPLE_MAX = 200


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


class CreditsForm(forms.Form):
    """What an admin gives or takes back, and why; the person reads the reason."""

    GIVE, TAKE = "give", "take"

    direction = forms.ChoiceField(
        choices=((GIVE, "Give"), (TAKE, "Take back")), initial=GIVE, widget=forms.RadioSelect
    )
    amount = forms.IntegerField(min_value=1, max_value=ledger.AMOUNT_MAX, label="Credits for each person")
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

    @admin.action(description="Give or take back credits…", permissions=["change"])
    def credits_action(self, request: HttpRequest, people: QuerySet[User]) -> HttpResponse | None:
        """Ask for the amount and the reason, then move the credits of each person chosen."""
        by = signed_in(request)
        chosen = list(people.order_by("pk")[: PEOPLE_MAX + 1])
        if len(chosen) > PEOPLE_MAX:
            self.message_user(request, f"Choose at most {PEOPLE_MAX} people at once.", messages.ERROR)
            return None
        if by in chosen:
            self.message_user(
                request, "You can't give credits to yourself. Ask another admin.", messages.ERROR
            )
            return None
        is_sent = "amount" in request.POST
        form = CreditsForm(request.POST if is_sent else None, initial={"key": uuid.uuid4()})
        if not (is_sent and form.is_valid()):
            return self._ask(request, chosen, form)
        for person in chosen:
            self._move(request, person, form.cleaned_data, by)
        return None

    def _ask(self, request: HttpRequest, chosen: list[User], form: CreditsForm) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": "Give or take back credits",
            "opts": self.opts,
            "people": chosen,
            "form": form,
            "action": "credits_action",
        }
        return TemplateResponse(request, "admin/accounts/user/credits.html", context)

    def _move(self, request: HttpRequest, person: User, asked: dict[str, Any], by: User) -> None:
        terms = {"user": person, "key": str(asked["key"]), "reason": asked["reason"], "by": by}
        try:
            if asked["direction"] == CreditsForm.GIVE:
                ledger.grant(amount=asked["amount"], **terms)
            else:
                ledger.adjust(amount=-asked["amount"], **terms)
        except ledger.Refusal as refusal:
            self.message_user(request, f"{person.email}: {refusal}", messages.ERROR)
        else:
            left = ledger.available(person)
            self.message_user(
                request, f"{person.email} has {left:,} credits available now.", messages.SUCCESS
            )


@admin.register(CreditAccount)
class CreditAccountAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "kind", "balance", "held", "available")
    list_select_related = ("user",)
    list_filter = ("kind",)
    search_fields = ("user__email",)


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ReadOnlyAdmin):
    list_display = ("id", "created_at", "kind", "amount", "source", "destination", "reason", "by")
    list_select_related = ("source__user", "destination__user", "by")
    list_filter = ("kind",)
    search_fields = ("=reference", "=key", "=source__user__email", "=destination__user__email")
    ordering = ("-id",)


@admin.register(Hold)
class HoldAdmin(ReadOnlyAdmin):
    list_display = ("id", "created_at", "account", "amount", "captured", "released", "refunded", "settled_at")
    list_select_related = ("account__user",)
    list_filter = (("settled_at", admin.EmptyFieldListFilter),)
    search_fields = ("=reference", "=key", "=account__user__email")
    ordering = ("-id",)


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
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
