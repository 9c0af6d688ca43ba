"""Thoughts that clients keep without reading them: ``encrypted_content`` of reasoning items.

Nothing is secret here: the thought is in the same item. The field is for clients that send back only this.
"""

from __future__ import annotations

from router.schemas.text.carried_thoughts import packed, unpacked

_PREFIX = "nexa1."


def packed_thought(thought: str) -> str:
    """The thought as ``encrypted_content``."""
    return packed(thought, _PREFIX)


def unpacked_thought(content: str) -> str:
    """The thought in an ``encrypted_content``; empty if another server made it."""
    return unpacked(content, _PREFIX)
