"""The lines of ``/api/pull``, in Ollama's words and order."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from router.answers.stream_format import JSON_LINES
from router.api.ollama.asked import how_to_serve
from router.http.disconnect import ClientGone, run_unless_disconnected
from router.http.json_text import json_text
from router.models.pulling import FileProgress, PullStopped
from router.models.service import ModelService, PullRequested
from router.schemas.errors import ApiError
from shared.engines.files import HubFile
from shared.errors import ModelError

_SHOWN_DIGITS = 12
"""Of a digest, in a status."""

SUCCESS = {"status": "success"}


class PullLines:
    """The progress of fetching a model, as the objects of lines. The last one says ``success``, as clients expect."""

    def __init__(self, models: ModelService, pulled: PullRequested) -> None:
        self._models = models
        self._pulled = pulled

    @property
    def notes(self) -> Sequence[str]:
        """That the model is served now, or how to serve it."""
        name = self._pulled.name
        if self._models.find(name) is not None:
            return (f"{name} is served now",) if self._models.serves_all else ()
        if self._models.serves_all:
            return (f"{name} is kept on this machine, and cannot be served; nexa list --here tells why",)
        return (f"{name} is kept on this machine, and not served yet; to serve it: {how_to_serve(self._models, name)}",)

    def leave(self) -> None:
        """The client needs no more lines."""
        self._pulled.pull.leave()

    async def objects(self) -> AsyncGenerator[dict[str, Any], None]:
        """Yield the lines.

        Raises:
            ApiError: the model cannot be fetched.
        """
        yield {"status": "pulling manifest"}
        try:
            async for progress in self._pulled.follow():
                yield _progress_line(progress)
                if progress.complete:
                    yield {"status": "verifying sha256 digest"}
        except PullStopped as error:
            raise ApiError(503, f"{self._pulled.name}: {error}", "model") from None
        except ModelError as error:
            raise ApiError(500, str(error), "model") from None
        except OSError as error:
            status = 507 if error.errno == errno.ENOSPC else 500
            raise ApiError(status, f"{self._pulled.name}: cannot be kept: {error.strerror or error}") from None
        yield {"status": "writing manifest"}
        for note in self.notes:
            yield {"status": note}
        yield SUCCESS


class PullStream(Response):
    """Sends the lines as they come. A client that leaves stops the fetching, unless others follow it."""

    def __init__(self, lines: PullLines) -> None:
        self.status_code = 200
        self.background = None
        self._lines = lines
        self.init_headers(
            {"Content-Type": JSON_LINES.media_type, "Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream."""
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await run_unless_disconnected(receive, self._send_lines(send))
        except (ClientGone, OSError):
            pass  # nobody is left to answer
        finally:
            self._lines.leave()

    async def _send_lines(self, send: Send) -> None:
        try:
            async for line in self._lines.objects():
                await _send_line(send, line)
        except ApiError as error:
            await _send_line(send, {"error": str(error)})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def pull_whole(lines: PullLines) -> tuple[str, Sequence[str]]:
    """The last line alone, and what else is to be said.

    Raises:
        ApiError: the model cannot be fetched.
    """
    last: dict[str, Any] = {}
    try:
        async for line in lines.objects():
            last = line
    finally:
        lines.leave()
    return json_text(last), lines.notes


async def _send_line(send: Send, line: dict[str, Any]) -> None:
    await send({"type": "http.response.body", "body": f"{json_text(line)}\n".encode(), "more_body": True})


def _progress_line(progress: FileProgress) -> dict[str, Any]:
    digest = _digest(progress.file)
    return {
        "status": f"pulling {digest[:_SHOWN_DIGITS]}",
        "digest": f"sha256:{digest}",
        "total": progress.file.size_bytes,
        "completed": progress.done_bytes,
    }


def _digest(file: HubFile) -> str:
    """The file's SHA-256; for one of which the hub does not know it, that of what it does know."""
    return file.sha256 or hashlib.sha256((file.git_sha1 or file.path).encode()).hexdigest()
