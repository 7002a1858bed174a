"""Answers that no vendor's format decides."""

import json
from typing import Any

from generation.emulator.http import Response

HOME = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Provider emulator</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem;color:#1c1c1a}
code{background:#f0efec;padding:.1em .3em;border-radius:4px}</style>
<main><h1>Provider emulator</h1>
<p>This stands in for image providers. It speaks their formats, and its pictures are painted on
this machine by a small program, not made by a model. Any text does as a key, and nothing is charged.</p>
<ul><li>AI/ML API under <code>/aiml</code>: <code>POST /v1/images/generations</code>,
<code>GET /v1/models</code>, <code>GET /v2/billing</code></li>
<li>1min.ai under <code>/onemin</code>: <code>POST /api/features</code>, <code>GET /api/results/…</code>,
<code>POST /api/assets</code>, <code>GET /models</code></li>
<li>GMI Cloud under <code>/gmi</code>: <code>/api/v1/ie/requestqueue/apikey/requests</code> and its kin</li>
<li>Google under <code>/google</code>: <code>POST /v1beta/models/…:generateContent</code>, streams,
Vertex AI's paths, <code>GET /v1beta/models</code></li>
<li>OpenAI's images API under <code>/openai</code>: <code>POST /v1/images/generations</code>,
<code>POST /v1/images/edits</code>, <code>GET /v1/models</code></li>
<li><code>GET /_emulator/log</code>, and <code>POST</code> to <code>/_emulator/faults</code>,
<code>/_emulator/settings</code>, <code>/_emulator/reset</code></li></ul>
<p>To see a failure, put for example <code>[emulate: status=429,retry_after=3]</code> into a prompt, or
send it as the header <code>X-Emulate</code>.</p></main></html>
"""


def as_json(value: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    fixed = {"content-type": "application/json; charset=utf-8", "cache-control": "no-store"}
    return Response(status, json.dumps(value).encode(), {**fixed, **(headers or {})})


def as_html(page: str, *, status: int = 200) -> Response:
    return Response(status, page.encode(), {"content-type": "text/html; charset=utf-8"})


def not_found(path: str) -> Response:
    return as_json({"error": f"the emulator has nothing at {path}"}, status=404)
