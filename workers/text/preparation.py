"""Makes a sequence from a job: renders, tokenises, compiles the constraint, checks the limits."""

from __future__ import annotations

import json

from shared.kinds import kind_of
from shared.wire.jobs import TextJob, TokenizeJob, Work
from shared.wire.payloads import JobError
from workers.chat.model_chat import Prompt
from workers.engine import EngineJob
from workers.text.cache.pseudo_tokens import text_only
from workers.text.chats import AnswerReading, ModelChats, offered_tools
from workers.text.constraints.closing import MAX_CLOSING_TOKENS, ClosingGuard, closing_growth
from workers.text.constraints.compiler import GrammarCompiler
from workers.text.constraints.constraint import TokenConstraint
from workers.text.grammars import GrammarStore
from workers.text.media.markers import has_media
from workers.text.media.reading import TooManyTokens
from workers.text.output.assembler import TextAssembler
from workers.text.output.prompt_echo import PromptEcho, echo_of_text, echo_of_tokens
from workers.text.prompts.last_turn import last_turn
from workers.text.prompts.prompt_tokens import PromptContent, PromptParts, PromptTokens
from workers.text.sampling.dry import RepetitionPenalty, has_dry
from workers.text.sampling.sampler import Sampler
from workers.text.sandbox.attempt import PreparationAttempt
from workers.text.sandbox.sandbox import Sandbox
from workers.text.sequence import Sequence
from workers.text.vocabulary import Vocabulary

MAX_TOKEN_CHARACTERS = 16
"""A predicted answer that is longer than the context with such tokens is cut before it is tokenised."""


class JobPreparer:
    """Makes sequences for one model. It keeps no state of jobs, so several threads may use it.

    With ``finds_turns``, they know where the last turn of a chat begins.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        chats: ModelChats,
        prompts: PromptTokens,
        sandbox: Sandbox,
        compiler: GrammarCompiler,
        context_tokens: int,
        finds_turns: bool = False,
    ) -> None:
        self._vocabulary = vocabulary
        self._chats = chats
        self._prompts = prompts
        self._grammars = GrammarStore(sandbox, compiler)
        self._context_tokens = context_tokens
        self._finds_turns = finds_turns

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
        given = job.messages
        parts = self._prompts.rendered(job, attempt)
        job, chat = parts.job, parts.chat
        _check_echo(job, parts)
        self._check_length(job, ((job.prompt or "") if chat is None else chat.text) + (job.suffix or ""))
        content = self._content(parts, engine_job, attempt)
        prompt = content.tokens or [max(self._vocabulary.bos, 0)]
        max_tokens = self._fit(job, len(prompt))
        self._check_bias(job)
        constraint = self._constraint(job, chat, attempt)
        if constraint is not None:
            _check_budget(constraint, max_tokens)
        reading = AnswerReading() if chat is None else self._chats.reading(job, chat)
        stop = job.stop + ([] if chat is None else list(self._chats.stop))
        echo = self._echo(job, prompt) if job.echo else None
        return Sequence(
            job_id=engine_job.job_id,
            job=job,
            tokens=prompt,
            prompt_length=len(prompt),
            max_tokens=max_tokens,
            sampler=self._sampler(engine_job, job, prompt),
            assembler=TextAssembler(stop, reading.parser, b"" if echo is None else echo.unfinished),
            constraint=constraint,
            closing_guard=_guard(constraint, job),
            shown=reading.shown,
            budget=reading.budget,
            warnings=[] if constraint is None else constraint.grammar.warnings,
            echo=echo,
            prediction=self._prediction(job),
            last_turn=last_turn(given, prompt, self._vocabulary) if self._finds_turns else 0,
            media=content.media,
            echoed=len(prompt) if engine_job.generated else min(engine_job.delivered, len(prompt)),
        )

    def _content(self, parts: PromptParts, engine_job: EngineJob, attempt: PreparationAttempt) -> PromptContent:
        if parts.markers is not None:
            self._constraint(parts.job, parts.chat, attempt)  # if it needs time, before files are read twice
        try:
            return self._prompts.content(parts, engine_job.blobs, attempt, self._context_tokens)
        except TooManyTokens as error:
            raise self._too_long(parts.job, f"at least {error.tokens}") from None

    def _sampler(self, engine_job: EngineJob, job: TextJob, prompt: list[int]) -> Sampler:
        text = text_only(prompt)  # pictures repeat nothing that could be said
        repetition = RepetitionPenalty(job.sampling, self._vocabulary, text) if has_dry(job.sampling) else None
        return Sampler(job.sampling, self._vocabulary.size, repetition, engine_job.mirostat_mu)

    def _prediction(self, job: TextJob) -> list[int]:
        """The tokens of the expected answer, as far as there may be one."""
        text = job.prediction[: self._context_tokens * MAX_TOKEN_CHARACTERS]
        return self._vocabulary.tokenize_inner(text, parse_special=False) if text else []

    def _echo(self, job: TextJob, prompt: list[int]) -> PromptEcho:
        if job.prompt is not None:  # special tokens are part of a text
            return echo_of_text(job.prompt, [self._vocabulary.piece(token, special=True) for token in prompt])
        return echo_of_tokens([self._vocabulary.piece(token) for token in prompt])

    def _check_length(self, job: TextJob, text: str) -> None:
        """Refuse a text that is certainly too long without tokenising it, which would delay other jobs by seconds."""
        if len(text) < self._context_tokens:
            return
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
        """OpenAI's words come first, since programs that shorten their chats then look for them, or for the code."""
        param, code = "prompt" if job.messages is None else "messages", "context_length_exceeded"
        message = (
            f"This model's maximum context length is {self._context_tokens} tokens. However, your {param} resulted in "
            f"{tokens} tokens. Please reduce the length of the {param}. ({code}: {param}: expected at most "
            f"{self._context_tokens - 1} tokens, got {tokens})"
        )
        return JobError(400, message, param, code)

    def _check_bias(self, job: TextJob) -> None:
        for token in job.sampling.logit_bias:
            self._prompts.check_token(token, "logit_bias")

    def _constraint(self, job: TextJob, chat: Prompt | None, attempt: PreparationAttempt) -> TokenConstraint | None:
        task = self._chats.grammar(job, chat)
        if task is None:
            return None
        constraint = self._grammars.constraint(task, attempt)
        if chat is not None and chat.continued:
            self._begin(constraint, chat.continued)
        return constraint

    def _begin(self, constraint: TokenConstraint, continued: list[str]) -> None:
        """Tell a constraint how the answer begins."""
        tokens = self._vocabulary.tokenize_pieces(continued, add_special=False)
        if not constraint.takes(tokens):
            expected = f"a last message that begins an answer which {constraint.param} allows"
            raise JobError(400, f"messages: expected {expected}, got another one", "messages")
        for token in tokens:
            constraint.accept(token)


def has_grammar(work: Work) -> bool:
    """Whether the answer to a job is constrained."""
    return isinstance(work, TextJob) and bool(work.constraint or offered_tools(work))


def has_files(work: Work) -> bool:
    """Whether the chat of a job has pictures or recordings."""
    text = work.text if isinstance(work, TokenizeJob) else work
    return isinstance(text, TextJob) and has_media(text.messages)


def _check_echo(job: TextJob, parts: PromptParts) -> None:
    """Refuse to echo what is no text."""
    if job.echo and parts.markers is not None:
        part = parts.markers.parts[0]
        raise JobError(400, f"{part.field}: expected text to echo, got a {part.noun}", part.field)


def _guard(constraint: TokenConstraint | None, job: TextJob) -> ClosingGuard | None:
    """None if the answer cannot be guarded: no closing was found, or only one that is too long."""
    closing = None if constraint is None else constraint.grammar.closing
    if constraint is None or closing is None or len(closing) > MAX_CLOSING_TOKENS:
        return None
    return ClosingGuard(constraint, _growth(job))


def _growth(job: TextJob) -> int:
    return closing_growth(json.dumps([offered_tools(job), job.constraint and job.constraint.value]))


def _check_budget(constraint: TokenConstraint, max_tokens: int) -> None:
    """Refuse a job whose answer cannot be complete within its budget, instead of cutting the answer off."""
    closing = constraint.grammar.closing
    if closing is not None and max_tokens < len(closing) <= MAX_CLOSING_TOKENS:
        expected = f"about {len(closing)} tokens or more for a complete answer"
        raise JobError(400, f"max_tokens: expected {expected}, got {max_tokens}", "max_tokens")
