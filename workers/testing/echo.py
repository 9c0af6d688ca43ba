"""An engine without a model: it answers with the words of the prompt at a fixed pace.

It is for testing and measuring the router and the wire alone.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shared.kinds import kind_of
from shared.settings import ModelSettings
from shared.wire.jobs import TextJob, TokenizeJob, TokenOutput
from shared.wire.messages import EngineStats
from shared.wire.payloads import Done, FinishReason, JobError, Started, Tokenized, Tokens
from workers.engine import Emitted, EngineInfo, EngineJob
from workers.testing.poison import Poison, poison_in

DEFAULT_TOKENS = 16
CONTEXT_TOKENS = 1 << 20


@dataclass(slots=True)
class _Echo:
    job_id: str
    words: Sequence[str | int]
    tokens: int
    received_at_s: float
    poison: Poison
    sent: int = 0
    tells_prompt: bool = False
    ttft_s: float = 0.0


class EchoEngine:
    """Emits one word per step for each of up to ``slots`` jobs. A step takes ``step_s`` seconds."""

    def __init__(self, slots: int = 16, step_s: float = 0.0) -> None:
        self._slots = slots
        self._step_s = step_s
        self._running: list[_Echo] = []
        self._waiting: deque[_Echo] = deque()
        self._steps = 0
        self._generated = 0

    def load(self, report: Callable[[float], None]) -> EngineInfo:
        report(1.0)
        return EngineInfo(slots=self._slots, context_tokens=CONTEXT_TOKENS)

    def submit(self, job: EngineJob) -> list[Emitted]:
        text = job.work
        if isinstance(text, TokenizeJob):
            done = Done(FinishReason.STOP, 0, 0, 0, 0.0)
            return [(job.job_id, payload) for payload in (Started(0, 0), _tokenized(text), done)]
        if not isinstance(text, TextJob):
            raise JobError(400, f"the echo engine takes text, not {kind_of(text)}", "model")
        words = _prompt_of(text).split() or ["echo"]
        tokens = text.max_tokens if text.max_tokens is not None else DEFAULT_TOKENS
        sent = len(job.generated)
        shown = text.prompt_tokens or words
        poison = poison_in(words)
        self._waiting.append(_Echo(job.job_id, shown, tokens, time.monotonic(), poison, sent, text.tells_prompt))
        return []

    def cancel(self, job_id: str) -> None:
        self._running = [echo for echo in self._running if echo.job_id != job_id]
        self._waiting = deque(echo for echo in self._waiting if echo.job_id != job_id)

    def has_work(self) -> bool:
        return bool(self._running or self._waiting)

    def step(self) -> list[Emitted]:
        if self._step_s:
            time.sleep(self._step_s)
        self._steps += 1
        emitted: list[Emitted] = []
        while self._waiting and len(self._running) < self._slots:
            echo = self._waiting.popleft()
            self._running.append(echo)
            prompt_ids = list(range(len(echo.words))) if echo.tells_prompt else []
            emitted.append((echo.job_id, Started(len(echo.words), 0, [], prompt_ids)))
        for echo in list(self._running):
            emitted += self._advance(echo)
        return emitted

    def stats(self) -> EngineStats:
        return EngineStats(
            running=len(self._running),
            waiting=len(self._waiting),
            generated_tokens=self._generated,
            steps=self._steps,
        )

    def close(self) -> None:
        self._running.clear()
        self._waiting.clear()

    def _advance(self, echo: _Echo) -> list[Emitted]:
        emitted: list[Emitted] = []
        echo.poison.taste(echo.sent)
        if echo.sent < echo.tokens:
            if echo.sent == 0:
                echo.ttft_s = time.monotonic() - echo.received_at_s
            index = echo.sent % len(echo.words)
            emitted.append((echo.job_id, Tokens(f"{echo.words[index]} ", [index])))
            echo.sent += 1
            self._generated += 1
        if echo.sent >= echo.tokens:
            self._running.remove(echo)
            done = Done(FinishReason.LENGTH, len(echo.words), 0, echo.sent, echo.ttft_s)
            emitted.append((echo.job_id, done))
        return emitted


def create(model: ModelSettings, _threads: int, _device: str) -> EchoEngine:
    """The engine of one worker, not loaded yet."""
    return EchoEngine(slots=model.slots, step_s=model.step_s)


def _tokenized(job: TokenizeJob) -> Tokenized:
    """The words of a prompt; their ids are their places. The text of ids are their numbers."""
    words = _prompt_of(job.text).split()
    ids = job.text.prompt_tokens or list(range(len(words)))
    match job.output:
        case TokenOutput.COUNT:
            return Tokenized(len(ids), CONTEXT_TOKENS)
        case TokenOutput.IDS:
            return Tokenized(len(ids), CONTEXT_TOKENS, ids)
        case TokenOutput.PIECES:
            return Tokenized(len(ids), CONTEXT_TOKENS, ids, [word.encode() for word in words])
        case TokenOutput.TEXT:
            return Tokenized(len(ids), CONTEXT_TOKENS, text=" ".join(map(str, ids)))
        case TokenOutput.ENDS:
            return Tokenized(len(ids), CONTEXT_TOKENS, pieces=[b"", b""])


def _prompt_of(job: TextJob) -> str:
    if job.messages:
        return " ".join(str(message.get("content") or "") for message in job.messages)
    return job.prompt or ""
