"""Names of files, which are the clients' own."""

from __future__ import annotations

import pytest

from router.files.names import clean_name


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("input.jsonl", "input.jsonl"),
        ("/etc/passwd", "passwd"),
        ("..\\..\\a b.txt", "a b.txt"),
        ("../..", ".."),
        ("a\r\nSet-Cookie: x\0", "aSet-Cookie: x"),
        ("\u202egnp.exe", "gnp.exe"),
        ("", "file"),
        ("/", "file"),
        ("é" * 300, "é" * 255),
    ],
)
def test_only_the_last_part_is_kept_as_far_as_it_can_be_shown(given: str, name: str) -> None:
    assert clean_name(given) == name
