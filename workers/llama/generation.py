"""What happens to a sequence when its next token is chosen: constraint, text, stop conditions, budget."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from shared.wire.payloads import FinishReason, JobError, TokenLogprob, Tokens, ToolCallDelta
from workers.llama.native.vocabulary import Vocabulary
from workers.llama.sampling.sampler import log_softmax
from workers.llama.sequence import Sequence


class Generation:
    """The rules by which the sequences of one model grow."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary

    def advance(self, sequence: Sequence, logits: NDArray[np.float32]) -> tuple[Tokens | None, FinishReason | None]:
        """Draw the next token from logits, shape ``(vocabulary,)``, which are changed in place.

        Returns:
            What there is to send, and why the sequence has ended if it has.

        Raises:
            JobError: 400, the budget is spent within a function call, whose schema asks for more.
        """
        logprobs = None if sequence.job.top_logprobs is None else log_softmax(logits)
        tokens, reason = self._choose(sequence, logits)
        sent = self._take(sequence, tokens, logprobs)
        reason = reason or self._limit(sequence)
        if reason is FinishReason.LENGTH:
            _refuse_half_a_call(sequence)
        if reason is not None:
            sent = replace(sent, text=sent.text + sequence.assembler.flush())
            reason = FinishReason.TOOL_CALLS if sequence.assembler.calls else reason
        return (sent if sent.token_ids or sent.text else None), reason

    def open(self, sequence: Sequence) -> None:
        """Put the tokens with which the grammar makes every answer begin behind the prompt, to be computed with it.

        Answers grow step by step from their first token where its probability is asked for, or stop words are given.
        """
        constraint = sequence.constraint
        if constraint is None or sequence.job.top_logprobs is not None or sequence.job.stop:
            return
        forced = constraint.forced()[: sequence.max_tokens - 1]
        for token in forced[:-1]:  # the last one may be the end of all
            constraint.accept(token)
            sequence.sampler.accept(token)
        if len(forced) > 1:
            sequence.opening = self._take(sequence, forced[:-1], None)

    def replay(self, sequence: Sequence, tokens: list[int]) -> FinishReason | None:
        """Go through tokens that were generated and sent before, so that what follows continues them."""
        for token in tokens:
            sequence.sampler.accept(token)
            if sequence.constraint is not None:
                sequence.constraint.accept(token)
        self._take(sequence, tokens, None)
        if sequence.constraint is not None and sequence.constraint.ended:
            return FinishReason.STOP
        return self._limit(sequence)

    def _choose(self, sequence: Sequence, logits: NDArray[np.float32]) -> tuple[list[int], FinishReason | None]:
        """The next token and those that the grammar forces after it, none if the sequence ends here."""
        constraint = sequence.constraint
        if constraint is None:
            if sequence.job.ignore_eos:
                logits[list(self._vocabulary.ends)] = -np.inf
            token = sequence.sampler.sample(logits)
            if token in self._vocabulary.ends and not sequence.job.ignore_eos:
                return [], FinishReason.STOP
            return [token], None
        left = sequence.max_tokens - sequence.generated
        guard = sequence.closing_guard
        way_out = None if guard is None else guard.way_out(left)
        constraint.mask(logits)
        token = sequence.sampler.sample(logits)
        if token in self._vocabulary.ends:
            return [], FinishReason.STOP
        constraint.accept(token)
        if guard is not None and way_out is not None and not guard.still_fits(left - 1):
            constraint.undo()
            for closing_token in way_out:
                constraint.accept(closing_token)
            return way_out, FinishReason.LENGTH
        forced = constraint.forced()[: left - 1]
        for token_forced in forced:
            constraint.accept(token_forced)
            sequence.sampler.accept(token_forced)
        return [token, *forced], FinishReason.STOP if constraint.ended else None

    def _take(self, sequence: Sequence, tokens: list[int], logprobs: NDArray[np.float64] | None) -> Tokens:
        text, deltas, rows = "", list[ToolCallDelta](), list[TokenLogprob]()
        for position, token in enumerate(tokens):
            sequence.tokens.append(token)
            words, calls = sequence.assembler.push(self._vocabulary.piece(token, sequence.special_pieces))
            text += words
            deltas += calls
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
        """A forced token has no distribution: its probability is 1."""
        raw = self._vocabulary.piece(token, special=True)
        text = raw.decode("utf-8", "replace")
        if logprobs is None:
            return TokenLogprob(text, raw, 0.0)
        best = np.argpartition(logprobs, -top)[-top:] if top else np.empty(0, np.int64)
        best = best[np.argsort(-logprobs[best])]
        pieces = [(self._vocabulary.piece(int(i), special=True), float(logprobs[i])) for i in best]
        alternatives = [(piece.decode("utf-8", "replace"), piece, value) for piece, value in pieces]
        return TokenLogprob(text, raw, float(logprobs[token]), alternatives)


def _refuse_half_a_call(sequence: Sequence) -> None:
    if sequence.special_pieces and sequence.constraint is not None and not sequence.constraint.complete:
        message = f"max_tokens: after {sequence.max_tokens} tokens the call is not complete; its schema asks for more"
        raise JobError(400, message, "max_tokens")
