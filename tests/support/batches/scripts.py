"""What the jobs of a batch's lines play."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shared.wire.jobs import TextJob
from tests.support.router.fake_broker import Script, words

HOLD: Script = []
"""A job that never ends by itself."""


def said(work: TextJob) -> str:
    """The text of a line's only message."""
    text: str = work.messages[0]["content"] if work.messages else ""
    return text


def script_of(**scripts: Script) -> Callable[[Any], Script]:
    """Jobs play the script of their text; those without one answer with their text."""
    return lambda work: scripts.get(said(work), words(f"{said(work)}!"))
