"""Part of an open file as a response: at once when small, in chunks when not, under WSGI and ASGI alike."""

from typing import Any

from asgiref.sync import sync_to_async
from django.core.files.base import File
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

CHUNK_BYTES = 256 * 1024
"""What one answer holds in memory at a time."""


def response(
    request: HttpRequest, file: "File[Any]", start: int, end: int, *, content_type: str
) -> HttpResponseBase:
    """The bytes from `start` up to `end`, not including it. Takes over the file and closes it."""
    if end - start <= CHUNK_BYTES:
        with file:
            file.seek(start)
            return HttpResponse(file.read(end - start), content_type=content_type)
    file.seek(start)
    # Django reads a plain iterator to its end before it answers under ASGI; so each gets its own kind.
    part = _AsyncPart(file, end - start) if isinstance(request, ASGIRequest) else _SyncPart(file, end - start)
    streamed = StreamingHttpResponse(part, content_type=content_type)
    streamed.headers["Content-Length"] = str(end - start)
    return streamed


class _Part:
    def __init__(self, file: "File[Any]", length: int) -> None:
        self._file = file
        self._left = length

    def read(self) -> bytes:
        chunk = bytes(self._file.read(min(CHUNK_BYTES, self._left)))
        self._left -= len(chunk)
        return chunk

    def close(self) -> None:
        """Django calls it at the response's end, also when nobody read it."""
        self._file.close()


class _SyncPart(_Part):
    def __iter__(self) -> "_SyncPart":
        return self

    def __next__(self) -> bytes:
        if chunk := self.read():
            return chunk
        raise StopIteration


class _AsyncPart(_Part):
    def __aiter__(self) -> "_AsyncPart":
        return self

    async def __anext__(self) -> bytes:
        # Not in the one thread that all synchronous views of a request share: others may be waiting there.
        if chunk := await sync_to_async(self.read, thread_sensitive=False)():
            return chunk
        raise StopAsyncIteration
