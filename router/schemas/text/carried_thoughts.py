"""Thoughts as opaque text, which clients keep without reading it and send back. Nothing in it is secret."""

from __future__ import annotations

import base64
import binascii


def packed(thought: str, prefix: str) -> str:
    """The thought as such a text; ``prefix`` tells it from those of other servers."""
    return prefix + base64.b64encode(thought.encode()).decode()


def unpacked(text: str, prefix: str) -> str:
    """The thought in such a text; empty if another server made it."""
    if not text.startswith(prefix):
        return ""
    try:
        return base64.b64decode(text.removeprefix(prefix), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
