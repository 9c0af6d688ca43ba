"""The input of a custom tool, read from parts of JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.api.responses.custom_input import CustomInput


def read(arguments: str, *cuts: int) -> tuple[list[str], str]:
    """What each part gives, the last one at the end, and the whole input."""
    reader, told, at = CustomInput(), list[str](), 0
    for cut in (*sorted(cuts), len(arguments)):
        told.append(reader.feed(arguments[at:cut]))
        at = cut
    told.append(reader.finish())
    return told, reader.text


@given(
    text=st.text(st.characters(exclude_categories=["Cs"])),
    ascii_only=st.booleans(),
    cuts=st.lists(st.integers(0, 40), max_size=6),
)
def test_any_text_in_any_parts(text: str, ascii_only: bool, cuts: list[int]) -> None:
    arguments = json.dumps({"input": text}, ensure_ascii=ascii_only)
    told, whole = read(arguments, *(cut for cut in cuts if cut < len(arguments)))
    assert whole == text
    assert "".join(told) == text


def test_it_comes_as_it_is_generated() -> None:
    told, _ = read('{"input": "ab\\ncd"}', 5, 13, 14)
    assert told == ["", "ab", "", "\ncd", ""]


def test_the_halves_of_a_pair_come_together() -> None:
    told, _ = read('{"input": "\\ud83e\\udd8a"}', 17)
    assert told == ["", "🦊", ""]


def test_a_half_without_another_is_replaced() -> None:
    assert read('{"input": "\\ud83e!......"}')[1] == "\ufffd!......"


def test_an_input_that_is_cut_off_is_as_far_as_it_goes() -> None:
    assert read('{"input": "ab\\')[1] == "ab"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [('{"x": 1, "input": "a"}', "a"), ('{"patch": "a"}', '{"patch": "a"}'), ("raw", "raw"), ("", "")],
)
def test_arguments_of_another_form_are_read_at_their_end(arguments: str, text: str) -> None:
    told, whole = read(arguments, 1)
    assert told == ["", "", text]
    assert whole == text
