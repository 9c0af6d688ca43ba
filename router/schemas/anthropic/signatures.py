"""Signatures of thinking blocks.

Anthropic's prove that the thought is the model's own. Here any is accepted. The signature of a block whose text was
left out carries the thought, so that it is not lost when the block comes back.
"""

from __future__ import annotations

from router.schemas.text.carried_thoughts import packed, unpacked

SIGNATURE = "nexa"
"""Of blocks that have their text."""

_CARRYING = "nexa."


def carrying(thought: str) -> str:
    """The signature of a block without its text."""
    return packed(thought, _CARRYING)


def carried_by(signature: str) -> str:
    """The thought in a signature; empty if there is none, as in another server's."""
    return unpacked(signature, _CARRYING)
