"""``X-Nexa-Warning``: what a request asks for and does not get."""

from __future__ import annotations

from collections.abc import Sequence

from router.answers.submission import SubmittedRequest

WARNING_HEADER = "X-Nexa-Warning"

MAX_WARNING_CHARS = 2000
"""Of the header. The log has the warnings whole."""

_CUT = " ..."


def warning_header(submitted: SubmittedRequest) -> dict[str, str]:
    """The header for what is known so far."""
    return header_of(submitted.warnings)


def header_of(warnings: Sequence[str]) -> dict[str, str]:
    """The header, if there is something to say. Other characters than those of ASCII are replaced in it."""
    text = "; ".join(warnings)
    if not text:
        return {}
    shown = "".join(letter if " " <= letter <= "~" else "?" for letter in text)
    if len(shown) > MAX_WARNING_CHARS:
        shown = shown[: MAX_WARNING_CHARS - len(_CUT)] + _CUT
    return {WARNING_HEADER: shown}
