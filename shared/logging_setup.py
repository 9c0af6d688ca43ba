"""Logging of every process: one line per record on stderr, as text or JSON, with the fields of ``extra``."""

from __future__ import annotations

import json
import logging
import sys
from datetime import datetime
from typing import Any, TextIO

FORMATS = ("text", "json")

_STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


def configure(fmt: str = "text", level: str = "INFO", process: str = "") -> None:
    """Log to stderr.

    Args:
        fmt: ``text`` (time, process, level, message, then ``key=value``) or ``json`` (one object per line).
        level: the lowest level to log, by its name in :mod:`logging`.
        process: the name of this process, written in each line.

    Raises:
        ValueError: ``fmt`` is unknown.
    """
    if fmt not in FORMATS:
        raise ValueError(f"log format: expected {' or '.join(FORMATS)}, got {fmt}")
    handler = _StderrHandler()
    handler.setFormatter(JsonFormatter(process) if fmt == "json" else TextFormatter(process))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


class TextFormatter(logging.Formatter):
    """``2026-01-31T12:00:00.123 router INFO request user=anna tokens=12``; a traceback follows on further lines."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process or "nexa"

    def format(self, record: logging.LogRecord) -> str:
        """Format a record."""
        words = [_time(record), self._process, record.levelname, record.getMessage()]
        words += [f"{key}={_text(value)}" for key, value in _extras(record).items()]
        return "\n".join([" ".join(words), *_traceback(self, record)])


class JsonFormatter(logging.Formatter):
    """One JSON object: ``time``, ``process``, ``level``, ``logger``, ``message``, and the extras beside them."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process or "nexa"

    def format(self, record: logging.LogRecord) -> str:
        """Format a record."""
        fields: dict[str, Any] = {
            **_extras(record),
            "time": _time(record),
            "process": self._process,
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        traceback = _traceback(self, record)
        if traceback:
            fields["traceback"] = "\n".join(traceback)
        return json.dumps(fields, default=str, ensure_ascii=False)


class _StderrHandler(logging.StreamHandler[TextIO]):
    """Writes to the current ``sys.stderr``, which a live display may have replaced."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def _extras(record: logging.LogRecord) -> dict[str, Any]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD_FIELDS}


def _text(value: Any) -> str:
    """``value`` as one word, quoted if it has whitespace, quotes or ``=``."""
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    return text if text and not any(c.isspace() or c in "\"'=" for c in text) else json.dumps(text, ensure_ascii=False)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created).isoformat(timespec="milliseconds")


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> list[str]:
    return formatter.formatException(record.exc_info).splitlines() if record.exc_info else []
