"""The parameters that a picture was painted with, as its file has them.

Image front ends write them as text: the prompt, the negative prompt, and a line of names and values.
Source: https://github.com/AUTOMATIC1111/stable-diffusion-webui, ``modules/infotext_utils.py``
"""

from __future__ import annotations

import json
import re
import struct
import zlib
from collections.abc import Iterator

PARAMETERS = "parameters"
"""The keyword of the text."""

MAX_TEXT_BYTES = 256 * 1024
"""Of one text of a file; longer ones count as absent."""

MAX_TEXTS = 64
"""Texts of a file that are read."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_NEGATIVE = "Negative prompt:"
_MIN_PARAMETERS = 3
"""Of a line of names and values; one with fewer belongs to the prompt."""

_PARAMETER = re.compile(r'\s*(\w[\w \-/]{1,100}):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
_SIZE = re.compile(r"(\d{1,6})x(\d{1,6})")


def png_texts(data: bytes) -> dict[str, str]:
    """The texts of a PNG file by their keywords, as far as they can be read; empty for other files.

    Source: https://www.w3.org/TR/png-3/#11textinfo
    """
    texts: dict[str, str] = {}
    if not data.startswith(_SIGNATURE):
        return texts
    readers = {b"tEXt": _plain, b"zTXt": _compressed, b"iTXt": _international}
    for kind, start, length in _chunks(data):
        if kind in readers and length <= MAX_TEXT_BYTES and len(texts) < MAX_TEXTS:
            keyword, _, rest = data[start : start + length].partition(b"\0")
            text = readers[kind](rest)
            if text is not None:
                texts.setdefault(keyword.decode("latin-1"), text)
    return texts


def parse_infotext(text: str) -> dict[str, str]:
    """The parameters of an infotext by their names: ``Prompt``, ``Negative prompt``, ``Steps``, ``Sampler``, …

    Sizes are split in two, as front ends expect: ``Size-1`` and ``Size-2``. Empty without any text.
    """
    if not text.strip():
        return {}
    *lines, last = text.strip().split("\n")
    values = _PARAMETER.findall(last)
    if len(values) < _MIN_PARAMETERS:
        lines, values = [*lines, last], []
    place = next((number for number, line in enumerate(lines) if line.startswith(_NEGATIVE)), len(lines))
    found = {
        "Prompt": "\n".join(lines[:place]).strip(),
        "Negative prompt": "\n".join(lines[place:]).removeprefix(_NEGATIVE).strip(),
    }
    for name, value in values:
        size = _SIZE.fullmatch(value)
        if size is None:
            found[name] = _unquoted(value)
        else:
            found |= {f"{name}-1": size[1], f"{name}-2": size[2]}
    return found


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The type of each chunk, and the place and length of its content."""
    place = len(_SIGNATURE)
    while place + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, place)
        yield data[place + 4 : place + 8], place + 8, length
        place += 12 + length


def _plain(rest: bytes) -> str | None:
    return rest.decode("latin-1")


def _compressed(rest: bytes) -> str | None:
    inflated = _inflated(rest[1:])
    return None if inflated is None else inflated.decode("latin-1")


def _international(rest: bytes) -> str | None:
    """After the keyword: a flag and a method of compression, the language, the keyword in it, and the text in UTF-8."""
    parts = rest[2:].split(b"\0", 2)
    if len(parts) < 3:
        return None
    text = _inflated(parts[2]) if rest[:1] == b"\1" else parts[2]
    return None if text is None else text.decode("utf-8", "replace")


def _inflated(data: bytes) -> bytes | None:
    inflater = zlib.decompressobj()
    try:
        inflated = inflater.decompress(data, MAX_TEXT_BYTES)
    except zlib.error:
        return None
    return inflated if inflater.eof else None


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value
    try:
        return str(json.loads(value)).encode("utf-8", "replace").decode()  # without halves of surrogate pairs
    except ValueError:
        return value
