"""The load: clients that know the right answers and check every byte."""

from __future__ import annotations

import asyncio
import random

import aiohttp

from scripts.chaos.answer import Answer
from scripts.chaos.asking import REQUEST_TIMEOUT_S, Broken, ask_streamed, ask_whole
from scripts.chaos.expected import Answers, Task
from scripts.chaos.record import Record

RETRY_AFTER_S = 0.25
MAX_ATTEMPTS = 40


class Client:
    """A client that sends one request after the other until it is stopped."""

    def __init__(self, name: str, url: str, answers: Answers, record: Record, seed: str) -> None:
        self._name = name
        self._url = f"{url}/v1/completions"
        self._answers = answers
        self._record = record
        self._random = random.Random(seed)
        self._count = 0

    async def run(self, session: aiohttp.ClientSession, stopping: asyncio.Event) -> None:
        """Send requests until ``stopping`` is set; the last one is finished."""
        while not stopping.is_set():
            self._count += 1
            task = self._answers.task(f"{self._name}-{self._count}", self._random)
            draw = self._random.random()
            if draw < 0.12:
                await self._leave_early(session, task)
            else:
                await self._ask(session, task, streamed=draw < 0.65)

    async def _ask(self, session: aiohttp.ClientSession, task: Task, streamed: bool) -> None:
        """Send a request, again after each death of the router, and check the answer."""
        self._record.requests["streamed" if streamed else "whole"] += 1
        for _ in range(MAX_ATTEMPTS):
            started_at_s = self._record.now_s()
            try:
                ask = ask_streamed if streamed else ask_whole
                answer = await ask(session, self._url, task.body, self._record, task.name)
            except (Broken, aiohttp.ClientError, TimeoutError, ConnectionError) as error:
                if isinstance(error, TimeoutError) or not self._record.router_died_since(started_at_s):
                    self._record.violation(f"{task.name}: connection lost although no router died: {error!r}")
                    return
                self._record.requests["retried after the router's death"] += 1
                await asyncio.sleep(RETRY_AFTER_S)
                continue
            if self._failed_alone(answer, started_at_s):
                return
            problem = self._answers.problem(task, answer)
            if problem:
                self._record.violation(f"{task.name}: {problem}")
            else:
                self._record.requests["right"] += 1
            return
        self._record.violation(f"{task.name}: not answered in {MAX_ATTEMPTS} attempts")

    def _failed_alone(self, answer: Answer, started_at_s: float) -> bool:
        """Whether the request was rightly refused another try, because a worker was killed that had no other job.

        The deaths that other requests cause are no excuse.
        """
        if "workers died while they had this request" not in answer.error:
            return False
        if self._record.workers_lost_since(started_at_s) < 1:
            return False
        self._record.requests["failed because its workers were killed"] += 1
        return True

    async def _leave_early(self, session: aiohttp.ClientSession, task: Task) -> None:
        """Disconnect in the middle of a stream, or while waiting for it."""
        self._record.fault("client disconnects")
        lines = self._random.randrange(0, 8)
        started_at_s = self._record.now_s()
        try:
            async with session.post(self._url, json={**task.body, "stream": True}, timeout=_timeout()) as response:
                if response.status != 200 and not self._record.router_died_since(started_at_s):
                    self._record.violation(f"{task.name}: {response.status} {(await response.text())[:300]}")
                for _ in range(lines):
                    await response.content.readline()
                response.close()
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            if not self._record.router_died_since(started_at_s):
                self._record.violation(f"{task.name}: connection lost although no router died: {error!r}")
            await asyncio.sleep(RETRY_AFTER_S)


def _timeout() -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S)
