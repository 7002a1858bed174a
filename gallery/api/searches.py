"""Saved searches: yours alone."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import http
from accounts.api.base import APIView, ListAPIView
from accounts.api.filters import OF_EVERY_LIST, check_parameters
from gallery import saved_searches
from gallery.api.arranging_serializers import SearchChangeInput, SearchInput, SearchOutput
from gallery.models import SavedSearch


class SearchListView(ListAPIView):
    serializer_class = SearchOutput

    def get_queryset(self) -> Any:
        return SavedSearch.objects.filter(owner_id=self.request.user.pk or 0)

    @extend_schema(operation_id="list_searches", tags=["searches"])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Your saved searches, newest first."""
        check_parameters(request, OF_EVERY_LIST)
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="create_search",
        tags=["searches"],
        request=SearchInput,
        responses={201: SearchOutput},
        examples=[
            OpenApiExample(
                "Piers at dusk", value={"name": "Piers", "query": "q=dusk&tag=pier"}, request_only=True
            )
        ],
        filters=False,
    )
    def post(self, request: Request) -> Response:
        """Save a search under a name."""
        given = SearchInput(data=request.data)
        given.is_valid(raise_exception=True)
        return Response(
            SearchOutput(saved_searches.save(http.person(request), **given.validated_data)).data, 201
        )


class SearchView(APIView):
    @extend_schema(
        operation_id="rename_search",
        tags=["searches"],
        request=SearchChangeInput,
        responses=SearchOutput,
        examples=[OpenApiExample("A name", value={"name": "Evening"}, request_only=True)],
    )
    def patch(self, request: Request, public_id: str) -> Response:
        """Call a saved search something else."""
        search = _own(request, public_id)
        given = SearchChangeInput(data=request.data)
        given.is_valid(raise_exception=True)
        return Response(SearchOutput(saved_searches.rename(search, given.validated_data["name"])).data)

    @extend_schema(operation_id="delete_search", tags=["searches"], responses={204: None})
    def delete(self, request: Request, public_id: str) -> Response:
        """Forget a saved search."""
        _own(request, public_id).delete()
        return Response(status=204)


def _own(request: Request, public_id: str) -> SavedSearch:
    return get_object_or_404(saved_searches.of(http.person(request)), public_id=public_id)
