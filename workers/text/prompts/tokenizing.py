"""Jobs that only want to know tokens."""

from __future__ import annotations

from collections.abc import Sequence

from shared.wire.jobs import TokenizeJob, TokenOutput
from shared.wire.payloads import JobError, Tokenized
from workers.text.media.reading import TooManyTokens
from workers.text.prompts.prompt_tokens import PromptParts, PromptTokens
from workers.text.sandbox.attempt import PreparationAttempt
from workers.text.vocabulary import Vocabulary

MAX_LISTED = {TokenOutput.IDS: 1024 * 1024, TokenOutput.PIECES: 256 * 1024}
"""Tokens that are listed, and with their texts. Others count any number."""

COUNTED_CONTEXTS = 8
"""So many times the context's tokens are counted in a chat with media: what a projector makes of them takes memory."""


class Tokenizer:
    """Counts and shows the tokens of one model's prompts, however long. Several threads may use it."""

    def __init__(self, vocabulary: Vocabulary, prompts: PromptTokens, context_tokens: int) -> None:
        self._vocabulary = vocabulary
        self._prompts = prompts
        self._context_tokens = context_tokens

    def tokenize(self, job: TokenizeJob, blobs: Sequence[memoryview], attempt: PreparationAttempt) -> Tokenized:
        """What a job wants to know; its files are in ``blobs``.

        Raises:
            JobError: 400, the template refuses the chat, it takes too much to render, there is no such token, there are
                too many to list, or a chat with pictures or recordings is to be listed.
            NeedsTime: the quick attempt did not suffice.
            Cancelled: the attempt was cancelled.
        """
        if job.output is TokenOutput.TEXT:
            for token in job.text.prompt_tokens or ():
                self._prompts.check_token(token, "tokens")
        chat = self._prompts.rendered(job.text, attempt)
        tokens = self._tokens(chat, blobs, attempt, job.add_special)
        count, context = len(tokens), self._context_tokens
        _check_number(count, job.output)
        if chat.markers is not None and job.output in (TokenOutput.IDS, TokenOutput.PIECES, TokenOutput.TEXT):
            part = chat.markers.parts[0]
            raise JobError(400, f"{part.field}: expected text to list tokens of, got a {part.noun}", part.field)
        match job.output:
            case TokenOutput.COUNT:
                return Tokenized(count, context)
            case TokenOutput.IDS:
                return Tokenized(count, context, tokens)
            case TokenOutput.PIECES:
                pieces = [self._vocabulary.piece(token, special=True) for token in tokens]
                return Tokenized(count, context, tokens, pieces)
            case TokenOutput.TEXT:
                return Tokenized(count, context, text=self._vocabulary.detokenize(tokens))
            case TokenOutput.ENDS:
                ends = [self._vocabulary.bos_text.encode(), self._vocabulary.eos_text.encode()]
                return Tokenized(count, context, pieces=ends)

    def _tokens(
        self, parts: PromptParts, blobs: Sequence[memoryview], attempt: PreparationAttempt, add_special: bool
    ) -> list[int]:
        most = COUNTED_CONTEXTS * self._context_tokens
        try:
            return self._prompts.content(parts, blobs, attempt, most, add_special).tokens
        except TooManyTokens as error:
            expected = f"messages: expected at most {most} tokens with pictures and recordings, got at least"
            raise JobError(400, f"{expected} {error.tokens}", "messages") from None


def _check_number(count: int, output: TokenOutput) -> None:
    most = MAX_LISTED.get(output)
    if most is not None and count > most:
        param = "content" if output is TokenOutput.IDS else "with_pieces"
        shown = "" if output is TokenOutput.IDS else " with their texts"
        raise JobError(400, f"{param}: expected at most {most} tokens to list{shown}, got {count}", param)
