"""Makes a sequence from a job: renders, tokenises, compiles the constraint, checks the limits."""

from __future__ import annotations

import json
from typing import Any

from shared.kinds import kind_of
from shared.wire.jobs import TextJob, ToolChoice
from shared.wire.payloads import JobError
from workers.engine import EngineJob
from workers.llama.chat.template import ChatTemplate
from workers.llama.chat.tool_grammar import calls_grammar
from workers.llama.chat.tool_parser import ToolCallParser
from workers.llama.constraints.closing import ClosingGuard, closing_growth
from workers.llama.constraints.compiler import GrammarCompiler, tool_schema
from workers.llama.constraints.constraint import TokenConstraint
from workers.llama.native.vocabulary import Vocabulary
from workers.llama.sampling.sampler import Sampler
from workers.llama.sequence import Sequence
from workers.llama.text.assembler import TextAssembler
from workers.llama.text.prompt_echo import PromptEcho, echo_of_text, echo_of_tokens


class JobPreparer:
    """Makes sequences for one model. It keeps no state of jobs, so it may run beside the decode loop's thread."""

    def __init__(
        self, vocabulary: Vocabulary, template: ChatTemplate, compiler: GrammarCompiler, context_tokens: int
    ) -> None:
        self._vocabulary = vocabulary
        self._template = template
        self._compiler = compiler
        self._context_tokens = context_tokens

    def prepare(self, engine_job: EngineJob) -> Sequence:
        """Make a sequence that is ready to be scheduled.

        Raises:
            JobError: the model or its context cannot do the job.
        """
        job = engine_job.work
        if not isinstance(job, TextJob):
            raise JobError(400, f"model: expected a model for {kind_of(job)} requests, got one for text", "model")
        tools = _offered_tools(job)
        prompt = self._prompt_tokens(job, tools)
        max_tokens = self._fit(job, len(prompt))
        self._check_bias(job)
        constraint = self._constraint(job, tools)
        if constraint is not None:
            _check_budget(constraint, max_tokens)
        parser = None
        if tools:
            parser = ToolCallParser(self._template.tool_format, content_allowed=job.tool_choice is ToolChoice.AUTO)
        stop = job.stop + (self._template.stop if job.messages is not None else [])
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
            closing_guard=None if constraint is None else ClosingGuard(constraint, _growth(job, tools)),
            special_pieces=bool(tools),
            echo=echo,
            echoed=len(prompt) if engine_job.generated else min(engine_job.delivered, len(prompt)),
        )

    def _echo(self, job: TextJob, prompt: list[int]) -> PromptEcho:
        if job.prompt is not None:  # special tokens are part of a text
            return echo_of_text(job.prompt, [self._vocabulary.piece(token, special=True) for token in prompt])
        return echo_of_tokens([self._vocabulary.piece(token) for token in prompt])

    def _prompt_tokens(self, job: TextJob, tools: list[dict[str, Any]]) -> list[int]:
        if job.prompt_tokens is not None:
            for token in job.prompt_tokens:
                self._check_token(token, "prompt")
            tokens = list(job.prompt_tokens)
        elif job.messages is not None:
            pieces = self._template.render(job.messages, tools, job.template_options)
            self._check_length(job, "".join(pieces))
            bos = self._vocabulary.bos_text
            adds_bos = self._vocabulary.adds_bos and not (bos and pieces[0].startswith(bos))
            tokens = self._vocabulary.tokenize_pieces(pieces, add_special=adds_bos)
        else:
            text = job.prompt or ""
            self._check_length(job, text)
            tokens = self._vocabulary.tokenize(text, add_special=True, parse_special=job.parse_special)
        return tokens or [max(self._vocabulary.bos, 0)]

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

    def _constraint(self, job: TextJob, tools: list[dict[str, Any]]) -> TokenConstraint | None:
        if tools:
            return self._compiler.constrain(self._calls_grammar(job, tools), "tools")
        return None if job.constraint is None else self._compiler.compile(job.constraint)

    def _calls_grammar(self, job: TextJob, tools: list[dict[str, Any]]) -> str:
        functions = [tool["function"] for tool in tools]
        if job.tool_choice is ToolChoice.NAMED:
            functions = [function for function in functions if function["name"] == job.tool_name]
        given = {f["name"]: f.get("parameters") or {"properties": {}} for f in functions}
        for name, schema in given.items():
            self._compiler.check_schema({"type": "object", **schema}, f"tools: the parameters of {name!r}")
        parameters = {name: tool_schema(schema) for name, schema in given.items()}
        return calls_grammar(
            self._template.tool_format,
            parameters,
            parallel=job.parallel_tool_calls,
            content_allowed=job.tool_choice is ToolChoice.AUTO,
            special_token=self._vocabulary.special_token,
        )


def _offered_tools(job: TextJob) -> list[dict[str, Any]]:
    return [] if job.tool_choice is ToolChoice.NONE else job.tools


def _growth(job: TextJob, tools: list[dict[str, Any]]) -> int:
    return closing_growth(json.dumps(tools if tools else job.constraint and job.constraint.value))


def _check_budget(constraint: TokenConstraint, max_tokens: int) -> None:
    """Refuse a job whose answer cannot be complete within its budget, instead of cutting the answer off."""
    closing = constraint.closing()
    if closing is not None and len(closing) > max_tokens:
        expected = f"about {len(closing)} tokens or more for a complete answer"
        raise JobError(400, f"max_tokens: expected {expected}, got {max_tokens}", "max_tokens")
