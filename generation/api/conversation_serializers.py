"""Conversations as the API takes and shows them."""

from typing import Any

from rest_framework import serializers

from accounts.api.fields import FlagField, IdField, StrictSerializer, TextField
from generation.api.serializers import GenerationInput, GenerationOutput
from generation.conversations import NAME_MAX
from generation.models import Conversation
from generation.turns import Line, Tree, Turn


class TurnCreditsOutput(serializers.Serializer):
    """`charged` is what was captured less refunds, `held` what is set aside for turns being made."""

    charged = serializers.IntegerField()
    held = serializers.IntegerField()


class ConversationListOutput(serializers.ModelSerializer):
    """A conversation in short."""

    id = serializers.UUIDField(source="public_id")
    name = serializers.CharField(help_text="Empty until you give one.")
    turns = serializers.IntegerField(source="turns_count")
    branches = serializers.IntegerField(source="branches_count")

    class Meta:
        model = Conversation
        fields = ["id", "name", "turns", "branches", "created_at", "changed_at"]


class BranchOutput(serializers.Serializer):
    """A line of turns; the trunk has the number 0."""

    id = serializers.UUIDField()
    number = serializers.IntegerField()
    name = serializers.CharField(help_text="Yours, else `Trunk` or `Branch B`.")
    forked_from = serializers.UUIDField(allow_null=True, help_text="The image it begins from.")
    turns = serializers.ListField(child=serializers.UUIDField(), help_text="Ids, the oldest first.")
    credits = TurnCreditsOutput()


class TurnOutput(serializers.Serializer):
    """One instruction, and the generation that followed it."""

    number = serializers.IntegerField(help_text="From 1 along its path.")
    label = serializers.CharField(help_text="`Turn 3` or `Branch B`.")  # type: ignore[assignment]
    name = serializers.CharField(help_text="Yours, else a few words of the prompt.")
    description = serializers.CharField(help_text="The model's own sentence; may be empty.")
    restarted = serializers.BooleanField(
        help_text="Its provider did not hold the conversation, so it began from the picture."
    )
    generation = GenerationOutput()


class ConversationOutput(serializers.Serializer):
    """A conversation with its branches and turns; `root` is the teammate's image that it began from."""

    id = serializers.UUIDField()
    name = serializers.CharField(help_text="Yours, else its first turn's.")
    root = serializers.UUIDField(  # type: ignore[assignment]
        allow_null=True, help_text="Null too when you may not see it any more."
    )
    branches = BranchOutput(many=True)
    turns = TurnOutput(many=True, help_text="The oldest first.")
    credits = TurnCreditsOutput()
    created_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()


class NameInput(StrictSerializer):
    """A name to be read by you; empty for the one that is made by itself."""

    name = TextField(max_length=NAME_MAX, allow_blank=True)


class TurnInput(GenerationInput):
    """What to change. What is left out stays as it is in the picture it goes on from."""

    aspect_ratio = TextField(
        default=None, allow_null=True, allow_blank=True, help_text="Left out, the picture's own."
    )
    image_size = TextField(
        default=None, allow_null=True, allow_blank=True, help_text="Left out, the picture's own."
    )
    model = TextField(default="", allow_blank=True, help_text="Left out, the picture's own.")
    continue_from = IdField(
        default=None,
        allow_null=True,
        help_text="An image of this conversation; left out, the newest. An earlier one begins a branch.",
    )
    new_branch = FlagField(
        default=False, help_text="Begin a branch even where the picture is the last of its own."
    )


class ConversationInput(GenerationInput):
    """Either an image to go on from, or the prompt of a first turn with whatever belongs to it."""

    prompt = TextField(default=None, allow_null=True, allow_blank=True, help_text="Of the first turn.")
    image = IdField(default=None, allow_null=True, help_text="An image you may see, yours or a teammate's.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if (attrs["image"] is None) == (attrs["prompt"] is None):
            raise serializers.ValidationError(
                "Send either an image to go on from, or a prompt for the first turn.",
                code="image_or_prompt",
            )
        others = sorted(set(self.initial_data) - {"image"}) if attrs["image"] is not None else []
        if others:
            raise serializers.ValidationError(
                dict.fromkeys(others, "An image alone begins a conversation; this belongs to a turn."),
                code="image_alone",
            )
        return attrs


def tree_answer(tree: Tree) -> dict[str, Any]:
    """A conversation in the shape of `ConversationOutput`."""
    conversation = tree.conversation
    assert conversation is not None
    return {
        "id": conversation.public_id,
        "name": tree.name,
        "root": tree.root.public_id if tree.root else None,
        "branches": [_line_answer(line) for line in tree.lines],
        "turns": [turn_answer(turn) for turn in tree.turns],
        "credits": {"charged": tree.credits, "held": tree.held},
        "created_at": conversation.created_at,
        "changed_at": conversation.changed_at,
    }


def turn_answer(turn: Turn) -> dict[str, Any]:
    """A turn in the shape of `TurnOutput`."""
    return {
        "number": turn.number,
        "label": turn.label,
        "name": turn.name,
        "description": turn.description,
        "restarted": turn.restarted,
        "generation": turn.generation,
    }


def _line_answer(line: Line) -> dict[str, Any]:
    branch = line.branch
    return {
        "id": branch.public_id,
        "number": branch.number,
        "name": line.name,
        "forked_from": branch.forked_from.public_id if branch.forked_from else None,
        "turns": [turn.generation.public_id for turn in line.turns],
        "credits": {"charged": line.credits, "held": line.held},
    }
