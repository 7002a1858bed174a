"""Doing something to many images at once, and undoing it."""

from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import http
from accounts.api.base import APIView
from accounts.models import User
from gallery import browsing, bulk, collections
from gallery.api.arranging_serializers import ActOutput, BulkInput, act_answer
from gallery.models import UndoableAct
from gallery.selection import Selection


class BulkView(APIView):
    @extend_schema(
        operation_id="change_images",
        tags=["images"],
        request=BulkInput,
        responses=ActOutput,
        examples=[
            OpenApiExample(
                "Tag all that a search finds",
                value={"verb": "tag", "filter": "q=lighthouse", "tags": ["coast"]},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Do something to up to 50,000 images; only what you may change is changed.

        What takes longer than a few seconds goes on by itself: `left` says how much.
        """
        given = BulkInput(data=request.data)
        given.is_valid(raise_exception=True)
        asked = given.validated_data
        try:
            return _answer(_act(http.person(request), given.selection, asked))
        except browsing.UnknownPlace as unknown:
            raise Http404 from unknown


class UndoView(APIView):
    @extend_schema(operation_id="get_act", tags=["images"], responses=ActOutput)
    def get(self, request: Request, public_id: str) -> Response:
        """How far something done to many images is."""
        return _answer(_own(request, public_id))

    @extend_schema(operation_id="undo_act", tags=["images"], request=None, responses=ActOutput)
    def post(self, request: Request, public_id: str) -> Response:
        """Undo it: what was changed again since then stays as it is."""
        return _answer(bulk.undo(http.person(request), _own(request, public_id).public_id))


def _act(user: User, chosen: Selection, asked: dict[str, Any]) -> UndoableAct:
    match asked["verb"]:
        case "tag":
            return bulk.tag(user, chosen, asked["tags"])
        case "untag":
            return bulk.untag(user, chosen, asked["tags"])
        case "collect":
            return bulk.collect(user, chosen, collections.get_fileable(user, asked["collection"]))
        case "uncollect":
            return bulk.uncollect(user, chosen, collections.get_fileable(user, asked["collection"]))
        case "favourite" | "unfavourite":
            return bulk.favourite(user, chosen, liked=asked["verb"] == "favourite")
        case "show":
            return bulk.show(user, chosen, asked["visibility"])
    return bulk.trash(user, chosen)


def _own(request: Request, public_id: str) -> UndoableAct:
    return get_object_or_404(UndoableAct, owner=http.person(request), public_id=public_id)


def _answer(act: UndoableAct) -> Response:
    return Response(ActOutput(act_answer(act, may_undo=bulk.may_undo(act, now=timezone.now()))).data)
