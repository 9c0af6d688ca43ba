from __future__ import annotations

import json

import pytest

from shared.logs.escaping import escaped


@pytest.mark.parametrize(
    ("raw", "safe"),
    [
        ("model=smollm2 Grüße 你好 👍", "model=smollm2 Grüße 你好 👍"),
        ("a\x1b[2Jb", "a\\u001b[2Jb"),
        ("a\nb\rc\td", "a\\nb\\rc\\td"),
        ("\x07\x7f\x9b31m", "\\u0007\\u007f\\u009b31m"),
        ("user\u202egpj.exe\u2066", "user\\u202egpj.exe\\u2066"),
        ("a\u2028b\u200bc\ufeff", "a\\u2028b\\u200bc\\ufeff"),
        ("\udc80", "\\udc80"),
        ("\U000e0041", "\\udb40\\udc41"),
    ],
)
def test_what_is_not_printable_is_escaped(raw: str, safe: str) -> None:
    assert escaped(raw) == safe
    assert escaped(safe) == safe
    assert safe.isprintable()


def test_json_keeps_its_meaning() -> None:
    value = {"user": "a\u202e\x7f\x9b\x1b\n\U000e0041\\"}
    assert json.loads(escaped(json.dumps(value, ensure_ascii=False))) == value
