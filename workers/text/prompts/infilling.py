"""Prompts whose middle is to be filled in, by the model's own tokens for that."""

from __future__ import annotations

from shared.wire.payloads import JobError
from workers.text.vocabulary import Vocabulary


def infill_tokens(vocabulary: Vocabulary, before: list[int], suffix: str, parse_special: bool) -> list[int]:
    """The tokens of a prompt after which a model writes what stands between ``before`` and ``suffix``.

    Raises:
        JobError: 400, the model has no tokens for that.
    """
    if vocabulary.infill is None:
        expected = "suffix: expected a model with tokens to fill in the middle (fim), got one without"
        raise JobError(400, f"{expected}; leave it out, or use a model for code", "suffix", "no_infill")
    begin, middle, end = vocabulary.infill
    after = vocabulary.tokenize_inner(suffix, parse_special)
    bos = [vocabulary.bos] if vocabulary.adds_bos else []
    return [*bos, begin, *before, middle, *after, end]
