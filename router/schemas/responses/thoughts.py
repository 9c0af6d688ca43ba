"""Thoughts that clients keep without reading them: ``encrypted_content`` of reasoning items.

Nothing is secret here: the thought is in the same item. The field is for clients that send back only this.
"""

from __future__ import annotations

import base64
import binascii

_PREFIX = "nexa1."


def packed_thought(thought: str) -> str:
    """The thought as ``encrypted_content``."""
    return _PREFIX + base64.b64encode(thought.encode()).decode()


def unpacked_thought(content: str) -> str:
    """The thought in an ``encrypted_content``; empty if another server made it."""
    if not content.startswith(_PREFIX):
        return ""
    try:
        return base64.b64decode(content[len(_PREFIX) :], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
