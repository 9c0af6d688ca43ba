from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from workers.text.output.stop_filter import StopFilter

FUZZ = settings(deadline=None)
FEW_LETTERS = st.text("abc", max_size=12)
STOP_WORDS = st.lists(st.text("abc", min_size=1, max_size=4), max_size=3)


@FUZZ
@given(FEW_LETTERS, STOP_WORDS)
def test_text_that_could_become_a_stop_string_is_held_back(text: str, stop: list[str]) -> None:
    stop_filter, sent = StopFilter(stop), ""
    for at, character in enumerate(text):
        sent += stop_filter.push(character)
        if stop_filter.stopped:
            break
        held = text[len(sent) : at + 1]
        assert not held or any(word.startswith(held) for word in stop)


@FUZZ
@given(st.text(max_size=10), st.data())
def test_without_stop_strings_text_is_sent_at_once(text: str, data: st.DataObject) -> None:
    stop_filter = StopFilter([])
    assert [stop_filter.push(piece) for piece in text] == list(text)
    assert not stop_filter.stopped


def test_it_is_told_which_stop_string_was_complete_first() -> None:
    stop_filter = StopFilter(["never", "cd", "bcde"])
    assert stop_filter.push("ab") == "a"
    assert stop_filter.found is None
    assert stop_filter.push("cde") == "b"
    assert stop_filter.found == "cd"
