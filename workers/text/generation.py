"""Advances a sequence by its next tokens: constraint, draw, text, stop conditions, token budget."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from shared.wire.jobs import ToolChoice
from shared.wire.payloads import FinishReason, JobError, TokenLogprob, Tokens
from workers.text.output.assembler import Said
from workers.text.sampling.logprobs import Logprobs
from workers.text.sequence import Sequence
from workers.text.vocabulary import Vocabulary

MAX_OVER_BUDGET_TOKENS = 8
"""How many tokens a thought may have beyond its budget, to complete a character or its own end."""


class _Choice(NamedTuple):
    """Tokens to append, the finish reason if they are the last ones, and the token that ended the answer, if any."""

    tokens: list[int]
    reason: FinishReason | None = None
    end: int | None = None


class Generation:
    """Advances the sequences of one model."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary

    def advance(self, sequence: Sequence, logits: NDArray[np.float32]) -> tuple[Tokens | None, FinishReason | None]:
        """Draw the next token from logits, shape ``(vocabulary,)``, which are changed in place.

        Returns:
            What to send, and the finish reason if the sequence has ended.

        Raises:
            JobError: 400, the token budget was spent before a tool call was complete.
        """
        if sequence.max_tokens == 0:  # only the prompt's log probabilities were wanted
            return None, FinishReason.LENGTH
        logprobs = None if sequence.job.top_logprobs is None else Logprobs(logits)
        tokens, reason, end = self._choose(sequence, logits)
        sent = self._append(sequence, tokens, logprobs)
        if end is not None and logprobs is not None and sequence.echo is not None:
            sent.logprobs.append(self._logprob(end, logprobs, sequence.job.top_logprobs or 0, _offset(sequence)))
        reason = reason or self._limit(sequence)
        if reason is FinishReason.LENGTH:
            _check_call_complete(sequence)
        if reason is not None:
            sent = _with_rest(sent, sequence.assembler.flush())
            reason = FinishReason.TOOL_CALLS if sequence.assembler.calls else reason
        return (sent if sent.token_ids or sent.text or sent.reasoning or sent.logprobs else None), reason

    def echo(self, sequence: Sequence, start: int, logits: NDArray[np.float32]) -> Tokens:
        """The next part of an echoed prompt, with the log probabilities of its tokens.

        Args:
            sequence: the sequence; its ``echoed`` is moved on.
            start: the position of the first row of ``logits``, that of the token before the next one to send.
            logits: of consecutive tokens, shape ``(tokens, vocabulary)``.
        """
        assert sequence.echo is not None
        first, sequence.echoed = sequence.echoed, min(start + len(logits) + 1, sequence.prompt_length)
        rows = []
        for position in range(first, sequence.echoed):
            token, offset = sequence.tokens[position], sequence.echo.offsets[position]
            if position == 0:  # nothing precedes it
                raw = self.vocabulary.piece(token, special=True)
                rows.append(TokenLogprob(raw.decode("utf-8", "replace"), raw, None, offset=offset))
            else:
                logprobs = Logprobs(logits[position - 1 - start])
                rows.append(self._logprob(token, logprobs, sequence.job.top_logprobs or 0, offset))
        return Tokens(sequence.echo.part(first, sequence.echoed), [], rows)

    def start(self, sequence: Sequence) -> None:
        """Append the tokens that the grammar forces first, so that they are computed together with the prompt.

        Does nothing for jobs with log probabilities or stop strings, which need a step for each token.
        """
        constraint = sequence.constraint
        if constraint is None or sequence.job.top_logprobs is not None or sequence.job.stop:
            return
        forced = constraint.forced()[: sequence.max_tokens - 1]
        for token in forced[:-1]:  # the last one may be the end of the text
            constraint.accept(token)
            sequence.sampler.accept(token)
        if len(forced) > 1:
            sequence.forced_start = self._append(sequence, forced[:-1], None)

    def take_over(self, sequence: Sequence, tokens: list[int]) -> FinishReason | None:
        """Append tokens that another worker generated and sent; returns the finish reason if they end the sequence."""
        for token in tokens:
            sequence.sampler.accept(token)
            if sequence.constraint is not None:
                sequence.constraint.accept(token)
        self._append(sequence, tokens, None)
        if sequence.constraint is not None and sequence.constraint.ended:
            return FinishReason.STOP
        return self._limit(sequence)

    def _choose(self, sequence: Sequence, logits: NDArray[np.float32]) -> _Choice:
        """Draw the next token; returns it with those that the grammar forces after it."""
        constraint = sequence.constraint
        if (end := self._thought_end(sequence)) is not None:
            return _Choice(end)
        if constraint is None:
            if sequence.job.ignore_eos:
                logits[list(self.vocabulary.eog)] = -np.inf
            token = sequence.sampler.sample(logits)
            if token in self.vocabulary.eog and not sequence.job.ignore_eos:
                return _Choice([], FinishReason.STOP, token)
            return _Choice([token])
        left = sequence.max_tokens - sequence.generated
        guard = sequence.closing_guard
        closing = None if guard is None else guard.closing(left)
        constraint.mask(logits)
        token = sequence.sampler.sample(logits)
        if token in self.vocabulary.eog:
            return _Choice([], FinishReason.STOP, token)
        constraint.accept(token)
        if guard is not None and closing is not None and not guard.still_fits(left - 1):
            constraint.undo()
            for closing_token in closing:
                constraint.accept(closing_token)
            return _Choice(closing, FinishReason.LENGTH)
        forced = constraint.forced()[: left - 1]
        if guard is not None and not guard.is_safe(left - 1 - len(forced)):
            forced = []  # drawn one by one, each with a look at the closing
        for forced_token in forced:
            constraint.accept(forced_token)
            sequence.sampler.accept(forced_token)
        return _Choice([token, *forced], FinishReason.STOP if constraint.ended else None)

    @staticmethod
    def _thought_end(sequence: Sequence) -> list[int] | None:
        """The tokens that end a thought which has used up its budget; None as long as it may go on."""
        budget, assembler = sequence.budget, sequence.assembler
        if budget is None or sequence.reasoning_tokens < budget.tokens or not assembler.thinking:
            return None
        over = sequence.reasoning_tokens - budget.tokens
        if over < MAX_OVER_BUDGET_TOKENS and not assembler.between_texts:
            return None
        left = sequence.max_tokens - sequence.generated - len(budget.end)
        if left <= 0:
            return None
        constraint, guard = sequence.constraint, sequence.closing_guard
        if constraint is not None:
            if not constraint.takes(budget.end):
                return None
            for token in budget.end:
                constraint.accept(token)
            if guard is not None and not guard.is_safe(left) and not guard.still_fits(left):
                constraint.undo(len(budget.end))  # a shorter end is left for the closing
                return None
        for token in budget.end:
            sequence.sampler.accept(token)
        return budget.end

    def _append(self, sequence: Sequence, tokens: list[int], logprobs: Logprobs | None) -> Tokens:
        said, rows = Said(), list[TokenLogprob]()
        for position, token in enumerate(tokens):
            sequence.tokens.append(token)
            if logprobs is not None:
                row, top = (logprobs if position == 0 else None), sequence.job.top_logprobs or 0
                rows.append(self._logprob(token, row, top, _offset(sequence)))
            was_thinking = sequence.assembler.thinking
            said += sequence.assembler.push(self.vocabulary.piece(token, token in sequence.shown))
            if was_thinking or sequence.assembler.thinking:
                sequence.reasoning_tokens += 1
            if sequence.assembler.stopped:
                break
        return Tokens(said.text, list(tokens), rows, said.calls, said.reasoning, sequence.sampler.mirostat_mu)

    def _limit(self, sequence: Sequence) -> FinishReason | None:
        if sequence.assembler.stopped:
            return FinishReason.STOP
        return FinishReason.LENGTH if sequence.generated >= sequence.max_tokens else None

    def _logprob(self, token: int, logprobs: Logprobs | None, top: int, offset: int) -> TokenLogprob:
        """A token's log probability and ``top`` alternatives. A forced token has probability 1 and no alternatives."""
        raw = self.vocabulary.piece(token, special=True)
        text = raw.decode("utf-8", "replace")
        if logprobs is None:
            return TokenLogprob(text, raw, 0.0, offset=offset)
        likely = logprobs.most_likely(top)
        pieces = [(self.vocabulary.piece(other, special=True), logprobs.of(other)) for other in likely]
        alternatives = [(piece.decode("utf-8", "replace"), piece, value) for piece, value in pieces]
        return TokenLogprob(text, raw, logprobs.of(token), alternatives, offset)


def _offset(sequence: Sequence) -> int:
    """The number of whole characters before the next token, with those of an echoed prompt."""
    return sequence.assembler.characters + (len(sequence.echo.text) if sequence.echo is not None else 0)


def _with_rest(sent: Tokens, rest: Said) -> Tokens:
    return replace(
        sent,
        text=sent.text + rest.text,
        reasoning=sent.reasoning + rest.reasoning,
        tool_calls=sent.tool_calls + rest.calls,
    )


def _check_call_complete(sequence: Sequence) -> None:
    """Refuse to cut a call off. An answer that may be words is cut off within them, or within its thought."""
    job, constraint = sequence.job, sequence.constraint
    if not job.tools or job.tool_choice is ToolChoice.NONE or constraint is None or constraint.complete:
        return
    if sequence.assembler.calls or job.tool_choice is not ToolChoice.AUTO:
        message = f"max_tokens: expected enough tokens for a complete tool call, got {sequence.max_tokens}"
        raise JobError(400, message, "max_tokens")
