"""Makes text harmless to terminals and to readers of logs."""

from __future__ import annotations

import json

_DELETE = "\x7f"


def escaped(text: str) -> str:
    r"""``text`` with JSON's escapes for what is not printable: control characters, line ends, bidi marks, surrogates.

    So a client can neither write lines of its own, nor move the cursor, nor reverse what stands beside its text. JSON
    stays JSON of the same meaning, and text that is escaped stays unchanged.
    """
    return text if text.isprintable() else "".join(c if c.isprintable() else _escape(c) for c in text)


def _escape(character: str) -> str:
    return "\\u007f" if character == _DELETE else json.dumps(character)[1:-1]
