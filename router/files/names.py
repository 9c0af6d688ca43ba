"""What clients call their files. These names are shown, and never used as paths."""

from __future__ import annotations

MAX_NAME_CHARS = 255
UNNAMED = "file"


def clean_name(given: str) -> str:
    """The last part of a name as any system writes paths, without characters that cannot be shown; never empty."""
    last = given.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return "".join(character for character in last if character.isprintable())[:MAX_NAME_CHARS].strip() or UNNAMED
