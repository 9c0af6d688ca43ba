"""The faults, injected one after the other at random, determined by a seed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import signal
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import psutil

from scripts.chaos.record import Record
from scripts.chaos.server import POISON, ChaosServer
from workers.supervisor.router_keeper import SILENCE_S

MIN_BETWEEN_ROUTER_KILLS_S = 4.0
"""The server rightly gives up after five deaths of the router within ten seconds."""

HUGE_BYTES = 33 * 1024 * 1024
NEARLY_TOO_LARGE_BYTES = (8_000_000 - 100, 2_000_000 - 100)
"""Just below the default limits of a body with text, which is refused then, and of text, which is served."""
GARBAGE_TIMEOUT_S = 60.0

FLOOD_ADDRESS = "127.0.0.66"
"""The address of another user, who sends many requests at once and leaves."""
FLOOD_REQUESTS = 100
FLOOD_WORDS = 300
FLOOD_S = 2.0

BAD_BODIES: tuple[Any, ...] = (
    b'{"prompt": "Once upon',
    b"\xff\xfe\x00garbage",
    b"[]",
    b'"a string"',
    b'{"prompt": 7, "max_tokens": "many"}',
    b'{"prompt": "a", "temperature": "warm"}',
    b'{"prompt": "a", "max_tokens": -1}',
    b'{"prompt": ["a", {"b": []}]}',
    b'{"prompt": "a", "model": "no such model"}',
    b'{"prompt": "a", "n": 1000}',
    b"[" * 5000 + b"]" * 5000,
)


class Faults:
    """Injects faults until it is stopped, and undoes those that last: no process stays suspended.

    Args:
        interval_s: the mean time between two faults.
        speech: a speech model is served; it is sent damaged recordings.
        images: an image model is served; a picture is requested while the disk is full.
        echo: the echo engine answers, whose workers a prompt can kill.
    """

    def __init__(
        self, server: ChaosServer, record: Record, seed: str, interval_s: float, speech: bool, images: bool, echo: bool
    ) -> None:
        self._server = server
        self._record = record
        self._random = random.Random(seed)
        self._interval_s = interval_s
        self._images = images
        self._continuing: set[asyncio.Task[None]] = set()
        self._kinds: list[tuple[float, Callable[[aiohttp.ClientSession], Awaitable[None]]]] = [
            (3.0, self._kill_worker),
            (2.0, self._stop_worker),
            (1.0, self._kill_router),
            (0.7, self._stop_router),
            (3.0, self._send_garbage),
            (0.5, self._send_too_much),
            (0.5, self._send_nearly_too_much),
            (0.7, self._restart_workers),
            (1.0, self._fill_disk),
            (0.7, self._flood),
        ]
        if speech:
            self._kinds.append((1.5, self._send_damaged_audio))
        else:
            record.skipped["damaged audio"] = "no speech model is served (--speech)"
        if echo:
            self._kinds.append((1.0, self._send_poison))
        else:
            record.skipped["request that kills its workers"] = "only the echo engine dies of a prompt"
        if not images:
            record.skipped["picture while the disk is full"] = "no image model is served (--images)"

    async def run(self, session: aiohttp.ClientSession, stopping: asyncio.Event) -> None:
        """Inject faults until ``stopping`` is set: each kind once, then at random."""
        first = [kind for _, kind in self._kinds]
        self._random.shuffle(first)
        while not stopping.is_set():
            weights, kinds = zip(*self._kinds, strict=True)
            fault = first.pop() if first else self._random.choices(kinds, weights)[0]
            await fault(session)
            with contextlib.suppress(TimeoutError):
                pause_s = self._random.uniform(0.3, 1.7) * self._interval_s
                await asyncio.wait_for(stopping.wait(), pause_s)
        for task in list(self._continuing):
            task.cancel()
        await asyncio.gather(*self._continuing, return_exceptions=True)

    async def _kill_worker(self, _: aiohttp.ClientSession) -> None:
        worker = self._a_worker()
        if worker is not None:
            self._record.worker_lost_at_s.append(self._record.now_s())
            with contextlib.suppress(psutil.Error):
                worker.kill()
                self._record.fault("kill -9 of a worker")

    async def _stop_worker(self, _: aiohttp.ClientSession) -> None:
        """Suspend a worker. After 5 s the router gives its jobs to others, after 10 s the supervisor kills it."""
        worker = self._a_worker()
        if worker is None:
            return
        seconds = self._random.choice([0.3, 1.0, 2.5, 6.0, 8.0, 13.0])
        with contextlib.suppress(psutil.Error):
            worker.suspend()
            self._record.fault("SIGSTOP of a worker")
            self._record.worker_lost_at_s.append(self._record.now_s() + 5.0)
            self._continue_after(worker, seconds, "SIGCONT of a worker")

    async def _stop_router(self, _: aiohttp.ClientSession) -> None:
        """Suspend the router. After ``SILENCE_S`` the supervisor replaces it; before, its streams pause."""
        router = self._free_router()
        if router is None:
            return
        seconds = self._random.choice([0.5, 4.0, 15.0])
        with contextlib.suppress(psutil.Error):
            router.suspend()
            self._record.fault("SIGSTOP of the router")
            if seconds > SILENCE_S:
                self._record.router_killed_at_s.append(self._record.now_s() + SILENCE_S)
            self._continue_after(router, seconds, "SIGCONT of the router")

    def _continue_after(self, process: psutil.Process, seconds: float, fault: str) -> None:
        async def proceed() -> None:
            try:
                await asyncio.sleep(seconds)
            finally:
                with contextlib.suppress(psutil.Error):
                    process.send_signal(signal.SIGCONT)
                    self._record.fault(fault)

        task = asyncio.create_task(proceed())
        self._continuing.add(task)
        task.add_done_callback(self._continuing.discard)

    async def _kill_router(self, _: aiohttp.ClientSession) -> None:
        router = self._free_router()
        if router is None:
            return
        with contextlib.suppress(psutil.Error):
            self._record.router_killed_at_s.append(self._record.now_s())
            router.kill()
            self._record.fault("kill -9 of the router")

    async def _restart_workers(self, session: aiohttp.ClientSession) -> None:
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with session.post(f"{self._server.url}/v1/workers/restart") as answer:
                if answer.status == 202:
                    self._record.fault("rolling restart")

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

    async def _send_garbage(self, session: aiohttp.ClientSession) -> None:
        body = self._random.choice(BAD_BODIES)
        path = self._random.choice(["/v1/completions", "/v1/chat/completions", "/v1/function-calling"])
        await self._refused(session, "bad JSON or wrong types", path, data=body)

    async def _send_too_much(self, session: aiohttp.ClientSession) -> None:
        body = b'{"prompt": "' + bytes(HUGE_BYTES).replace(b"\0", b"a") + b'"}'
        await self._refused(session, "body of 33 MB", "/v1/completions", data=body)

    async def _send_nearly_too_much(self, session: aiohttp.ClientSession) -> None:
        """Ask for many choices of the longest prompt. It may be refused; everybody else is served meanwhile."""
        size = self._random.choice(NEARLY_TOO_LARGE_BYTES)
        head, tail = b'{"n": 16, "max_tokens": 4, "prompt": "', b'"}'
        body = head + b"a " * ((size - len(head) - len(tail)) // 2) + tail
        kind, started_at_s = f"body of {size / 1e6:.1f} MB with n=16", self._record.now_s()
        self._record.fault(kind)
        headers, timeout = {"Content-Type": "application/json"}, aiohttp.ClientTimeout(GARBAGE_TIMEOUT_S)
        try:
            url = f"{self._server.url}/v1/completions"
            async with session.post(url, data=body, headers=headers, timeout=timeout) as answer:
                text = (await answer.text())[:200]
                if answer.status not in (200, 400, 413, 429, 503):
                    self._record.violation(f"{kind}: answered {answer.status} {text}")
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            if not self._record.router_died_since(started_at_s):
                self._record.violation(f"{kind}: {error!r}")

    async def _flood(self, _: aiohttp.ClientSession) -> None:
        """Let another user send many long prompts with long answers at once, and leave before most are answered."""
        connector = aiohttp.TCPConnector(limit=0, force_close=True, local_addr=(FLOOD_ADDRESS, 0))
        self._record.fault("flood of another user")
        async with aiohttp.ClientSession(connector=connector) as session:
            tasks = [asyncio.create_task(self._ask_for_much(session, number)) for number in range(FLOOD_REQUESTS)]
            await asyncio.wait(tasks, timeout=FLOOD_S)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask_for_much(self, session: aiohttp.ClientSession, number: int) -> None:
        body = {"prompt": f"{number} " + "word " * FLOOD_WORDS, "max_tokens": 1000, "ignore_eos": True}
        started_at_s = self._record.now_s()
        try:
            async with session.post(f"{self._server.url}/v1/completions", json=body) as answer:
                text = (await answer.text())[:200]
                if answer.status not in (200, 429):
                    self._record.violation(f"flood of another user: answered {answer.status} {text}")
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            if not self._record.router_died_since(started_at_s):
                self._record.violation(f"flood of another user: {error!r}")

    async def _send_damaged_audio(self, session: aiohttp.ClientSession) -> None:
        form = aiohttp.FormData()
        form.add_field("file", self._random.randbytes(20_000), filename="damaged.mp3")
        await self._refused(session, "damaged audio", "/v1/audio/transcriptions", data=form)

    async def _send_poison(self, session: aiohttp.ClientSession) -> None:
        """Send a request that kills its workers, at its beginning or later; it must fail. Clients check the others."""
        prompt = f"{POISON}:{self._random.choice([0, 0, 3, 20])}"
        started_at_s = self._record.now_s()
        self._record.fault("request that kills its workers")
        body = {"model": "echo", "prompt": prompt, "max_tokens": 60}
        timeout = aiohttp.ClientTimeout(GARBAGE_TIMEOUT_S)
        try:
            async with session.post(f"{self._server.url}/v1/completions", json=body, timeout=timeout) as answer:
                text = await answer.text()
                if answer.status != 500 or json.loads(text)["error"]["code"] != "worker_died":
                    self._record.violation(f"{prompt}: answered {answer.status} {text[:200]}")
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            if not self._record.router_died_since(started_at_s):
                self._record.violation(f"{prompt}: {error!r}")

    async def _refused(self, session: aiohttp.ClientSession, kind: str, path: str, data: Any) -> None:
        """Send a body that must be refused with 4xx."""
        headers = {} if isinstance(data, aiohttp.FormData) else {"Content-Type": "application/json"}
        started_at_s = self._record.now_s()
        timeout = aiohttp.ClientTimeout(GARBAGE_TIMEOUT_S)
        self._record.fault(kind)
        try:
            url = f"{self._server.url}{path}"
            async with session.post(url, data=data, headers=headers, timeout=timeout) as answer:
                if not 400 <= answer.status < 500:
                    text = (await answer.text())[:200]
                    self._record.violation(f"{kind} to {path}: answered {answer.status} {text}")
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            # A server may close the connection while a body that it has refused is still being sent.
            if kind != "body of 33 MB" and not self._record.router_died_since(started_at_s):
                self._record.violation(f"{kind} to {path}: {error!r}")

    def _free_router(self) -> psutil.Process | None:
        """The router, unless it was killed just now or will be."""
        kills = self._record.router_killed_at_s
        recent = kills and self._record.now_s() - kills[-1] < MIN_BETWEEN_ROUTER_KILLS_S
        return None if recent else self._server.router_process()

    def _a_worker(self) -> psutil.Process | None:
        workers = self._server.worker_processes()
        return self._random.choice(workers) if workers else None
