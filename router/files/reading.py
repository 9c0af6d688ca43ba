"""A stored file as an answer: read slice by slice, as its client takes them."""

from __future__ import annotations

from typing import BinaryIO
from urllib.parse import quote

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from router.files.keeper import FileKeeper
from router.files.store import StoredFile
from router.http.disconnect import ClientGone, run_unless_disconnected
from router.http.request_record import HEAD_ONLY
from router.schemas.errors import ApiError
from router.schemas.shown import shown

SLICE_BYTES = 256 * 1024


class ContentResponse(Response):
    """The content of a file. Its name and its bytes are the owner's: browsers save it, and never show it as a page.

    Raises:
        ApiError: when it is sent: 404, the file was deleted a moment ago; 503, the disk fails.
    """

    media_type = "application/octet-stream"

    def __init__(self, keeper: FileKeeper, file: StoredFile) -> None:
        super().__init__(
            headers={
                "Content-Length": str(file.size_bytes),
                "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.name, safe='')}",
                "X-Content-Type-Options": "nosniff",
                "Cache-Control": "private, no-store",
            }
        )
        self._keeper = keeper
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head, and the content if anybody will read it."""
        if HEAD_ONLY in scope:
            await super().__call__(scope, receive, send)
            return
        opening = self._keeper.on_disk(self._keeper.contents.open, self._file.file_id)
        content = await self._keeper.opened_by(opening)
        if content is None:
            message = f"file_id: expected one of your files, got {shown(self._file.file_id)}"
            raise ApiError(404, message, "file_id", "file_not_found")
        try:
            await run_unless_disconnected(receive, self._send(content, send))
        except (ClientGone, OSError):
            return  # nobody reads any more
        finally:
            self._keeper.let_go(content)

    async def _send(self, content: BinaryIO, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        more = True
        while more:
            part = await self._keeper.on_disk(content.read, SLICE_BYTES)
            more = bool(part)
            await send({"type": "http.response.body", "body": part, "more_body": more})
