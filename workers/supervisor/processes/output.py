"""Forwards the children's output to the supervisor's stderr, prefixed with their names.

Native libraries write what they like, so here too nothing is written unescaped.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime

from shared.logs.escaping import escaped


class LineForwarder:
    """Prints children's lines. Lines of our own logging already name their process and stay unchanged."""

    def __init__(self, log_format: str) -> None:
        self._json = log_format == "json"

    def __call__(self, name: str, line: str) -> None:
        """Print one line of the child ``name``."""
        print(escaped(self._as_json(name, line) if self._json else self._as_text(name, line)), file=sys.stderr)

    def _as_text(self, name: str, line: str) -> str:
        words = line.split(" ", 2)
        return line if len(words) > 1 and words[1] == name else f"{name} | {line}"

    def _as_json(self, name: str, line: str) -> str:
        if line.startswith("{"):
            return line
        time = datetime.now().isoformat(timespec="milliseconds")
        return json.dumps({"time": time, "process": name, "level": "INFO", "message": line}, ensure_ascii=False)
