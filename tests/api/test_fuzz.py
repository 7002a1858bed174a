"""Whatever fits the API's own schema, and what doesn't: never a server error, always an answer of the schema.

`API_FUZZ_EXAMPLES=1000` sends more for each operation; the suite sends a few.
"""

import json
import os
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core import signals
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import checks
from schemathesis.specs.openapi import checks as openapi_checks

from accounts import ledger, stream
from accounts.models import Hold
from tests import factories
from tests.api import rows
from tests.api.conftest import Caller
from tests.gallery import shared
from tests.generation import turning

EXAMPLES = int(os.environ.get("API_FUZZ_EXAMPLES", "25"))
CHECKS = [
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_headers_conformance,
    openapi_checks.response_schema_conformance,
    openapi_checks.negative_data_rejection,
]
BOUNDED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

pytestmark = [pytest.mark.slow, pytest.mark.django_db, pytest.mark.timeout(3600)]


@pytest.fixture
def requests_in_this_transaction() -> Iterator[None]:
    """A request's end would close the connection that carries the test's transaction."""
    signals.request_started.disconnect(close_old_connections)
    signals.request_finished.disconnect(close_old_connections)
    yield
    signals.request_started.connect(close_old_connections)
    signals.request_finished.connect(close_old_connections)


@pytest.fixture
def published_schema(requests_in_this_transaction: None) -> Any:
    return schemathesis.openapi.from_wsgi("/api/v1/schema", get_wsgi_application())


@pytest.fixture(autouse=True)
def streams_that_end_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "LIFE_SECONDS", 0.0)


@pytest.fixture
def ids(owner: Caller) -> list[str]:
    """Ids that are there, so that not all the fuzzing ends at 404."""
    turn = turning.refine(owner.user, rows.image_of(owner.user, seed=7))
    return [
        str(factories.generation(owner.user).public_id),
        str(rows.image_of(owner.user).public_id),
        str(factories.upload(owner.user).public_id),
        str(turn.branch.conversation.public_id),
        str(turn.branch.public_id),
        str(turn.public_id),
        str(shared.link(owner.user).public_id),
    ]


schema = schemathesis.pytest.from_fixture("published_schema")


@schema.parametrize()
@BOUNDED
def test_no_call_of_the_schema_breaks_the_server(case: Any, owner: Caller, ids: list[str]) -> None:
    # Three of four well-formed ids are replaced by some that are there.
    for name, text in case.path_parameters.items():
        given_id = _uuid(text)
        if given_id is not None and given_id.int % 4:
            case.path_parameters[name] = ids[given_id.int % len(ids)]
    response = case.call(headers={"Authorization": f"Bearer {owner.secret}"})
    case.validate_response(response, checks=CHECKS)


def _uuid(text: object) -> uuid.UUID | None:
    try:
        return uuid.UUID(str(text))
    except ValueError:
        return None


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=20)
    | st.sampled_from(["\ud800", "\x00", "data:image/png;base64,AAAA", "http://[::1", "1:1"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    ["prompt", "model", "aspect_ratio", "count", "references", "temperature", "top_p", "provider", "extra"]
)


@given(change=st.dictionaries(FIELDS, JSON, max_size=4))
@settings(parent=BOUNDED, max_examples=EXAMPLES * 8)
def test_no_wish_however_odd_breaks_the_server(owner: Caller, change: dict[str, Any]) -> None:
    body = json.dumps({"prompt": "A pier", **change})

    answer = owner.client.post("/api/v1/generations", body, content_type="application/json")

    assert answer.status_code in (202, 400, 402), answer.content
    assert ledger.standing(owner.user).held == sum(Hold.objects.values_list("amount", flat=True))
