"""Share links as the API takes and shows them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.fields import FlagField, IdField, StrictSerializer, TextField, WholeNumberField
from gallery import link_terms, links
from gallery.models import ShareLink


class LinkOutput(serializers.ModelSerializer):
    """A share link of yours. `url` is what you give to people."""

    id = serializers.UUIDField(source="public_id")
    url = serializers.SerializerMethodField(
        help_text="Null when it was made under a server key that is no longer known."
    )
    state = serializers.SerializerMethodField()
    collection = serializers.SerializerMethodField(help_text="The collection it shows, if it does.")
    images = serializers.SerializerMethodField(help_text="How many images are pinned; null for a live link.")
    has_password = serializers.SerializerMethodField()

    class Meta:
        model = ShareLink
        fields = [
            "id",
            "url",
            "state",
            "title",
            "audience",
            "collection",
            "is_live",
            "images",
            "has_password",
            "download",
            "shows_prompt",
            "expires_at",
            "views_max",
            "views",
            "downloads",
            "last_viewed_at",
            "created_at",
        ]

    @extend_schema_field({"type": ["string", "null"], "format": "uri"})
    def get_url(self, link: ShareLink) -> str | None:
        try:
            return links.address_of(link)
        except links.AddressLost:
            return None

    @extend_schema_field({"type": "string", "enum": ["live", "expired", "used_up", "revoked"]})
    def get_state(self, link: ShareLink) -> str:
        return links.state_of(link, now=self.context["now"]).replace(" ", "_")

    @extend_schema_field({"type": ["string", "null"], "format": "uuid"})
    def get_collection(self, link: ShareLink) -> Any:
        return link.collection.public_id if link.collection is not None else None

    @extend_schema_field({"type": ["integer", "null"]})
    def get_images(self, link: Any) -> int | None:
        return None if link.is_live else int(link.pinned)

    @extend_schema_field(bool)
    def get_has_password(self, link: ShareLink) -> bool:
        return bool(link.password)


class LinkChangeInput(StrictSerializer):
    """What to change; what is left out stays."""

    title = TextField(required=False, allow_blank=True, max_length=link_terms.TITLE_MAX)
    audience = serializers.ChoiceField(choices=ShareLink.Audience.choices, required=False)
    is_live = FlagField(required=False, help_text="Of a collection: shows what is in it when it is opened.")
    password = TextField(
        required=False,
        allow_blank=True,
        max_length=link_terms.PASSWORD_MAX,
        help_text=f"{link_terms.PASSWORD_MIN} characters or more; empty for none.",
    )
    download = serializers.ChoiceField(choices=ShareLink.Download.choices, required=False)
    shows_prompt = FlagField(required=False)
    expires_at = serializers.DateTimeField(
        required=False, allow_null=True, help_text="Null for never; 30 days from now when left out."
    )
    views_max = WholeNumberField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=link_terms.VIEWS_MAX,
        help_text="Null for any.",
    )


class LinkInput(LinkChangeInput):
    """What to share: `images` or a `collection`, and on what terms."""

    images = serializers.ListField(
        child=IdField(), required=False, allow_empty=False, max_length=1000, help_text="Images of yours."
    )
    collection = IdField(required=False, help_text="A collection of yours.")
