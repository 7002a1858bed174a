"""The running emulator: which address answers what, its log, and how it starts and stops."""

import argparse
import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from generation.emulator import admin, aiml, faults, gmi, google, onemin, openai
from generation.emulator.answers import HOME, as_html, as_json, not_found
from generation.emulator.context import Context, key_sent
from generation.emulator.faults import NO_FAULT, Fault
from generation.emulator.http import HttpServer, Request, Response
from generation.emulator.state import Call, Memory, Settings

# Each vendor's own addresses; whoever knows the address answers. Under `/<name>/…` only that vendor does.
VENDORS: dict[str, Callable[[Context], Awaitable[Response | None]]] = {
    "aiml": aiml.handle,
    "onemin": onemin.handle,
    "gmi": gmi.handle,
    "openai": openai.handle,
    "google": google.handle,
}

logger = logging.getLogger("easel.emulator")
calls_logger = logging.getLogger("easel.emulator.calls")


class Emulator:
    """Answers requests from its memory; `serve` on as many addresses as wanted."""

    def __init__(self, settings: Settings) -> None:
        self.memory = Memory(settings)

    async def answer(self, request: Request) -> Response:
        """The answer to one request, noted in the log unless it is about the emulator itself."""
        if request.path.startswith(admin.PREFIX):
            return admin.handle(self.memory, request)
        if request.path in ("/", "/healthz"):
            return as_html(HOME) if request.path == "/" else as_json({"status": "ok"})
        call = Call(
            method=request.method,
            path=request.path,
            client_request_id=request.headers.get("x-client-request-id", ""),
            key_sent=key_sent(request),
        )
        self.memory.calls.append(call)
        started = time.monotonic()
        try:
            response = await self._route(request, call)
        except Exception:
            logger.exception("the emulator itself failed at %s", request.path)
            response = as_json({"message": "the emulator itself failed; its log says why"}, status=500)
        call.status, call.seconds = response.status, round(time.monotonic() - started, 3)
        calls_logger.info("%s %s %s %.0f ms", call.method, call.path, call.status, call.seconds * 1000)
        return response

    async def _route(self, request: Request, call: Call) -> Response:
        if request.method == "GET" and request.path.startswith("/results/"):
            return self._result(request.path.removeprefix("/results/"))
        name, _, rest = request.path.removeprefix("/").partition("/")
        asked = [name] if name in VENDORS else list(VENDORS)
        if name in VENDORS:
            request = replace(request, path=f"/{rest}")
        context = Context(self.memory, request, call, lambda prompt: self._fault(request, prompt))
        try:
            for vendor in asked:
                if response := await VENDORS[vendor](context):
                    call.vendor = vendor
                    return response
        except faults.UnknownFault as error:
            return as_json({"message": str(error)}, status=400)
        return not_found(request.path)

    def _fault(self, request: Request, prompt: str) -> Fault:
        """The header's fault, else the prompt's, else the next planned one."""
        if text := request.headers.get(faults.HEADER):
            return faults.parse(text)
        return faults.find_in_prompt(prompt) or self.memory.plan.take(prompt) or NO_FAULT

    def _result(self, name: str) -> Response:
        result = self.memory.result(name)
        if result is None:
            return not_found(f"/results/{name}")
        if result.ends_at <= time.monotonic():
            return as_json({"error": "this link has expired"}, status=403)
        return Response(200, result.data, {"content-type": result.content_type})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options, with their defaults."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: loopback only)")
    parser.add_argument("--port", type=int, default=8100, help="port; 0 picks a free one")
    parser.add_argument("--latency", type=float, default=2.0, help="seconds a picture takes")
    parser.add_argument("--key", default="", help="the one key to accept (default: any)")
    parser.add_argument("--link-lifetime", type=float, default=3600.0, help="seconds a result can be fetched")
    parser.add_argument("--sketch", action="store_true", help="plain, fast pictures, for load tests")
    parser.add_argument("--quiet", action="store_true", help="no line for each call")
    parser.add_argument("--stock", type=int, default=0, help="paint so many, and give them out again")


def run(options: argparse.Namespace) -> None:
    """Serve until SIGINT or SIGTERM.

    :raises OSError: the address is taken or not ours.
    """
    settings = Settings(
        latency=options.latency,
        key=options.key,
        link_lifetime=options.link_lifetime,
        sketch=options.sketch,
        stock=options.stock,
    )
    if options.quiet:
        calls_logger.setLevel(logging.WARNING)
    asyncio.run(_serve(settings, options.host, options.port))


async def _serve(settings: Settings, host: str, port: int) -> None:
    server = HttpServer(Emulator(settings).answer)
    port = await server.start(host, port)
    logger.info("The provider emulator answers at http://%s:%d", host, port)
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)
    await stop.wait()
    await server.close()


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line, without Django."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(prog="python -m generation.emulator", description=__doc__)
    add_arguments(parser)
    run(parser.parse_args(arguments))
