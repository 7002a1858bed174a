"""OpenAPI 3.1 from the views: a problem as every operation's default answer, and the two ways to sign in."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers

from accounts.http import scope_of
from config.api.exceptions import MEDIA_TYPE

EXAMPLE = {
    "type": "urn:easel:problem:insufficient_credits",
    "title": "Not enough credits",
    "status": 402,
    "detail": "This needs 8 credits; you have 3 available and 2 on hold.",
    "code": "insufficient_credits",
    "instance": "req_0123456789ab",
    "needed": 8,
    "available": 3,
    "held": 2,
}


class FieldProblemOutput(serializers.Serializer):
    field = serializers.CharField(help_text="The field's name, with a path such as `references.0`.")
    code = serializers.CharField()
    detail = serializers.CharField()


class ProblemOutput(serializers.Serializer):
    """An error (RFC 9457). Programs read `code`, people `detail`."""

    type = serializers.CharField(help_text="A URI made of the code.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="A sentence for people.")
    code = serializers.CharField(help_text="Stable; see the list in the documentation.")
    instance = serializers.CharField(help_text="The request's id, as in `X-Request-Id`.")
    errors = FieldProblemOutput(  # type: ignore[assignment]
        many=True, required=False, help_text="What is wrong, field by field."
    )


class ProblemSchema(AutoSchema):
    """Adds to each operation the problem it may answer and the scope a key needs for it."""

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        if operation is not None:
            operation["responses"]["default"] = {
                "description": "A refusal or an error",
                "content": {
                    MEDIA_TYPE: {
                        "schema": self.resolve_serializer(ProblemOutput, "response").ref,
                        "examples": {"NotEnoughCredits": {"value": EXAMPLE}},
                    }
                },
            }
        return operation

    def get_summary(self) -> str:
        """The description's first sentence, for the line of the operation in the documentation."""
        sentence = (super().get_description() or "").partition(". ")[0].partition(";")[0]
        return str(super().get_summary() or " ".join(sentence.split()).rstrip("."))

    def get_description(self) -> str:  # type: ignore[override]
        description = super().get_description() or ""
        if self.get_auth() and getattr(self.view, "permission_classes", None):
            description += f"\n\nA key needs the scope `{scope_of(self.view, self.method)}`."
        return str(description.strip())


class ApiKeyScheme(OpenApiAuthenticationExtension):
    target_class = "accounts.http.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "description": "A key of yours: `esl_…`."}


class SessionScheme(OpenApiAuthenticationExtension):
    target_class = "accounts.http.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        from django.conf import settings

        return {
            "type": "apiKey",
            "in": "cookie",
            "name": settings.SESSION_COOKIE_NAME,
            "description": "The session of the pages; what changes something also sends `X-CSRFToken`.",
        }
