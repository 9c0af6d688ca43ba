"""Tokens whose texts say what they are for, as llama.cpp's vocabularies know them (``llama-vocab.cpp``).

Folders often name only one of the tokens that end an answer, and mark others as text.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

_INFILL_FORMS = (
    *("<|fim_{0}|>", "<fim-{0}>", "<fim_{0}>", "<|code_{0}|>", "<|{0}|>"),
    *("<\uff5cfim▁{1}\uff5c>", "<{2}>", "▁<{2}>"),
)

# fmt: off
ENDS = frozenset((
    "<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<|flush|>", "<|calls|>", "<end_of_turn>",
    "<|endoftext|>", "</s>", "<|eom_id|>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]", "<|end_of_text|>",
    "<end_of_utterance>", "<eos>", "<turn|>", "<|tool_response>", "<\uff5cend▁of▁sentence\uff5c>", "[e~[",
    "<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]", "<|fim_repo|>", "<|repo_name|>", "<fim-repo>",
    "<REPO>", "<reponame>", "<|file_sep|>",
))
# fmt: on
"""Tokens that end an answer."""

INFILL = tuple(
    tuple(form.format(word, part, short) for form in _INFILL_FORMS)
    for word, part, short in (("prefix", "begin", "PRE"), ("suffix", "hole", "SUF"), ("middle", "end", "MID"))
)
"""Tokens before a prefix, before a suffix, and before what belongs between both."""

CHANNELS = frozenset(("<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"))
"""Tokens of the structure of answers with channels: clients may see them."""


def known_ends(texts: Collection[str]) -> frozenset[str]:
    """Those of a vocabulary's special tokens that end an answer."""
    ends = ENDS.intersection(texts)
    if ("<|call|>" in ends and "<|return|>" in ends) or {"<|calls|>", "<|flush|>"} <= ends:
        ends -= {"<|end|>"}  # ends a message of several
    if "<|tool_response>" in ends or "<|plamo:eos|>" in texts:
        ends -= {"</s>"}  # is HTML there
    return ends


def infill_tokens_of(ids: Mapping[str, int]) -> tuple[int, int, int] | None:
    """The tokens to fill in a text's middle; None if a vocabulary lacks one."""
    begin, middle, end = (next((ids[text] for text in texts if text in ids), None) for texts in INFILL)
    return None if begin is None or middle is None or end is None else (begin, middle, end)


def looks_like_control(text: str) -> bool:
    """Whether a text has the form of a token of a chat's structure, as in ``<|im_end|>``."""
    return len(text) > 4 and (text[:2], text[-2:]) in (("<|", "|>"), ("<\uff5c", "\uff5c>"))
