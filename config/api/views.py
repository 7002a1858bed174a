"""The API's front door, its schema and documentation, and the answer to what is not there."""

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

PARTS = (
    "models",
    "providers",
    "generations",
    "images",
    "tags",
    "collections",
    "searches",
    "credits",
    "credit-entries",
    "events",
    "schema",
    "docs",
)


class IndexView(APIView):
    permission_classes = [AllowAny]

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        """Where everything is."""
        return Response({part.replace("-", "_"): reverse(f"api:{part}", request=request) for part in PARTS})


class SchemaView(SpectacularJSONAPIView):
    """The OpenAPI document; the same for everybody."""

    authentication_classes = []
    permission_classes = [AllowAny]

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        response: Response = super().get(request, *args, **kwargs)
        return response


class DocsView(SpectacularSwaggerSplitView):
    """The document as a page, from our own files and without inline scripts."""

    permission_classes = [AllowAny]
    template_name = "api/docs.html"
    url_name = "api:schema"


class NotFoundView(APIView):
    """Whatever is not there, by any method."""

    authentication_classes = []
    permission_classes = [AllowAny]
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        raise Http404
