"""What every test shares: services found or skipped with a reason, the browser, folders of its own."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests import services

pytest_plugins = ["tests.emulator_server"]

# How fast a machine is says nothing of what is tested.
settings.register_profile("easel", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("easel")

AFTER_SQLITE = os.environ.get("AFTER_SQLITE", "") not in ("", "0")
"""The whole suite has run on SQLite already, as `dev.py` says before its run on PostgreSQL."""
REQUIRE_ALL = os.environ.get("REQUIRE_ALL", "") not in ("", "0")


def pytest_configure(config: pytest.Config) -> None:
    for service in services.SERVICES:
        config.addinivalue_line(
            "markers", f"{service.marker}: needs {service.name}; else skipped with a reason"
        )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    later = {item for item in items if waits_for_the_other_run(item)}
    if later:
        config.hook.pytest_deselected(items=list(later))
        items[:] = [item for item in items if item not in later]
    # Playwright leaves its event loop running in this thread, where others want `asyncio.run`.
    items.sort(key=lambda item: item.get_closest_marker("needs_chromium") is not None)


def waits_for_the_other_run(item: pytest.Item) -> bool:
    """`make test` runs the suite on SQLite, then on PostgreSQL; some tests belong to one of the two."""
    if not on_postgres():
        return item.get_closest_marker("needs_postgres") is not None and services.postgres_url() is not None
    if item.get_closest_marker("once") is not None:
        return True
    return AFTER_SQLITE and not depends_on_the_database(item)


def depends_on_the_database(item: pytest.Item) -> bool:
    """Whether what it says on SQLite need not be so on PostgreSQL.

    What a browser does with a page is the same; what is in the page is tested without one, on both.
    """
    marks = {mark.name for mark in item.iter_markers()}
    if marks & {"each_database", "needs_postgres"}:
        return True
    if "needs_chromium" in marks:
        return False
    fixtures = set(getattr(item, "fixturenames", ()))
    return "django_db" in marks or bool(fixtures & {"db", "transactional_db", "live_server"})


def on_postgres() -> bool:
    from django.conf import settings

    return bool(settings.DATABASES["default"]["ENGINE"].endswith("postgresql"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    for service in services.SERVICES:
        if item.get_closest_marker(service.marker) is None:
            continue
        if service is services.POSTGRES and on_postgres():
            continue
        if not services.is_found(service):
            refuse_or_skip(service)


def refuse_or_skip(service: services.Service) -> None:
    reason = f"needs {service.name}: {service.get}"
    if REQUIRE_ALL and service.may_be_required:
        pytest.fail(f"{reason} (REQUIRE_ALL is set)", pytrace=False)
    pytest.skip(reason)


def pytest_report_header(config: pytest.Config) -> str:
    import django

    database = "PostgreSQL" if on_postgres() else "SQLite"
    return f"Easel on {database}, Django {django.__version__}"


@pytest.fixture
def redis_url() -> Iterator[str]:
    """An empty Redis database; emptied again afterwards. Mark the test `needs_redis`."""
    import redis

    given = services.redis_url()
    assert given is not None, "mark this test with needs_redis"
    server, _, database = given.rpartition("/")
    # Each process of pytest-xdist empties a database of its own.
    process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    url = f"{server}/{int(database) - process}"
    client = redis.Redis.from_url(url)
    client.flushdb()
    yield url
    client.flushdb()
    client.close()


@pytest.fixture
def pictures() -> Path:
    """The folder of the shared sample pictures. Mark the test `needs_pictures`."""
    return services.SHARED_DATA


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """The system's Chromium for pytest-playwright's `page`. Mark the test `needs_chromium`."""
    from playwright.sync_api import expect

    # Two processes of the suite share the cores with what they start; five seconds are too few then.
    expect.set_options(timeout=20_000)
    # The test's own thread carries Playwright's event loop, so Django would refuse every query in it.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    # Chromium's sandbox refuses to start as root, which is who runs in most containers.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    return {**browser_type_launch_args, "executable_path": services.chromium_path(), "args": arguments}


@pytest.fixture(autouse=True)
def files_of_its_own(request: pytest.FixtureRequest) -> Iterator[None]:
    """Stored files of one test are not there for the next."""
    if "django_db_setup" not in request.fixturenames and "db" not in request.fixturenames:
        yield
        return
    settings = request.getfixturevalue("settings")
    settings.MEDIA_ROOT = str(request.getfixturevalue("tmp_path") / "files")
    yield


@pytest.fixture(autouse=True)
def empty_cache(request: pytest.FixtureRequest) -> Iterator[None]:
    """Login limits and other cached facts of one test do not reach the next."""
    yield
    from django.core.cache import cache

    cache.clear()


@pytest.fixture(scope="session", autouse=True)
def ledger_that_can_be_emptied() -> Iterator[None]:
    """After a test with real transactions all tables are flushed, which the ledger's triggers refuse.

    The flush ends with `post_migrate`, which puts the triggers and the system's accounts back.
    """
    from django.db import connection
    from django.test import TransactionTestCase

    from accounts import ledger_rules

    flush = TransactionTestCase._fixture_teardown

    def without_triggers(case: TransactionTestCase) -> None:
        ledger_rules.remove(connection)
        flush(case)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", without_triggers)
        yield


@pytest.fixture(scope="session", autouse=True)
def no_event_loop_at_start() -> None:
    """A loop that runs before the first test would hide Django's check for queries in async code."""
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()
