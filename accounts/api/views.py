from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import http, ledger
from accounts.api.base import APIView, ListAPIView
from accounts.api.filters import OF_EVERY_LIST, check_parameters
from accounts.api.serializers import CreditsOutput, EntryOutput
from accounts.models import LedgerEntry


class CreditsView(APIView):
    @extend_schema(operation_id="get_credits", tags=["credits"], responses=CreditsOutput)
    def get(self, request: Request) -> Response:
        """What you own, what of it is set aside for work that runs, and what you can spend."""
        return Response(CreditsOutput(ledger.standing(http.person(request))).data)


class EntryListView(ListAPIView):
    """The statement: every movement of your credits, newest first."""

    serializer_class = EntryOutput

    @extend_schema(operation_id="list_credit_entries", tags=["credits"])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The statement: every movement of your credits, newest first."""
        check_parameters(request, OF_EVERY_LIST)
        account = ledger.account_of(http.person(request))
        # Two sides, each read by its own index; one condition with OR would sort all of a person's entries.
        sides = [
            LedgerEntry.objects.filter(source=account),
            LedgerEntry.objects.filter(destination=account),
        ]
        page = self.paginator.page(sides, request)  # type: ignore[union-attr]
        serializer = EntryOutput(page, many=True, context={"account_id": account.pk})
        return self.get_paginated_response(serializer.data)

    def get_queryset(self) -> Any:
        """What the schema is drawn from."""
        return LedgerEntry.objects.none()
