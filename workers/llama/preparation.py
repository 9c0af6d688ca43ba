"""Makes a sequence from a job: renders, tokenises, compiles the constraint, checks the limits."""

from __future__ import annotations

import json
from typing import Any

from shared.kinds import kind_of
from shared.wire.jobs import TextJob, ToolChoice, Work
from shared.wire.payloads import JobError
from workers.engine import EngineJob
from workers.llama.chat.template import TemplateSource
from workers.llama.chat.tool_parser import ToolCallParser
from workers.llama.constraints.closing import MAX_CLOSING_TOKENS, ClosingGuard, closing_growth
from workers.llama.constraints.compiler import GrammarCompiler
from workers.llama.constraints.constraint import TokenConstraint
from workers.llama.grammars import GrammarStore, content_key, limit_error
from workers.llama.native.vocabulary import Vocabulary
from workers.llama.sampling.sampler import Sampler
from workers.llama.sandbox.attempt import PreparationAttempt
from workers.llama.sandbox.messages import Compile, Render
from workers.llama.sandbox.sandbox import LimitExceeded, Sandbox
from workers.llama.sequence import Sequence
from workers.llama.text.assembler import TextAssembler
from workers.llama.text.prompt_echo import PromptEcho, echo_of_text, echo_of_tokens


class JobPreparer:
    """Makes sequences for one model. It keeps no state of jobs, so several threads may use it."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        template: TemplateSource,
        sandbox: Sandbox,
        compiler: GrammarCompiler,
        context_tokens: int,
    ) -> None:
        self._vocabulary = vocabulary
        self._template = template
        self._tool_format = template.tool_format
        self._sandbox = sandbox
        self._grammars = GrammarStore(sandbox, compiler)
        self._context_tokens = context_tokens

    def prepare(self, engine_job: EngineJob, attempt: PreparationAttempt) -> Sequence:
        """Make a sequence that is ready to be scheduled.

        Raises:
            JobError: the model or its context cannot do the job, or it takes too much to prepare.
            NeedsTime: the quick attempt did not suffice.
            Cancelled: the attempt was cancelled.
        """
        job = engine_job.work
        if not isinstance(job, TextJob):
            raise JobError(400, f"model: expected a model for {kind_of(job)} requests, got one for text", "model")
        tools = _offered_tools(job)
        prompt = self._prompt_tokens(job, tools, attempt)
        max_tokens = self._fit(job, len(prompt))
        self._check_bias(job)
        constraint = self._constraint(job, tools, attempt)
        if constraint is not None:
            _check_budget(constraint, max_tokens)
        parser = None
        if tools:
            parser = ToolCallParser(self._tool_format, content_allowed=job.tool_choice is ToolChoice.AUTO)
        stop = job.stop + (list(self._template.stop) if job.messages is not None else [])
        echo = self._echo(job, prompt) if job.echo else None
        return Sequence(
            job_id=engine_job.job_id,
            job=job,
            tokens=prompt,
            prompt_length=len(prompt),
            max_tokens=max_tokens,
            sampler=Sampler(job.sampling, self._vocabulary.size),
            assembler=TextAssembler(stop, parser, b"" if echo is None else echo.unfinished),
            constraint=constraint,
            closing_guard=_guard(constraint, job, tools),
            special_pieces=bool(tools),
            echo=echo,
            echoed=len(prompt) if engine_job.generated else min(engine_job.delivered, len(prompt)),
        )

    def _echo(self, job: TextJob, prompt: list[int]) -> PromptEcho:
        if job.prompt is not None:  # special tokens are part of a text
            return echo_of_text(job.prompt, [self._vocabulary.piece(token, special=True) for token in prompt])
        return echo_of_tokens([self._vocabulary.piece(token) for token in prompt])

    def _prompt_tokens(self, job: TextJob, tools: list[dict[str, Any]], attempt: PreparationAttempt) -> list[int]:
        if job.prompt_tokens is not None:
            for token in job.prompt_tokens:
                self._check_token(token, "prompt")
            tokens = list(job.prompt_tokens)
        elif job.messages is not None:
            pieces = self._rendered(Render(job.messages, tools, job.template_options), attempt)
            self._check_length(job, "".join(pieces))
            bos = self._vocabulary.bos_text
            adds_bos = self._vocabulary.adds_bos and not (bos and pieces[0].startswith(bos))
            tokens = self._vocabulary.tokenize_pieces(pieces, add_special=adds_bos)
        else:
            text = job.prompt or ""
            self._check_length(job, text)
            tokens = self._vocabulary.tokenize(text, add_special=True, parse_special=job.parse_special)
        return tokens or [max(self._vocabulary.bos, 0)]

    def _rendered(self, task: Render, attempt: PreparationAttempt) -> list[str]:
        try:
            return self._sandbox.render(task, attempt)
        except LimitExceeded as exceeded:
            raise limit_error(exceeded.limit, attempt, content_key(task), "messages", "render") from None

    def _check_length(self, job: TextJob, text: str) -> None:
        """Refuse a text that is certainly too long without tokenising it, which would delay other jobs by seconds."""
        tokens = self._vocabulary.min_tokens(text)
        if tokens >= self._context_tokens:
            raise self._too_long(job, f"at least {tokens}")

    def _fit(self, job: TextJob, prompt_length: int) -> int:
        """The maximum number of tokens to generate."""
        room = self._context_tokens - prompt_length
        if room < 1:
            raise self._too_long(job, str(prompt_length))
        return room if job.max_tokens is None else min(job.max_tokens, room)

    def _too_long(self, job: TextJob, tokens: str) -> JobError:
        param = "prompt" if job.messages is None else "messages"
        limit = f"{self._context_tokens - 1} tokens in a context of {self._context_tokens}"
        return JobError(400, f"{param}: expected at most {limit}, got {tokens}", param, "context_length_exceeded")

    def _check_bias(self, job: TextJob) -> None:
        for token in job.sampling.logit_bias:
            self._check_token(token, "logit_bias")

    def _check_token(self, token: int, param: str) -> None:
        if not 0 <= token < self._vocabulary.size:
            expected = f"token ids from 0 to {self._vocabulary.size - 1}"
            raise JobError(400, f"{param}: expected {expected}, got {token}", param)

    def _constraint(
        self, job: TextJob, tools: list[dict[str, Any]], attempt: PreparationAttempt
    ) -> TokenConstraint | None:
        if tools:
            task = Compile(None, tools, job.tool_choice, job.tool_name, job.parallel_tool_calls)
        elif job.constraint is not None:
            task = Compile(job.constraint)
        else:
            return None
        return self._grammars.constraint(task, attempt)


def has_grammar(work: Work) -> bool:
    """Whether the answer to a job is constrained."""
    return isinstance(work, TextJob) and bool(work.constraint or _offered_tools(work))


def _offered_tools(job: TextJob) -> list[dict[str, Any]]:
    return [] if job.tool_choice is ToolChoice.NONE else job.tools


def _guard(constraint: TokenConstraint | None, job: TextJob, tools: list[dict[str, Any]]) -> ClosingGuard | None:
    """None if the answer cannot be guarded: no closing was found, or only one that is too long."""
    closing = None if constraint is None else constraint.grammar.closing
    if constraint is None or closing is None or len(closing) > MAX_CLOSING_TOKENS:
        return None
    return ClosingGuard(constraint, _growth(job, tools))


def _growth(job: TextJob, tools: list[dict[str, Any]]) -> int:
    return closing_growth(json.dumps(tools if tools else job.constraint and job.constraint.value))


def _check_budget(constraint: TokenConstraint, max_tokens: int) -> None:
    """Refuse a job whose answer cannot be complete within its budget, instead of cutting the answer off."""
    closing = constraint.grammar.closing
    if closing is not None and max_tokens < len(closing) <= MAX_CLOSING_TOKENS:
        expected = f"about {len(closing)} tokens or more for a complete answer"
        raise JobError(400, f"max_tokens: expected {expected}, got {max_tokens}", "max_tokens")
