"""Input pictures from data URLs and plain base64, and how they are distinguished from paths."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest

from router.images.input import read_image
from shared.settings import ServerSettings
from tests.support.requests.pictures import in_base64
from tests.support.router.input_pictures import PICTURE, read_input, refusal_of


@pytest.mark.parametrize("kind", ["image/png", "IMAGE/PNG", "image/x-whatever", "image/png;charset=utf-8;name=a"])
def test_a_data_url_is_decoded(kind: str) -> None:
    assert read_input(f"data:{kind};base64,{in_base64(PICTURE)}") == PICTURE
    assert read_input(f"  DATA:{kind};BASE64,\n{in_base64(PICTURE)}\n") == PICTURE


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("data:text/html;base64,{base64}", 415),
        ("data:;base64,{base64}", 415),
        ("data:imagepng;base64,{base64}", 415),
        ("data:image/png,{base64}", 400),
        ("data:image/svg+xml,<svg/>", 400),
        ("data:image/png;base64", 400),
        ("data:image/png;base64,", 415),
        ("data:image/png;base64,!!!!", 400),
        ("data:image/png;base64,{base64}!", 400),
        ("data:image/png;base64,{base64}=", 400),
        ("data:image/png;base64,={base64}", 400),
        ("data:image/png;base64,QQ==QQ==", 400),
        ("data:image/png;base64,QQ", 400),
        ("data:image/png;base64,\u00e9\u00e9\u00e9\u00e9", 400),
        ("data:image/png;base64,_-_-", 400),
        ("data:" + ";" * 100_000, 400),
        ("data:" + "a" * 100_000, 400),
    ],
)
def test_invalid_data_urls_are_refused(media: Path, url: str, status: int) -> None:
    refusal_of(url.format(base64=in_base64(PICTURE)), media, status)


@pytest.mark.parametrize(
    "data",
    [
        PICTURE,
        b"\xff\xd8\xff\xe0" + bytes(60),
        b"GIF89a" + bytes(30),
        b"RIFF\x10\0\0\0WEBPVP8 " + bytes(30),
        b"BM\x80\0\0\0\0\0\0\0" + bytes(30),
    ],
)
def test_plain_base64_is_decoded(media: Path, data: bytes) -> None:
    text = in_base64(data)
    assert read_input(text, media) == data
    assert read_input("\n".join(text[start : start + 16] for start in range(0, len(text), 16)), media) == data


def test_text_too_long_for_a_path_is_decoded_as_base64(media: Path) -> None:
    data = os.urandom(3_000_001)
    assert read_input(in_base64(data), media, 3_000_001) == data
    refusal_of(in_base64(data), media, 413, 3_000_000)
    assert "expected base64 with its padding" in refusal_of(in_base64(data)[:-1], media, 400, 4_000_000)
    assert "a path of at most 4096" in refusal_of("a.b/" * 2000, media)


def test_base64_with_padding_in_the_middle_is_refused(media: Path) -> None:
    piece = in_base64(bytes(1024 * 1024 // 4 * 3 - 2))
    assert len(piece) == 1024 * 1024
    assert piece.endswith("==")
    assert "padding" in refusal_of(piece + piece, media, 400, 4_000_000)


def test_text_that_could_be_base64_can_be_a_path(media: Path) -> None:
    name = "iVBORw0KGgoAAAANSUhEUgAA.png"
    (media / name).write_bytes(PICTURE)
    assert read_input(name, media) == PICTURE
    other = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJ"
    (media / other).write_bytes(PICTURE)
    assert read_input(other, media) == PICTURE


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "FILE:/etc/passwd",
        "file:photo.png",
        "ftp://example.org/a.png",
        "gopher://x",
        "unix+http://x",
        "blob:https://x/1",
    ],
)
def test_urls_of_other_schemes_are_refused(media: Path, url: str) -> None:
    assert "expected an http or https URL" in refusal_of(url, media)


def test_reading_a_file_does_not_block_the_event_loop(media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reading = threading.Event()
    monkeypatch.setattr("router.images.input.read_media_file", lambda *_: PICTURE if reading.wait(10) else b"")
    settings = ServerSettings(models=(), run_folder="", media_folder=str(media))

    async def go() -> bytes:
        asked = asyncio.ensure_future(read_image("photo.png", "image_path", settings))
        await asyncio.sleep(0)
        reading.set()
        return await asked

    assert asyncio.run(go()) == PICTURE
