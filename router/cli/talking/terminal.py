"""Text on a terminal, or in a file or pipe: from others, so nothing in it may move the cursor or change the title."""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO

from shared.logs.escaping import escaped

DIM = "\x1b[2m"
BOLD = "\x1b[1m"
PLAIN = "\x1b[0m"
CLEAR_LINE = "\r\x1b[K"


def harmless(text: str) -> str:
    r"""``text`` of several lines as a terminal may show it: other control characters and bidi marks as ``\u001b``."""
    return "".join(part if part in ("\n", "\t") else escaped(part) for part in _split(text))


def _split(text: str) -> list[str]:
    parts = [""]
    for character in text:
        if character in "\n\t":
            parts += [character, ""]
        else:
            parts[-1] += character
    return parts


class ScreenOutput:
    """Writes an answer to ``stream``, and notices to ``notices``; styles and notices that pass are for terminals only.

    Text to a file or pipe stays as it is.
    """

    def __init__(self, stream: TextIO | None = None, notices: TextIO | None = None) -> None:
        self._stream = (sys.stdout or io.StringIO()) if stream is None else stream
        self._notices = sys.stderr if notices is None else notices
        self.is_terminal = self._stream.isatty()
        self.styled = self.is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self._passing = self._notices.isatty()
        self._shown_notice = False
        self._at_line_start = True

    def write(self, text: str, style: str = "") -> None:
        """Write text from others."""
        if not text:
            return
        self.clear_notice()
        shown = harmless(text) if self.is_terminal else text
        shown = f"{style}{shown}{PLAIN}" if style and self.styled else shown
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        self._stream.write(shown.encode(encoding, "backslashreplace").decode(encoding))
        self._stream.flush()
        self._at_line_start = text.endswith("\n")

    def end_line(self) -> None:
        """Begin a new line, unless there is one."""
        self.clear_notice()
        if not self._at_line_start:
            self._stream.write("\n")
            self._stream.flush()
            self._at_line_start = True

    def notice(self, text: str) -> None:
        """Show a line until something else is written, if there is a terminal."""
        if self._passing and self._at_line_start:
            self._notices.write(f"{CLEAR_LINE}{escaped(text)}")
            self._notices.flush()
            self._shown_notice = True

    def clear_notice(self) -> None:
        """Remove the line of :meth:`notice`."""
        if self._shown_notice:
            self._notices.write(CLEAR_LINE)
            self._notices.flush()
            self._shown_notice = False

    def say(self, text: str) -> None:
        """Write a line about the answer, apart from it."""
        self.end_line()
        print(escaped(text), file=self._notices, flush=True)
