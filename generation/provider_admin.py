"""Providers, models and routing in Django's admin; what is done here is a verb of `administration`."""

import json
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters

from accounts.acts import origin_of
from accounts.admin_rows import ReadOnlyAdmin
from accounts.people import signed_in
from generation import administration
from generation.administration import SET_PROVIDERS
from generation.models import (
    Attempt,
    Generation,
    ImageModel,
    Offer,
    Provider,
    ProviderHealth,
    ProviderTest,
    RoutingPolicy,
)
from generation.providers.formats import FORMATS


class Indented(json.JSONEncoder):
    """JSON as somebody edits it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "indent": 2})


def json_field(rows: int, help_text: str = "") -> forms.JSONField:
    """A field of JSON, as large as what it usually holds; what may be in it is the row's to say."""
    return forms.JSONField(
        required=False,
        encoder=Indented,
        help_text=help_text,
        widget=forms.Textarea(
            attrs={"rows": rows, "cols": 80, "class": "vLargeTextField", "spellcheck": "false"}
        ),
        error_messages={
            "invalid": "This is no JSON. A comma or a quotation mark may be missing or too many."
        },
    )


class ProviderForm(forms.ModelForm):
    """A provider; its key goes in and never comes out."""

    format = forms.ChoiceField(help_text="How it is spoken to.")
    key = forms.CharField(
        required=False,
        strip=True,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "class": "vTextField"}),
        help_text="Left empty, the key stays as it is. It is kept encrypted and never shown again.",
    )
    forget = forms.BooleanField(label="forget the key", required=False)
    options = json_field(4)

    class Meta:
        model = Provider
        fields = (
            "name",
            "title",
            "format",
            "base_url",
            "options",
            "enabled",
            "position",
            "weight",
            "concurrency_max",
            "per_minute_max",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["format"].choices = [(name, kind.title) for name, kind in FORMATS.items()]  # type: ignore[attr-defined]
        self.fields["options"].help_text = options_help()

    def clean_options(self) -> Any:
        return self.cleaned_data["options"] or {}

    def clean(self) -> dict[str, Any]:
        """Put the key into the row, before the row looks at itself."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        key, forget = cleaned.get("key", ""), cleaned.get("forget", False)
        if key and forget:
            self.add_error("forget", "Enter a key or forget it, not both.")
        elif key:
            try:
                administration.enter_key(self.instance, key)
            except ValidationError as error:
                self.add_error("key", error)
        elif forget:
            administration.forget_key(self.instance)
        return cleaned

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if not self.errors:
            try:
                administration.check_key_stays(self.instance)
            except ValidationError as error:
                self.add_error("key", error)


def options_help() -> str:
    """The options of each format that has some."""
    lines = [
        f"{kind.title}: " + "; ".join(f"{name}: {said}" for name, said in kind.options.items())
        for kind in FORMATS.values()
        if kind.options
    ]
    return " ".join(lines) or "No format has options."


class OfferForm(forms.ModelForm):
    abilities = json_field(3, 'Overrides the format\'s own: {"references_max": 14}')
    costs = json_field(3, 'US dollars for one image by size, as text: {"1K": "0.134"}; an only size is "".')

    class Meta:
        model = Offer
        fields = ("model", "vendor_model", "edit_model", "abilities", "costs", "enabled")

    def clean_abilities(self) -> Any:
        return self.cleaned_data["abilities"] or {}

    def clean_costs(self) -> Any:
        return self.cleaned_data["costs"] or {}


class ImageModelForm(forms.ModelForm):
    aliases = json_field(3, '["name", …]: further names that mean this model in the API.')
    sizes = json_field(
        18,
        'The smallest first: [{"name": "1K", "price": 8, "ratios": {"1:1": [1024, 1024]}}]; '
        "price is whole credits for one image, ratios are pixels.",
    )

    class Meta:
        model = ImageModel
        fields = (
            "slug",
            "name",
            "aliases",
            "sizes",
            "count_max",
            "references_max",
            "prompt_max",
            "temperature_max",
            "temperature_default",
            "top_p_default",
            "enabled",
            "position",
        )

    def clean_aliases(self) -> Any:
        return self.cleaned_data["aliases"] or []


class SetUpAdmin(admin.ModelAdmin):
    """Rows for whoever may set up providers; deleted only while nothing was made with them."""

    show_full_result_count = False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm(SET_PROVIDERS)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(SET_PROVIDERS)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm(SET_PROVIDERS)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(SET_PROVIDERS) and obj is not None and not self.is_used(obj)

    def is_used(self, row: Any) -> bool:
        """Whether something was made with it, or could not be made."""
        raise NotImplementedError

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        administration.delete(row=obj, **who(request))

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """The record is ours; Django's would repeat it in other words."""

    log_addition = log_change  # type: ignore[assignment]


class OfferInline(admin.StackedInline):
    model = Offer
    form = OfferForm
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("model", "provider")

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm(SET_PROVIDERS)

    has_add_permission = has_change_permission = has_delete_permission = has_view_permission


# Reports of errors name the fields that were sent, with their values.
@method_decorator(sensitive_post_parameters("key"), name="changeform_view")
@admin.register(Provider)
class ProviderAdmin(SetUpAdmin):
    form = ProviderForm
    list_display = ("title", "name", "format", "enabled", "kept_key", "position", "weight")
    list_filter = ("enabled", "format")
    search_fields = ("name", "title")
    inlines = (OfferInline,)
    fieldsets = (
        (None, {"fields": ("name", "title", "format", "base_url", "options")}),
        ("Key", {"fields": ("kept_key", "key", "forget")}),
        ("Work", {"fields": ("enabled", "position", "weight", "concurrency_max", "per_minute_max")}),
    )

    @admin.display(description="key kept")
    def kept_key(self, provider: Provider) -> str:
        """That there is one, and how it ends."""
        if not provider.sealed_key:
            return "none"
        return f"ends in …{provider.key_hint}" if provider.key_hint else "a short one"

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Calls of before say the name, so it stays."""
        return ("kept_key", "name") if obj else ("kept_key",)

    def is_used(self, row: Provider) -> bool:
        return Attempt.objects.filter(provider=row.name).exists()

    def save_model(self, request: HttpRequest, obj: Provider, form: Any, change: bool) -> None:
        administration.save_provider(provider=obj, **who(request))

    def save_formset(self, request: HttpRequest, form: Any, formset: BaseInlineFormSet, change: bool) -> None:
        formset.save(commit=False)
        for gone in formset.deleted_objects:
            administration.delete(row=gone, **who(request))
        for offer in [*(changed for changed, _ in formset.changed_objects), *formset.new_objects]:
            administration.save_offer(offer=offer, **who(request))


@admin.register(ImageModel)
class ImageModelAdmin(SetUpAdmin):
    form = ImageModelForm
    list_display = ("name", "slug", "prices", "enabled", "position")
    list_filter = ("enabled",)
    search_fields = ("slug", "name")

    @admin.display(description="credits for an image")
    def prices(self, model: ImageModel) -> str:
        return ", ".join(f"{size['name']} {size['price']:,}".strip() for size in model.sizes)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """What was made before says the name, so it stays."""
        return ("slug",) if obj else ()

    def is_used(self, row: ImageModel) -> bool:
        return Generation.objects.filter(model=row.slug).exists()

    def save_model(self, request: HttpRequest, obj: ImageModel, form: Any, change: bool) -> None:
        administration.save_model(model=obj, **who(request))


@admin.register(RoutingPolicy)
class RoutingPolicyAdmin(SetUpAdmin):
    list_display = ("__str__", "fail_over")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: RoutingPolicy, form: Any, change: bool) -> None:
        administration.set_routing(policy=obj.policy, fail_over=obj.fail_over, **who(request))


class LookedAtAdmin(ReadOnlyAdmin):
    """Rows that Easel writes, for whoever sets up providers."""

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm(SET_PROVIDERS)


@admin.register(ProviderHealth)
class ProviderHealthAdmin(LookedAtAdmin):
    list_display = ("provider", "failures", "open_until", "open_code", "resting_until", "last_success_at")
    list_select_related = ("provider",)


@admin.register(ProviderTest)
class ProviderTestAdmin(LookedAtAdmin):
    list_display = ("provider", "by", "started_at", "ended_at", "ok", "code", "detail", "cost_usd")
    list_select_related = ("provider", "by")
    list_filter = ("ok", "provider")


def who(request: HttpRequest) -> dict[str, Any]:
    """Who does it, and from where."""
    return {"by": signed_in(request), "origin": origin_of(request)}
