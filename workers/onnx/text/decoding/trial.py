"""Tries a decoder when it is made: a graph that is not what its settings say fails then, and not in a request."""

from __future__ import annotations

from workers.engine import EngineLoadError
from workers.text.model import BatchDecoder, BatchSlice

MAX_REASON = 300
"""Characters of a library's message."""


def try_decoder(decoder: BatchDecoder, vocabulary_size: int, sequences: int, context_tokens: int) -> None:
    """Compute the first token of a text, and the last one of a context beside it if there is room for two sequences.

    The cache must be empty, and is so afterwards.

    Raises:
        EngineLoadError: the graph cannot do that.
    """
    first = BatchSlice(0, 0, [0], 1)
    _try(decoder, vocabulary_size, [first], "the graph does not compute what the settings beside it say")
    last = BatchSlice(min(sequences, 2) - 1, context_tokens - 1, [0], 1)
    problem = f"--nctx: expected a context that the graph can compute, got {context_tokens} tokens"
    _try(decoder, vocabulary_size, [first, last][-sequences:], problem)


def _try(decoder: BatchDecoder, vocabulary_size: int, slices: list[BatchSlice], problem: str) -> None:
    try:
        given = decoder.decode(slices).shape
    except Exception as error:  # the errors of the libraries have no common class
        raise EngineLoadError(f"{problem}: {' '.join(str(error).split())[:MAX_REASON]}") from None
    finally:
        for part in slices:
            decoder.memory.remove(part.cache_id)
    if given != (len(slices), vocabulary_size):
        raise EngineLoadError(f"{problem}: expected {vocabulary_size} logits for a token, got {given[-1]}")
