"""Input as it was sent or not at all: nothing is converted, cut or dropped silently."""

import math
import re
import uuid
from typing import Any

from rest_framework import serializers

INTEGER_MAX = 2**53 - 1
"""What every JSON client can say exactly."""
_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)


class StrictSerializer(serializers.Serializer):
    """An object whose fields are all known; another one is refused with the code `unknown_field`."""

    default_error_messages = {"invalid": "Send a JSON object."}

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            known = {name for name, field in self.fields.items() if not field.read_only}
            unknown = [name for name in data if name not in known]
            if unknown:
                raise serializers.ValidationError({name[:80]: _unknown(known) for name in unknown[:20]})
        return super().to_internal_value(data)


def _unknown(known: set[str]) -> serializers.ErrorDetail:
    names = ", ".join(sorted(known))
    return serializers.ErrorDetail(f"There is no such field. Known are {names}.", code="unknown_field")


class _Coded:
    """Gives a field's refusals codes of its own: `codes={"required": "prompt_missing"}`."""

    def __init__(self, *, codes: dict[str, str] | None = None, **options: Any) -> None:
        super().__init__(**options)
        self._codes = codes or {}

    def fail(self, key: str, **words: Any) -> Any:
        message = self.error_messages[key].format(**words)  # type: ignore[attr-defined]
        raise serializers.ValidationError(message, code=self._codes.get(key, key))


class TextField(_Coded, serializers.CharField):
    """A JSON string that can be stored: no NUL, no lone surrogate. Spaces stay as they are."""

    default_error_messages = {
        "invalid": "Send text.",
        "unstorable": "The text holds a character that can't be stored. Remove it.",
    }

    def __init__(self, **options: Any) -> None:
        options.setdefault("trim_whitespace", False)
        super().__init__(**options)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        # DRF's own checks would take numbers for text and refuse what is not storable with codes of its own.
        if isinstance(data, str):
            _check_storable(self, data)
        elif data is not None and data is not serializers.empty:
            self.fail("invalid")
        return super().run_validation(data)


class WholeNumberField(_Coded, serializers.IntegerField):
    """A JSON number without a fraction: neither `"2"`, nor `2.5`, nor `true`."""

    default_error_messages = {"invalid": "Send a whole number."}

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int or abs(data) > INTEGER_MAX:
            self.fail("invalid")
        return int(data)


class NumberField(_Coded, serializers.FloatField):
    """A finite JSON number: neither `"0.5"` nor `true`."""

    default_error_messages = {"invalid": "Send a number."}

    def to_internal_value(self, data: Any) -> float:
        if type(data) not in (int, float) or abs(data) > INTEGER_MAX or not math.isfinite(data):
            self.fail("invalid")
        return float(data)


class FlagField(_Coded, serializers.BooleanField):
    """`true` or `false`: neither `"true"` nor `1`."""

    default_error_messages = {"invalid": "Send true or false."}

    def to_internal_value(self, data: Any) -> bool:
        if type(data) is not bool:
            self.fail("invalid")
        return bool(data)


class IdField(_Coded, serializers.UUIDField):
    """An id as we write it: a UUID with its dashes."""

    default_error_messages = {"invalid": "Send an id."}

    def to_internal_value(self, data: Any) -> uuid.UUID:
        if not (isinstance(data, str) and _ID.fullmatch(data)):
            self.fail("invalid")
        return uuid.UUID(data)


def _check_storable(field: TextField, text: str) -> None:
    if "\x00" in text:
        field.fail("unstorable")
    try:
        text.encode()
    except UnicodeEncodeError:
        field.fail("unstorable")
