"""Logging of every process: one line per record on stderr, as text or JSON, with the fields of ``extra``.

Values come from requests, so nothing in a line is written unescaped (:func:`escaped`).
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any, TextIO

from shared.logs.escaping import escaped
from shared.logs.output import protect_output

FORMATS = ("text", "json")

_STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


def open_log(fmt: str, process: str, own_pipe: bool = False) -> None:
    """Log to a stderr that can neither block this process nor fail (:func:`protect_output`), as :func:`configure` does.

    With ``own_pipe``, stdout and stderr are one pipe that this process alone writes to.
    """
    formatter = _FORMATTERS[fmt](process)

    def notice(count: int) -> str:
        record = logging.makeLogRecord(
            {"name": "nexa.log", "levelname": "WARNING", "msg": "log lines dropped", "count": count}
        )
        return formatter.format(record) + "\n"

    protect_output(notice, own_pipe)
    configure(fmt, process=process)


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
    handler.setFormatter(_FORMATTERS[fmt](process))
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
        traceback = [f"  {line}" for line in _traceback(self, record)]  # so that none looks like a record
        return "\n".join(escaped(line) for line in [" ".join(words), *traceback])


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
        return escaped(json.dumps(fields, default=str, ensure_ascii=False))


_FORMATTERS: dict[str, Callable[[str], logging.Formatter]] = {"text": TextFormatter, "json": JsonFormatter}


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
