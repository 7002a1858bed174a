"""The main job with the queue on Redis."""

import httpx
import pytest
import redis

from tests.flows.conftest import Site

pytestmark = [
    pytest.mark.slow,
    pytest.mark.each_database,
    pytest.mark.needs_redis,
    pytest.mark.timeout(180, method="thread"),
]


@pytest.fixture
def more_settings(redis_url: str) -> dict[str, str]:
    # The sweep runs once, at the start: afterwards only the task that a submit leaves wakes a worker.
    return {"REDIS_URL": redis_url, "SWEEP_SECONDS": "3600"}


def test_a_submit_wakes_a_worker_through_redis(site: Site, redis_url: str) -> None:
    key = site.manage("create_api_key", "demo@easel.test").stdout.strip()

    with httpx.Client(base_url=site.address, headers={"Authorization": f"Bearer {key}"}, timeout=60) as api:
        assert api.get("/readyz").json()["queue"] == "ok"
        made = api.post("/api/v1/generations", json={"prompt": "a boat"}, headers={"Prefer": "wait=40"})
        credits = api.get("/api/v1/credits").json()

    assert (made.status_code, made.json()["status"]) == (201, "succeeded")
    assert credits == {"balance": 998, "held": 0, "available": 998}
    with redis.Redis.from_url(redis_url) as queue:
        assert queue.keys("django_q:generations*")
    assert site.manage("audit_ledger").returncode == 0
