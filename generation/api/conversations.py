"""Conversations: pictures refined over several turns, with branches."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from accounts import http, idempotency
from accounts.api.base import APIView, ListAPIView
from gallery.models import Image
from generation import catalog, conversations, filing, references, refine, submission, turns, wishes
from generation.api import asking, waiting
from generation.api.conversation_serializers import (
    BranchOutput,
    ConversationInput,
    ConversationListOutput,
    ConversationOutput,
    NameInput,
    TurnInput,
    TurnOutput,
    tree_answer,
    turn_answer,
)
from generation.models import Branch, Conversation, Generation

WARMER = OpenApiExample("Warmer light", value={"prompt": "Make it golden hour"}, request_only=True)
NAMED = OpenApiExample("A name", value={"name": "Golden hour"}, request_only=True)
BEGINNINGS = [
    OpenApiExample(
        "From a picture", value={"image": "5b0c7a6e-2f4d-4a55-9f5b-0d1f8e6f2c11"}, request_only=True
    ),
    OpenApiExample("With a first prompt", value={"prompt": "A courtyard at noon"}, request_only=True),
]
MADE = {
    201: OpenApiResponse(ConversationOutput, "Begun."),
    200: OpenApiResponse(ConversationOutput, "The picture belongs to this one already."),
    202: OpenApiResponse(ConversationOutput, "Begun; its first turn is being made."),
}
TURNS = {
    202: OpenApiResponse(TurnOutput, "Taken; follow `Location`."),
    201: OpenApiResponse(TurnOutput, "It has ended while you waited."),
}


def _own(request: Request, public_id: str) -> Conversation:
    rows = Conversation.objects.select_related("user", "root")
    return get_object_or_404(rows, user=http.person(request), public_id=public_id)


class ConversationListView(ListAPIView):
    serializer_class = ConversationListOutput

    def get_queryset(self) -> Any:
        return conversations.counted(conversations.of(http.person(self.request)))

    @extend_schema(operation_id="list_conversations", tags=["conversations"])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Your conversations, newest first."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="create_conversation",
        tags=["conversations"],
        request=ConversationInput,
        responses=MADE,
        parameters=asking.HEADERS,
        examples=BEGINNINGS,
        filters=False,
    )
    def post(self, request: Request) -> Response:
        """Begin one: from an image you may see, at no cost, or with a prompt for its first turn."""
        given = ConversationInput(data=request.data)
        given.is_valid(raise_exception=True)
        asked = given.validated_data
        if asked["image"] is None:
            return self._with_prompt(request, asked)
        image = _visible(request, asked["image"])
        begun, new = conversations.begin_from(user=http.person(request), image=image, now=timezone.now())
        return _conversation(request, begun, 201 if new else 200)

    def _with_prompt(self, request: Request, asked: dict[str, Any]) -> Response:
        submitted = asking.submit(request, asked, begins=True)
        seconds = waiting.preferred_seconds(request.headers.get("Prefer", ""))
        ended = seconds is not None and waiting.until_finished(submitted.generation, seconds=seconds)
        headers = asking.headers(submitted, seconds)
        begun = Conversation.objects.get(branches__generations=submitted.generation)
        return _conversation(request, begun, 201 if ended else 202, headers)


class ConversationView(APIView):
    @extend_schema(operation_id="get_conversation", tags=["conversations"], responses=ConversationOutput)
    def get(self, request: Request, public_id: str) -> Response:
        """One conversation with its branches and all its turns, the oldest first."""
        return _conversation(request, _own(request, public_id))

    @extend_schema(
        operation_id="rename_conversation",
        tags=["conversations"],
        request=NameInput,
        responses=ConversationOutput,
        examples=[NAMED],
    )
    def patch(self, request: Request, public_id: str) -> Response:
        """Call it something else; an empty name brings back its first turn's."""
        found = _own(request, public_id)
        conversations.rename(found, _name(request))
        return _conversation(request, found)


class TurnListView(APIView):
    @extend_schema(
        operation_id="create_turn",
        tags=["conversations"],
        request=TurnInput,
        responses=TURNS,
        parameters=asking.HEADERS,
        examples=[WARMER],
    )
    def post(self, request: Request, public_id: str) -> Response:
        """Go on: from the newest picture, or from `continue_from`, where an earlier one begins a branch."""
        conversation = _own(request, public_id)
        given = TurnInput(data=request.data)
        given.is_valid(raise_exception=True)
        submitted = _continue(request, conversation, given.validated_data)
        seconds = waiting.preferred_seconds(request.headers.get("Prefer", ""))
        ended = seconds is not None and waiting.until_finished(submitted.generation, seconds=seconds)
        headers = asking.headers(submitted, seconds)
        headers["Location"] = reverse(
            "api:generation", args=[submitted.generation.public_id], request=request
        )
        return _turn(request, submitted.generation, 201 if ended else 202, headers)


class TurnView(APIView):
    @extend_schema(
        operation_id="rename_turn",
        tags=["conversations"],
        request=NameInput,
        responses=TurnOutput,
        examples=[NAMED],
    )
    def patch(self, request: Request, public_id: str, turn: str) -> Response:
        """Call a turn something else; an empty name brings back the one made of its prompt."""
        conversation = _own(request, public_id)
        row = get_object_or_404(Generation, branch__conversation=conversation, public_id=turn)
        conversations.rename(row, _name(request))
        return _turn(request, row)


class BranchView(APIView):
    @extend_schema(
        operation_id="rename_branch",
        tags=["conversations"],
        request=NameInput,
        responses=BranchOutput,
        examples=[NAMED],
    )
    def patch(self, request: Request, public_id: str, branch: str) -> Response:
        """Call a branch something else; an empty name brings back its letter."""
        conversation = _own(request, public_id)
        row = get_object_or_404(Branch, conversation=conversation, public_id=branch)
        conversations.rename(row, _name(request))
        lines = tree_answer(turns.tree(conversation))["branches"]
        return Response(BranchOutput(next(line for line in lines if line["id"] == row.public_id)).data)


def _continue(request: Request, conversation: Conversation, asked: dict[str, Any]) -> submission.Submitted:
    """Ask for the turn once: what the key made before is answered before anything is checked again."""
    user, key = http.person(request), asking.idempotency_key(request)
    if key and (earlier := idempotency.find(owner=user, key=key)):
        return submission.Submitted(Generation.objects.get(public_id=earlier), replayed=True)
    image = _beginning(conversation, asked["continue_from"])
    model = _model(asked["model"] or image.model, named=bool(asked["model"]))
    size = asked["image_size"] or (refine.size_of(image, model) if model else "")
    ratio = asked["aspect_ratio"] or (conversations.kept_ratio(image, model.sizes[0]) if model else "")
    wish = wishes.check(
        prompt=asked["prompt"],
        model=model.id if model else asked["model"],
        aspect_ratio=ratio or catalog.DEFAULT_RATIO,
        image_size=size,
        count=asked["count"],
        references=len(asked["references"]),
        temperature=asked["temperature"],
        top_p=asked["top_p"],
        provider=asked["provider"] or "",
        continues=True,
        deadline_seconds=asked["deadline_seconds"],
    )
    return conversations.continue_from(
        user=user,
        image=image,
        wish=filing.into(wish, user, asked["collection"]),
        references=references.resolve(user=user, given=asked["references"]),
        now=timezone.now(),
        fork=asked["new_branch"],
        api_key=http.key_of(request),
        expected_credits=asked["expected_credits"],
        key=key,
    )


def _beginning(conversation: Conversation, public_id: Any) -> Image:
    if public_id is None:
        return conversations.tip(conversation)
    return conversations.picture_of(conversation, public_id)


def _model(name: str, *, named: bool) -> catalog.Model | None:
    """The model asked for, else the picture's, else the default; None leaves the refusal to the wish."""
    offered = catalog.load()
    try:
        return offered.find(name)
    except catalog.UnknownModel:
        return None if named or not offered.models else offered.default


def _visible(request: Request, public_id: Any) -> Image:
    seen = Image.objects.visible_to(request.user).select_related("original").filter(public_id=public_id)
    image: Image | None = seen.first()
    if image is None:
        raise conversations.unknown_picture("image")
    return image


def _name(request: Request) -> str:
    given = NameInput(data=request.data)
    given.is_valid(raise_exception=True)
    return str(given.validated_data["name"])


def _conversation(
    request: Request, conversation: Conversation, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    answer = tree_answer(turns.tree(conversation, whole=True))
    address = reverse("api:conversation", args=[conversation.public_id], request=request)
    headers = {**({"Location": address} if status != 200 else {}), **(headers or {})}
    return Response(ConversationOutput(answer, context={"request": request}).data, status, headers=headers)


def _turn(
    request: Request, row: Generation, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    conversation = Conversation.objects.select_related("user").get(branches__generations=row)
    found = turns.tree(conversation, whole=True).turns
    turn = next(turn for turn in found if turn.generation.pk == row.pk)
    answer = TurnOutput(turn_answer(turn), context={"request": request})
    return Response(answer.data, status, headers=headers)
