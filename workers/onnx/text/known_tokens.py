"""Tokens whose texts say what they are for, as llama.cpp's vocabularies know them (``llama-vocab.cpp``).

Folders often name only one of the tokens that end an answer, and mark others as text.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

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

# fmt: off
INFILL = (
    ("<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<\uff5cfim▁begin\uff5c>", "<PRE>", "▁<PRE>", "<|code_prefix|>", "<|prefix|>"),
    ("<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<\uff5cfim▁hole\uff5c>", "<SUF>", "▁<SUF>", "<|code_suffix|>", "<|suffix|>"),
    ("<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<\uff5cfim▁end\uff5c>", "<MID>", "▁<MID>", "<|code_middle|>", "<|middle|>"),
)
# fmt: on
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
