"""Tags, collections, saved searches and acts on many pictures as the API takes and shows them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.fields import IdField, StrictSerializer, TextField, WholeNumberField
from gallery import bulk, tags
from gallery.api import walks
from gallery.bulk_verbs import VERBS
from gallery.models import Collection, Image, SavedSearch, Tag, UndoableAct
from gallery.selection import Selection

IDS_MAX = 5_000
"""Of one call; a filter may choose more."""


class TagOutput(serializers.ModelSerializer):
    """A word or two that pictures are found by, the same for everybody."""

    class Meta:
        model = Tag
        fields = ["id", "name", "colour", "uses"]


class TagListOutput(serializers.Serializer):
    """Tags, the most used first."""

    results = TagOutput(many=True)


class TagChangeInput(StrictSerializer):
    """What may be changed of a tag; what is left out stays."""

    name = TextField(required=False, help_text=f"Up to {tags.NAME_MAX} letters.")
    colour = serializers.ChoiceField(choices=Tag.Colour.choices, required=False, allow_blank=True)


class MergeInput(StrictSerializer):
    """The tag that it becomes part of."""

    into = WholeNumberField(min_value=1, help_text="Its id.")


class ImageTagsInput(StrictSerializer):
    """Names of tags to put on and to take off; those that aren't there are made."""

    add = serializers.ListField(child=TextField(), default=list, max_length=tags.TAGS_MAX)
    remove = serializers.ListField(child=TextField(), default=list, max_length=tags.TAGS_MAX)


class CollectionOutput(serializers.ModelSerializer):
    """Pictures put together, in an order of their own. List them with `GET /api/v1/images?collection=`."""

    id = serializers.UUIDField(source="public_id")
    mine = serializers.SerializerMethodField()
    cover = serializers.SerializerMethodField(help_text="The image that was chosen for it, if you see it.")
    size = serializers.SerializerMethodField(help_text="How many images of it you see.")

    class Meta:
        model = Collection
        fields = ["id", "name", "visibility", "mine", "cover", "size", "created_at"]

    @extend_schema_field(bool)
    def get_mine(self, collection: Collection) -> bool:
        return bool(collection.owner_id == self.context["request"].user.pk)

    @extend_schema_field(serializers.UUIDField(allow_null=True))
    def get_cover(self, collection: Collection) -> Any:
        return self.context["covers"].get(collection.cover_id)

    @extend_schema_field(int)
    def get_size(self, collection: Collection) -> int:
        return int(self.context["sizes"].get(collection.pk, 0))


class CollectionInput(StrictSerializer):
    """A new collection."""

    name = TextField(help_text="Up to 80 letters.")


class CollectionChangeInput(StrictSerializer):
    """What may be changed of a collection of yours; what is left out stays."""

    name = TextField(required=False, help_text="Up to 80 letters.")
    visibility = serializers.ChoiceField(choices=Collection.Visibility.choices, required=False)
    cover = IdField(required=False, allow_null=True, help_text="One of its images; null for the first.")


class ImagesInput(StrictSerializer):
    """Images by their ids, in their order."""

    images = serializers.ListField(child=IdField(), max_length=IDS_MAX)


class ChangedOutput(serializers.Serializer):
    """How many images it changed; the others were so already, or you don't see them."""

    changed = serializers.IntegerField()


class MoveInput(StrictSerializer):
    """Where an image goes: to just before, or just after another one of the collection."""

    image = IdField()
    before = IdField(default=None, allow_null=True)
    after = IdField(default=None, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if (attrs["before"] is None) == (attrs["after"] is None):
            raise serializers.ValidationError("Say either before or after which image.", code="one_of_two")
        return attrs


class SearchOutput(serializers.ModelSerializer):
    """A saved search. `query` is that of an address of the gallery."""

    id = serializers.UUIDField(source="public_id")

    class Meta:
        model = SavedSearch
        fields = ["id", "name", "query", "created_at"]


class SearchInput(StrictSerializer):
    """A search to save, by the query of an address of the gallery such as `q=dusk&tag=pier`."""

    name = TextField(help_text="Up to 80 letters.")
    query = TextField(allow_blank=True)


class SearchChangeInput(StrictSerializer):
    """What may be changed of a saved search."""

    name = TextField(help_text="Up to 80 letters.")


class SelectionInput(StrictSerializer):
    """Which images: `images` by their ids, or all of `filter` but those `without`."""

    images = serializers.ListField(child=IdField(), default=None, allow_null=True, max_length=IDS_MAX)
    filter = TextField(
        default=None,
        allow_null=True,
        allow_blank=True,
        help_text="The query of an address of the gallery: `show=mine&q=dusk`; empty for all of yours.",
    )
    without = serializers.ListField(child=IdField(), default=list, max_length=IDS_MAX)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if (attrs["images"] is None) == (attrs["filter"] is None):
            raise serializers.ValidationError("Say either which images or which filter.", code="one_of_two")
        return attrs

    @property
    def selection(self) -> Selection:
        """What was chosen, once it is valid."""
        asked = self.validated_data
        return Selection(
            public_ids=tuple(asked["images"] or ()),
            walk=None if asked["filter"] is None else walks.walk_of(asked["filter"]),
            without=tuple(asked["without"]),
        )


class BulkInput(SelectionInput):
    """What to do, and to which images: `images` by their ids, or all of `filter` but those `without`."""

    verb = serializers.ChoiceField(choices=[(verb, verb) for verb in VERBS])
    tags = serializers.ListField(
        child=TextField(), default=list, max_length=tags.TAGS_MAX, help_text="For `tag` and `untag`."
    )
    collection = IdField(default=None, allow_null=True, help_text="For `collect` and `uncollect`.")
    visibility = serializers.ChoiceField(
        choices=Image.Visibility.choices, default=None, allow_null=True, help_text="For `show`."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        field = _NEEDED.get(attrs["verb"])
        if field and not attrs[field]:
            raise serializers.ValidationError({field: f"{attrs['verb']} needs it."}, code="required")
        return attrs


_NEEDED = {
    "tag": "tags",
    "untag": "tags",
    "collect": "collection",
    "uncollect": "collection",
    "show": "visibility",
}


class ActOutput(serializers.Serializer):
    """What was done to many images, or undone. Follow it at `/api/v1/undo/{id}` while something is `left`."""

    id = serializers.UUIDField()
    verb = serializers.CharField()
    asked = serializers.IntegerField(help_text="Images that were chosen and that you see.")
    changed = serializers.IntegerField()
    unchanged = serializers.IntegerField(help_text="Not yours to change, or so already.")
    left = serializers.IntegerField(help_text="Still to be done, or to be undone; it goes on by itself.")
    may_undo = serializers.BooleanField(help_text="Within a minute of its end, once.")
    undone = serializers.BooleanField()
    restored = serializers.IntegerField(help_text="How many are as before, where it was undone.")


def act_answer(act: UndoableAct, *, may_undo: bool) -> dict[str, Any]:
    """An act in the shape of `ActOutput`."""
    how = bulk.outcome(act)
    return {
        "id": act.public_id,
        "verb": act.verb,
        "asked": how.asked,
        "changed": how.changed,
        "unchanged": how.unchanged,
        "left": how.left,
        "may_undo": may_undo,
        "undone": act.undone_at is not None,
        "restored": how.restored,
    }
