"""The calls of docs/api.md, run as they stand there by curl, and the schema read by a client of its own."""

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone

from accounts import ledger
from generation import claims
from generation.claimed import Fenced
from generation.models import Generation
from tests.api import rows
from tests.api.conftest import caller
from tests.conftest import refuse_or_skip

DOCS = Path(__file__).resolve().parents[2] / "docs" / "api.md"
pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def worker() -> Iterator[None]:
    """A thread that delivers whatever is queued, each time another picture."""
    over = threading.Event()

    def work() -> None:
        seed = 0
        try:
            while not over.wait(0.05):
                for claim in claims.take(limit=1, now=timezone.now()):
                    seed += 1
                    # One that is cancelled in this moment is nobody's any more.
                    with suppress(Fenced):
                        rows.deliver(claim, seed=seed)
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    over.set()
    thread.join()


def test_the_documents_calls_work_as_they_stand(live_server: Any, worker: None, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        refuse_or_skip("needs curl: apt install curl")
    person = caller()
    calls = "\n".join(re.findall(r"```sh\n(.*?)```", DOCS.read_text(), re.DOTALL))

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", calls],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "EASEL": live_server.url, "KEY": person.secret},
        capture_output=True,
        text=True,
        timeout=50,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((tmp_path / "generation.json").read_text())["status"] == "succeeded"
    assert (tmp_path / "lighthouse.png").read_bytes().startswith(b"\x89PNG")
    assert Generation.objects.get(prompt="The same in winter").references.count() == 2
    assert Generation.objects.get(prompt="The same at night").branch.number == 1
    assert ledger.standing(person.user).balance <= 998


def test_a_client_needs_only_the_schema(live_server: Any, worker: None) -> None:
    person = caller()
    with httpx.Client(headers={"Authorization": f"Bearer {person.secret}"}, timeout=40) as http:
        schema = http.get(f"{live_server.url}/api/v1/schema").json()
        calls = {
            operation["operationId"]: (method, live_server.url + path)
            for path, operations in schema["paths"].items()
            for method, operation in operations.items()
        }

        def call(name: str, /, *, headers: dict[str, str] | None = None, body: Any = None, **ids: str) -> Any:
            method, url = calls[name]
            return http.request(method, url.format(**ids), json=body, headers=headers)

        price = call("create_quote", body={"count": 2}).json()["credits"]
        wish = {"prompt": "A pier", "count": 2, "expected_credits": price}
        made = call("create_generation", body=wish, headers={"Prefer": "wait=30"})
        image = made.json()["images"][0]
        again = call("get_image", public_id=image["id"]).json()

        assert (made.status_code, made.json()["credits"]) == (201, {"quoted": price, "captured": price})
        assert httpx.get(again["url"]).headers["Content-Type"] == "image/png"
        assert call("get_credits").json()["balance"] == 1000 - price
        assert call("list_credit_entries").json()["results"][0]["amount"] == -price


def test_a_body_in_chunks_is_refused_over_the_wire(live_server: Any) -> None:
    headers = {"Authorization": f"Bearer {caller().secret}", "Content-Type": "application/json"}

    answer = httpx.post(
        f"{live_server.url}/api/v1/quotes", content=iter([b'{"count"', b": 4}"]), headers=headers
    )

    assert (answer.status_code, answer.json()["code"]) == (411, "length_required")


def test_the_documents_list_of_codes_has_what_the_table_refuses_with() -> None:
    from accounts.idempotency import FingerprintDiffers
    from accounts.ledger import InsufficientCredits, LimitReached
    from generation.retrying import NotFinished
    from generation.stopping import TermsChanged
    from generation.submission import CannotCancel, PriceChanged

    listed = set(re.findall(r"`(\w+)`", DOCS.read_text()))
    refused = (FingerprintDiffers, InsufficientCredits, LimitReached)
    kinds = (*refused, CannotCancel, NotFinished, PriceChanged, TermsChanged)

    assert {kind.code for kind in kinds} <= listed


def test_every_operation_may_answer_a_problem(client: Client) -> None:
    schema = client.get("/api/v1/schema").json()

    assert schema["openapi"].startswith("3.1")
    assert set(schema["components"]["securitySchemes"]) == {"apiKey", "session"}
    for operations in schema["paths"].values():
        for operation in operations.values():
            problem = operation["responses"]["default"]["content"]["application/problem+json"]
            assert problem["schema"] == {"$ref": "#/components/schemas/ProblemOutput"}
            assert operation["summary"]
            assert operation["operationId"]
