from __future__ import annotations

from workers.text.output.prompt_echo import echo_of_text, echo_of_tokens

FOX = "\N{FOX FACE}"


def bytes_of(text: str) -> list[bytes]:
    return [bytes([byte]) for byte in text.encode()]


def test_offsets_count_whole_characters() -> None:
    echo = echo_of_text(f"a{FOX}b€", [b"a", *bytes_of(FOX), b"b", "€".encode()])
    assert echo.offsets == [0, 1, 1, 1, 1, 2, 3]


def test_what_a_tokeniser_puts_before_a_text_is_at_its_beginning() -> None:
    echo = echo_of_text("Hello you", [b"<s>", b" Hello", b" you"])
    assert echo.text == "Hello you"
    assert echo.offsets == [0, 0, 5]


def test_the_parts_of_a_prompt_are_the_prompt() -> None:
    echo = echo_of_text("Hello you two", [b"<s>", b" Hello", b" you", b" two"])
    assert [echo.part(0, 2), echo.part(2, 3), echo.part(3, 4)] == ["Hello", " you", " two"]
    assert echo.part(0, 4) == "Hello you two"


def test_a_character_that_the_prompt_begins_is_left_to_the_answer() -> None:
    echo = echo_of_tokens([b"a", *bytes_of(FOX)[:2]])
    assert echo.text == "a"
    assert echo.offsets == [0, 1, 1]
    assert echo.unfinished == FOX.encode()[:2]
