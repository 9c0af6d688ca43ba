"""The text engine without a model: requests are prepared and answers drawn as it does, from logits that are noise."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from msgspec.structs import replace

from scripts.formats.vocabularies import TriedVocabulary
from shared.wire.jobs import TextJob
from shared.wire.payloads import FinishReason, JobError, Tokens
from workers.chat.model_chat import LearntChat, Prompt
from workers.engine import EngineJob
from workers.text.chats import ModelChats, ReasoningOptions
from workers.text.constraints.compiler import GrammarCompiler
from workers.text.generation import Generation
from workers.text.media.reading import MediaReader
from workers.text.preparation import JobPreparer
from workers.text.prompts.prompt_tokens import PromptTokens
from workers.text.sandbox.attempt import Limits, PreparationAttempt
from workers.text.sandbox.messages import (
    Compile,
    Compiled,
    DecodedFile,
    Learn,
    Learned,
    Render,
    Rendered,
    Task,
    TaskRefused,
    Template,
)
from workers.text.sandbox.sandbox import Sandbox
from workers.text.sandbox.workbench import Workbench
from workers.text.sequence import Sequence

CONTEXT_TOKENS = 8192
_LIMITS = Limits(cpu_s=60.0, memory_bytes=1 << 30)
_NEEDED = re.compile(r"expected about (\d+) tokens")
_NOISE = 50_000
"""Different beginnings of the noise."""


@dataclass(slots=True)
class DrawnAnswer:
    """An answer: its text, its thought, its calls (names and texts of arguments), and all its tokens as one text.

    ``strays`` are special tokens that are no markers of the format.
    """

    words: str = ""
    thought: str = ""
    calls: list[list[str]] = field(default_factory=list)
    raw: str = ""
    tokens: int = 0
    max_tokens: int = 0
    end: FinishReason | None = None
    strays: list[str] = field(default_factory=list)


class _Here(Sandbox):
    """Does the tasks of a sandbox in this process."""

    def __init__(self, workbench: Workbench) -> None:
        self._workbench = workbench

    def learn(self, source: str, attempt: PreparationAttempt) -> LearntChat:
        reply = self._done(Learn(source))
        assert isinstance(reply, Learned)
        return reply.chat

    def render(self, task: Render, attempt: PreparationAttempt) -> Prompt:
        reply = self._done(task)
        assert isinstance(reply, Rendered)
        return reply.prompt

    def compile(self, task: Compile, attempt: PreparationAttempt) -> Compiled:
        reply = self._done(task)
        assert isinstance(reply, Compiled)
        return reply

    def _done(self, task: Task) -> Learned | Rendered | Compiled | DecodedFile:
        reply = self._workbench.do(task)
        if isinstance(reply, TaskRefused):
            raise JobError(reply.failed.status, reply.failed.message, reply.failed.param, reply.failed.code)
        return reply


class NoiseEngine:
    """Answers chats with noise, for one vocabulary and any template."""

    def __init__(self, vocabulary: TriedVocabulary) -> None:
        self._vocabulary = vocabulary
        self._tokens = vocabulary.tokens
        self._compiler = GrammarCompiler(self._tokens)
        self._sandbox = _Here(Workbench(self._tokens, self._compiler))
        self._generation = Generation(self._tokens)
        self._attempt = PreparationAttempt(_LIMITS)
        self._noise = np.random.default_rng(0).gumbel(size=self._tokens.size + _NOISE).astype(np.float32)
        special = self._tokens.special_texts()
        self._special = {self._tokens.special_token(text): text for text in special.control | special.user_defined}
        self._chats: dict[str, LearntChat] = {}

    def chat(self, source: str) -> LearntChat:
        """What a template tells."""
        if source not in self._chats:
            self._chats[source] = self._sandbox.learn(source, self._attempt)
        return self._chats[source]

    def answer(self, source: str, job: TextJob, seed: int) -> DrawnAnswer:
        """The answer to a job with this template. A budget that is refused as too small is taken as it must be.

        The same seed gives the same answer.

        Raises:
            JobError: the job was refused, or its answer broken off.
        """
        template = Template(source, self.chat(source))
        chats = ModelChats(self._tokens, template, template, (), ReasoningOptions())
        prompts = PromptTokens(self._tokens, chats, self._sandbox, MediaReader(self._sandbox, None, ()))
        preparer = JobPreparer(self._tokens, chats, prompts, self._sandbox, self._compiler, CONTEXT_TOKENS)
        try:
            sequence = preparer.prepare(EngineJob("job", job), self._attempt)
        except JobError as error:
            needed = _NEEDED.search(error.failed.message)
            if needed is None:
                raise
            job = replace(job, max_tokens=int(needed[1]))
            sequence = preparer.prepare(EngineJob("job", job), self._attempt)
        return self._generate(sequence, np.random.default_rng(seed))

    def _generate(self, sequence: Sequence, draw: np.random.Generator) -> DrawnAnswer:
        answer = DrawnAnswer(max_tokens=sequence.max_tokens)
        biases = self._vocabulary.biases_with(sequence.shown)
        self._generation.start(sequence)
        if sequence.forced_start is not None:
            _add(answer, sequence.forced_start)
        while answer.end is None:
            begin = int(draw.integers(_NOISE))
            logits = self._noise[begin : begin + self._tokens.size] + biases
            sent, answer.end = self._generation.advance(sequence, logits)
            if sent is not None:
                _add(answer, sent)
        tokens = sequence.tokens[sequence.prompt_length :]
        answer.tokens = len(tokens)
        answer.raw = b"".join(self._tokens.piece(token, special=True) for token in tokens).decode("utf-8", "replace")
        if sequence.constraint is not None:
            strays = {token for token in tokens if token in self._special} - sequence.shown - self._tokens.eog
            answer.strays = [self._special[token] for token in sorted(strays)]
        return answer


def _add(answer: DrawnAnswer, sent: Tokens) -> None:
    answer.words += sent.text
    answer.thought += sent.reasoning
    for delta in sent.tool_calls:
        if delta.name is not None:
            answer.calls.append([delta.name, ""])
        answer.calls[delta.index][1] += delta.arguments


def parameters_of(job: TextJob) -> dict[str, Any]:
    """The schemas of a job's functions by name."""
    return {tool["function"]["name"]: tool["function"]["parameters"] for tool in job.tools}
