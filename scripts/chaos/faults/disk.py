"""A disk that is full."""

from __future__ import annotations

import asyncio
import contextlib
import json

import aiohttp
import psutil

from scripts.chaos.faults.injection import Kinds
from scripts.chaos.record import Record
from scripts.chaos.server import ChaosServer


class DiskFaults:
    """Fills the router's disk. With an image model (``images``), a picture is requested meanwhile."""

    def __init__(self, server: ChaosServer, record: Record, images: bool) -> None:
        self._server = server
        self._record = record
        self._images = images
        if not images:
            record.skipped["picture while the disk is full"] = "no image model is served (--images)"

    @property
    def kinds(self) -> Kinds:
        """The disk is full."""
        return ((1.0, self._fill_disk),)

    async def _fill_disk(self, session: aiohttp.ClientSession) -> None:
        """Let every write of the router to a file fail for a while.

        A limit on the size of its files has the effect of a full disk. A picture must then come in the answer itself,
        without a URL.
        """
        router = self._server.router_process()
        if router is None:
            return
        with contextlib.suppress(psutil.Error):
            _, hard = router.rlimit(psutil.RLIMIT_FSIZE)
            router.rlimit(psutil.RLIMIT_FSIZE, (0, hard))
            self._record.fault("output disk full")
            try:
                await (self._paint(session) if self._images else asyncio.sleep(1.0))
            finally:
                router.rlimit(psutil.RLIMIT_FSIZE, (hard, hard))

    async def _paint(self, session: aiohttp.ClientSession) -> None:
        """Request a picture, which must come even if its file cannot be written."""
        body = {"prompt": "a lighthouse", "width": 64, "height": 64, "sample_steps": 1}
        started_at_s = self._record.now_s()
        self._record.requests["pictures while the disk is full"] += 1
        try:
            async with session.post(f"{self._server.url}/v1/txt2img", json=body) as answer:
                text = await answer.text()
                if answer.status != 200 or not json.loads(text)["data"][0]["b64_json"]:
                    self._record.violation(f"a picture while the disk is full: {answer.status} {text[:200]}")
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            if not self._record.router_died_since(started_at_s):
                self._record.violation(f"a picture while the disk is full: {error!r}")
