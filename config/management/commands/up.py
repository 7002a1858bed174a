"""`manage.py up`: everything Easel is, as one command."""

import errno
import socket
import sys
from argparse import ArgumentParser
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from accounts import demo
from config.supervision import Child, Supervisor
from generation import heartbeats
from generation.models import Provider

LOOPBACK = "127.0.0.1"
HAND_BACK_SECONDS = 9.0


class Command(BaseCommand):
    help = (
        "Prepare the data, then run web, worker and, without a provider's key, the emulator; until stopped."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--host", default=LOOPBACK, help="address to listen on; only loopback in local mode"
        )

    def handle(self, *, host: str, **options: Any) -> None:
        if settings.LOCAL_MODE and host != LOOPBACK:
            raise CommandError("Without SITE_URL Easel has demonstration passwords and stays on 127.0.0.1.")
        refuse_taken_port(host, settings.PORT)
        self.prepare()
        emulated = Provider.objects.filter(enabled=True, emulated=True).exists()
        connections.close_all()
        supervisor = Supervisor(
            children(host=host, port=settings.PORT, emulated=emulated),
            ready_message=f"Easel is ready at {settings.SITE_URL}",
            grace_seconds=settings.STOP_GRACE_SECONDS,
        )
        sys.exit(supervisor.run())

    def prepare(self) -> None:
        """Bring database and static files up to this version; make people to try it with when none are."""
        call_command("migrate", interactive=False, verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        if settings.LOCAL_MODE and not get_user_model().objects.exists():
            demo.create_people()
            for email, password, *_ in demo.PEOPLE:
                self.stdout.write(f"Made a person to try Easel with: {email}, password {password}")
        connections.close_all()


def refuse_taken_port(host: str, port: int) -> None:
    """:raises CommandError: when nothing can listen there, with what to do about it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                advice = f"stop what uses it, or choose another with PORT={port + 1}"
                raise CommandError(f"Port {port} is taken: {advice}.") from error
            raise CommandError(f"Easel cannot listen on {host}:{port}: {error.strerror}.") from error


def children(*, host: str, port: int, emulated: bool) -> list[Child]:
    """What runs, in the order in which the later lean on the earlier; the emulator where one is asked for."""
    manage = (sys.executable, str(settings.BASE_DIR / "manage.py"))
    everywhere = host == "0.0.0.0"  # noqa: S104 - only compared
    web_address = f"http://{LOOPBACK if everywhere else host}:{port}"
    site_host = urlsplit(settings.SITE_URL).netloc
    emulator: list[Child] = []
    provider: dict[str, str] = {}
    if settings.LOCAL_MODE and emulated:
        free = free_port()
        provider = {"EASEL_EMULATOR_URL": f"http://{LOOPBACK}:{free}", "EASEL_PROVIDER_EMULATED": "1"}
        command = (*manage, "emulate_providers", "--host", LOOPBACK, "--port", str(free))
        emulator = [Child("emulator", command, ready_url=f"http://{LOOPBACK}:{free}/healthz")]
    uvicorn = (
        sys.executable,
        "-m",
        "uvicorn",
        "config.asgi:application",
        "--host",
        host,
        "--port",
        str(port),
    )
    # An open event stream never ends by itself, so the web process may not wait for it.
    quiet = ("--no-access-log", "--log-level", "warning", "--timeout-graceful-shutdown", "3")
    # Before it would be killed, a worker hands back what it can't end.
    grace = {"WORKER_GRACE_SECONDS": str(max(1.0, settings.STOP_GRACE_SECONDS - HAND_BACK_SECONDS))}
    return [
        *emulator,
        Child("worker", (*manage, "runworker"), grace | provider, ready_line=heartbeats.READY),
        Child("web", (*uvicorn, *quiet), provider, ready_url=f"{web_address}/readyz", ready_host=site_host),
    ]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
