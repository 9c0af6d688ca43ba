"""Turns stable-diffusion.cpp's vocabularies, 132 MB of C++ text, into files that the assembler includes as they are.

The compiler needs 2.4 GB of memory for that text. Usage: ``python vocabulary.py SOURCE_FOLDER TARGET_FOLDER``.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

_ARRAY = re.compile(rb"static const unsigned char (\w+)\[\] = \{([^{}]*)\};\s*")

_DECLARATION = """\
extern "C" __attribute__((visibility("hidden"))) const unsigned char {name}[{size}];
__asm__(
    ".pushsection .rodata\\n"
    ".globl {name}\\n"
    ".hidden {name}\\n"
    ".type {name}, @object\\n"
    ".size {name}, {size}\\n"
    "{name}:\\n"
    ".incbin \\"{path}\\"\\n"
    ".popsection\\n");
"""


def arrays(header: bytes) -> dict[str, bytes]:
    """The arrays of a header by their names.

    Raises:
        ValueError: the header holds something else than arrays of bytes that are written as ``0x`` and two digits.
    """
    found: dict[str, bytes] = {}
    end = 0
    for match in _ARRAY.finditer(header):
        name, body = match[1].decode(), match[2]
        if match.start() != end:
            break
        data = bytes.fromhex(body.replace(b"0x", b"").replace(b",", b"").decode("ascii"))
        if len(data) != body.count(b"0x"):
            raise ValueError(f"{name}: expected bytes of two hexadecimal digits")
        found[name] = data
        end = match.end()
    if end != len(header) or not found:
        raise ValueError(f"expected nothing but arrays of bytes, got {header[end : end + 40]!r}")
    return found


def assembled(header: bytes, folder: Path) -> str:
    """A header that declares the same arrays, whose bytes are in files of ``folder``."""
    declarations = []
    for name, data in arrays(header).items():
        file = folder / f"{name}.bin"
        file.write_bytes(data)
        path = str(file).replace("\\", "\\\\").replace('"', '\\"')
        path = path.replace("\\", "\\\\").replace('"', '\\"')  # a string for the assembler inside one of C++
        declarations.append(_DECLARATION.format(name=name, size=len(data), path=path))
    return "\n".join(declarations)


def main(source: Path, target: Path) -> None:
    """Writes ``vocab.cpp`` and all that it includes from its own folder to ``target``."""
    target.mkdir(parents=True, exist_ok=True)
    for header in sorted(source.glob("*.hpp")):
        (target / header.name).write_text(assembled(header.read_bytes(), target))
    for name in ("vocab.cpp", "vocab.h"):
        (target / name).write_bytes((source / name).read_bytes())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
