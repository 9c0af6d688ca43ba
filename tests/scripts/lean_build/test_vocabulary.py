"""Vocabularies as the assembler reads them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from scripts.lean_build.vocabulary import arrays, main

HEADER = b"""static const unsigned char first_utf8[] = {
    0x23, 0x76,
    0x00,
};
static const unsigned char second[] = { 0xc4,0xA0 };
"""


def test_arrays_are_read() -> None:
    assert arrays(HEADER) == {"first_utf8": b"\x23\x76\x00", "second": b"\xc4\xa0"}


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"#pragma once\n" + HEADER,
        HEADER + b"static const int third[] = { 0x01 };\n",
        b"static const unsigned char a[] = { 35, 0x76 };\n",
        b"static const unsigned char a[] = { 0x1, 0x2 };\n",
        b"static const unsigned char a[] = { 0x1, '2' };\n",
        b'static const unsigned char a[] = "text";\n',
    ],
)
def test_anything_else_is_refused(header: bytes) -> None:
    with pytest.raises(ValueError, match=r"expected|non-hexadecimal"):
        arrays(header)


PROGRAM = """
#include <cstdio>
int main() {
    std::fwrite(first_utf8, 1, sizeof(first_utf8), stdout);
    std::fwrite(second, 1, sizeof(second), stdout);
}
"""


@pytest.mark.skipif(shutil.which("c++") is None, reason="needs a C++ compiler")
def test_a_program_has_the_same_bytes(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / 'a "quoted" folder'
    source.mkdir()
    (source / "words.hpp").write_bytes(HEADER)
    (source / "vocab.h").write_text("")
    (source / "vocab.cpp").write_text(f'#include "words.hpp"\n{PROGRAM}')
    main(source, target)
    subprocess.run(["c++", "-o", "program", "vocab.cpp"], cwd=target, check=True, timeout=60)
    assert subprocess.run([target / "program"], capture_output=True, check=True).stdout == b"\x23\x76\x00\xc4\xa0"
