"""Advances a sequence by its next tokens: constraint, draw, text, stop conditions, token budget."""

from __future__ import annotations

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from shared.wire.payloads import FinishReason, JobError, TokenLogprob, Tokens, ToolCallDelta
from workers.llama.native.vocabulary import Vocabulary
from workers.llama.sampling.logprobs import log_softmax, most_likely
from workers.llama.sequence import Sequence


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
        logprobs = None if sequence.job.top_logprobs is None else log_softmax(logits)
        tokens, reason = self._choose(sequence, logits)
        sent = self._append(sequence, tokens, logprobs)
        reason = reason or self._limit(sequence)
        if reason is FinishReason.LENGTH:
            _check_call_complete(sequence)
        if reason is not None:
            sent = replace(sent, text=sent.text + sequence.assembler.flush())
            reason = FinishReason.TOOL_CALLS if sequence.assembler.calls else reason
        return (sent if sent.token_ids or sent.text else None), reason

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

    def _choose(self, sequence: Sequence, logits: NDArray[np.float32]) -> tuple[list[int], FinishReason | None]:
        """Draw the next token; returns it with those that the grammar forces after it. No tokens at the end."""
        constraint = sequence.constraint
        if constraint is None:
            if sequence.job.ignore_eos:
                logits[list(self.vocabulary.eog)] = -np.inf
            token = sequence.sampler.sample(logits)
            if token in self.vocabulary.eog and not sequence.job.ignore_eos:
                return [], FinishReason.STOP
            return [token], None
        left = sequence.max_tokens - sequence.generated
        guard = sequence.closing_guard
        closing = None if guard is None else guard.closing(left)
        constraint.mask(logits)
        token = sequence.sampler.sample(logits)
        if token in self.vocabulary.eog:
            return [], FinishReason.STOP
        constraint.accept(token)
        if guard is not None and closing is not None and not guard.still_fits(left - 1):
            constraint.undo()
            for closing_token in closing:
                constraint.accept(closing_token)
            return closing, FinishReason.LENGTH
        forced = constraint.forced()[: left - 1]
        for forced_token in forced:
            constraint.accept(forced_token)
            sequence.sampler.accept(forced_token)
        return [token, *forced], FinishReason.STOP if constraint.ended else None

    def _append(self, sequence: Sequence, tokens: list[int], logprobs: NDArray[np.float64] | None) -> Tokens:
        text, deltas, rows = "", list[ToolCallDelta](), list[TokenLogprob]()
        for position, token in enumerate(tokens):
            sequence.tokens.append(token)
            new_text, new_deltas = sequence.assembler.push(self.vocabulary.piece(token, sequence.special_pieces))
            text += new_text
            deltas += new_deltas
            if logprobs is not None:
                rows.append(self._logprob(token, logprobs if position == 0 else None, sequence.job.top_logprobs or 0))
            if sequence.assembler.stopped:
                break
        return Tokens(text, list(tokens), rows, deltas)

    def _limit(self, sequence: Sequence) -> FinishReason | None:
        if sequence.assembler.stopped:
            return FinishReason.STOP
        return FinishReason.LENGTH if sequence.generated >= sequence.max_tokens else None

    def _logprob(self, token: int, logprobs: NDArray[np.float64] | None, top: int) -> TokenLogprob:
        """A token's log probability and ``top`` alternatives. A forced token has probability 1 and no alternatives."""
        raw = self.vocabulary.piece(token, special=True)
        text = raw.decode("utf-8", "replace")
        if logprobs is None:
            return TokenLogprob(text, raw, 0.0)
        likely = most_likely(logprobs, top)
        pieces = [(self.vocabulary.piece(other, special=True), float(logprobs[other])) for other in likely]
        alternatives = [(piece.decode("utf-8", "replace"), piece, value) for piece, value in pieces]
        return TokenLogprob(text, raw, float(logprobs[token]), alternatives)


def _check_call_complete(sequence: Sequence) -> None:
    if sequence.special_pieces and sequence.constraint is not None and not sequence.constraint.complete:
        message = f"max_tokens: expected enough tokens for a complete tool call, got {sequence.max_tokens}"
        raise JobError(400, message, "max_tokens")
