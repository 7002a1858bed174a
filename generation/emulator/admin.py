"""`/_emulator/…`: how a test sets faults and settings, and reads what was called."""

import json
from dataclasses import asdict
from typing import Any

from generation.emulator import faults
from generation.emulator.answers import as_json, not_found
from generation.emulator.http import Request, Response
from generation.emulator.state import Memory

PREFIX = "/_emulator/"


def handle(memory: Memory, request: Request) -> Response:
    """Answer one admin call; what it cannot read is 400 with a sentence."""
    try:
        values = json.loads(request.body or b"{}")
    except ValueError:
        return as_json({"error": "the body is not JSON"}, status=400)
    if not isinstance(values, dict):
        return as_json({"error": "the body is not a JSON object"}, status=400)
    match (request.method, request.path.removeprefix(PREFIX)):
        case ("GET", "log"):
            return as_json(memory.report())
        case ("POST", "reset"):
            memory.reset()
            return as_json({})
        case ("POST", "faults" | "settings" as what):
            change = _plan if what == "faults" else _settings
            try:
                return as_json(change(memory, values))
            except (ValueError, TypeError, KeyError) as error:
                return as_json({"error": str(error)}, status=400)
    return not_found(request.path)


def _plan(memory: Memory, values: dict[str, Any]) -> dict[str, Any]:
    """`{"fault": text or object, "times": 1 or null, "probability": 1.0, "match": "", "at": "", "seed": 0}`;
    all but `fault` may be left out.
    """
    asked = values["fault"]
    fault = faults.parse(asked) if isinstance(asked, str) else faults.from_values(asked)
    if "seed" in values:
        memory.plan.clear(seed=int(values["seed"]))
    times = values.get("times", 1)
    memory.plan.add(
        faults.Planned(
            fault=fault,
            times=None if times is None else int(times),
            probability=float(values.get("probability", 1.0)),
            match=str(values.get("match", "")),
            at=str(values.get("at", "")),
        )
    )
    return {"planned": str(fault)}


def _settings(memory: Memory, values: dict[str, Any]) -> dict[str, Any]:
    memory.settings = memory.settings.changed(values)
    return {name: value for name, value in asdict(memory.settings).items() if name != "key"}
