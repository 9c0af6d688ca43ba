"""What a picture's file tells of how it was painted."""

from __future__ import annotations

import io
import struct
import zlib

from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from router.images.infotext import MAX_TEXT_BYTES, parse_infotext, png_texts

TEXT = "a cat,\nin the sun\nNegative prompt: rain\nSteps: 20, Sampler: Euler a, CFG scale: 7, Size: 512x768, Seed: 5"


def _png(*texts: tuple[str, str], compress: bool = False, international: bool = False) -> bytes:
    info = PngInfo()
    for keyword, text in texts:
        if international:
            info.add_itxt(keyword, text, zip=compress)
        else:
            info.add_text(keyword, text, zip=compress)
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def test_texts_of_all_kinds_are_read() -> None:
    for compress in (False, True):
        assert png_texts(_png(("parameters", TEXT), ("Title", "é"), compress=compress)) == {
            "parameters": TEXT,
            "Title": "é",
        }
        japanese = _png(("parameters", "猫"), international=True, compress=compress)
        assert png_texts(japanese) == {"parameters": "猫"}


def test_a_text_that_inflates_beyond_the_limit_counts_as_absent() -> None:
    png = _png()
    bomb = _chunk(b"zTXt", b"parameters\0\0" + zlib.compress(b"a" * (MAX_TEXT_BYTES + 1)))
    broken = _chunk(b"zTXt", b"other\0\0nothing") + _chunk(b"iTXt", b"third\0\0\0")
    assert png_texts(png[:33] + bomb + broken + png[33:]) == {}


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_damaged_files_have_what_can_be_read(rest: bytes) -> None:
    png_texts(rest)
    assert png_texts(_png(("a", "b"))[:-12] + rest).get("a") == "b"


def test_an_infotext_is_read_as_front_ends_do() -> None:
    assert parse_infotext(TEXT) == {
        "Prompt": "a cat,\nin the sun",
        "Negative prompt": "rain",
        "Steps": "20",
        "Sampler": "Euler a",
        "CFG scale": "7",
        "Size-1": "512",
        "Size-2": "768",
        "Seed": "5",
    }


def test_values_in_quotes_may_have_commas() -> None:
    parsed = parse_infotext('a cat\nSteps: 20, Model: "a, b: \\"c\\"", Seed: 5')
    assert (parsed["Model"], parsed["Prompt"]) == ('a, b: "c"', "a cat")


def test_a_text_without_a_line_of_parameters_is_a_prompt() -> None:
    assert parse_infotext("a cat, style: oil") == {"Prompt": "a cat, style: oil", "Negative prompt": ""}
    assert parse_infotext(" ") == {}


@settings(deadline=None)
@given(st.text(max_size=300))
def test_any_text_can_be_parsed(text: str) -> None:
    assert all(isinstance(value, str) for value in parse_infotext(text).values())
