"""Where input pictures may come from, and attacks on that."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
from pathlib import Path

import pytest

import router.images.media_folder
from router.images.input import read_image
from router.schemas.errors import ApiError
from shared.settings import ServerSettings
from tests.support.router.pictures import in_base64, png

PICTURE = png()
SECRET = b"nobody may read this"


@pytest.fixture
def media(tmp_path: Path) -> Path:
    """A media folder beside which there is a secret."""
    (tmp_path / "secret.png").write_bytes(SECRET)
    folder = tmp_path / "media"
    (folder / "holiday").mkdir(parents=True)
    (folder / "photo.png").write_bytes(PICTURE)
    (folder / "holiday" / "beach 1.png").write_bytes(png(7))
    return folder


def read(given: str, media: Path | str = "", max_bytes: int = 10_000) -> bytes:
    settings = ServerSettings(models=(), run_folder="", media_folder=str(media), max_upload_bytes=max_bytes)
    return asyncio.run(read_image(given, "image_path", settings))


def refused(given: str, media: Path | str = "", status: int = 400, max_bytes: int = 10_000) -> str:
    """The message with which ``given`` is refused; it names the field."""
    with pytest.raises(ApiError) as refusal:
        read(given, media, max_bytes)
    assert refusal.value.status == status
    assert refusal.value.param == "image_path"
    message = str(refusal.value)
    assert message.startswith("image_path")
    assert len(message) < 600
    return message


def test_a_path_in_the_media_folder(media: Path) -> None:
    assert read("photo.png", media) == PICTURE
    assert read("holiday/beach 1.png", media) == png(7)
    assert read("./holiday//beach 1.png", media) == png(7)
    assert read(" photo.png\n", media) == PICTURE


def test_an_absolute_path_in_the_media_folder(media: Path, tmp_path: Path) -> None:
    assert read(str(media / "photo.png"), media) == PICTURE
    named = tmp_path / "named"
    named.symlink_to(media)
    assert read(str(named / "photo.png"), named) == PICTURE
    assert read(str(media / "photo.png"), named) == PICTURE


def test_links_that_stay_inside_are_followed(media: Path) -> None:
    (media / "link.png").symlink_to("holiday/beach 1.png")
    (media / "album").symlink_to(media / "holiday")
    assert read("link.png", media) == png(7)
    assert read("album/beach 1.png", media) == png(7)


@pytest.mark.parametrize(
    "path",
    [
        "../secret.png",
        "holiday/../photo.png",
        "holiday/../../secret.png",
        "..",
        "{media}/../secret.png",
        "./..//secret.png",
    ],
)
def test_steps_upwards_are_refused(media: Path, path: str) -> None:
    assert "'..'" in refused(path.format(media=media), media)


@pytest.mark.parametrize(
    "path",
    [
        "{tmp}/secret.png",
        "/etc/passwd",
        "{media}x/secret.png",
        "//etc/passwd",
        "/dev/zero",
        "/proc/self/environ",
        "out.png",
        "out-absolute.png",
        "outside/secret.png",
        "twice.png",
        "loop.png",
        "gone.png",
        "device.png",
        "..%2fsecret.png",
        "%2e%2e/secret.png",
        "..\\secret.png",
        "~/secret.png",
        "missing.png",
        "photo.png/x",
        "holiday",
        ".",
        "/",
        "{media}",
        "pipe.png",
        "socket.png",
        "photo.png\0.txt",
        "\0",
        "a" * 300,
        "b/" * 2000,
        "\u202ephoto.png",
    ],
)
def test_whatever_is_no_file_inside_is_refused(media: Path, tmp_path: Path, path: str) -> None:
    (tmp_path / "mediax").mkdir()
    (tmp_path / "mediax" / "secret.png").write_bytes(SECRET)
    (media / "out.png").symlink_to("../secret.png")
    (media / "out-absolute.png").symlink_to(tmp_path / "secret.png")
    (media / "outside").symlink_to(tmp_path)
    (media / "twice.png").symlink_to("outside/secret.png")
    (media / "loop.png").symlink_to("loop.png")
    (media / "gone.png").symlink_to("/nowhere")
    (media / "device.png").symlink_to("/dev/zero")
    os.mkfifo(media / "pipe.png")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(media / "socket.png"))
        message = refused(path.format(media=media, tmp=tmp_path), media)
    assert "the server's media folder has no file" in message
    assert str(tmp_path) not in message.replace(path.format(media=media, tmp=tmp_path), "")


def test_a_refusal_does_not_tell_what_exists_outside(media: Path, tmp_path: Path) -> None:
    (media / "there.png").symlink_to(tmp_path / "secret.png")
    (media / "gone.png").symlink_to(tmp_path / "missing.png")
    assert refused("there.png", media) == refused("gone.png", media).replace("gone", "there")
    there, gone = str(tmp_path / "secret.png"), str(tmp_path / "missingpng")
    assert refused(there, media).replace(there, gone) == refused(gone, media)


def test_a_folder_that_becomes_a_link_meanwhile_leads_nowhere(media: Path, tmp_path: Path) -> None:
    """Between looking and opening, somebody puts a link in the folder's place."""
    (tmp_path / "beach 1.png").write_bytes(SECRET)
    root, steps = router.images.media_folder._inside(str(media), "holiday/beach 1.png")
    (media / "holiday").rename(media / "moved")
    (media / "holiday").symlink_to(tmp_path)
    with pytest.raises(OSError, match=r"beach|photo|holiday"):
        router.images.media_folder._open((root, steps))


def test_a_file_that_becomes_a_link_or_a_pipe_meanwhile_is_not_opened(media: Path, tmp_path: Path) -> None:
    place = router.images.media_folder._inside(str(media), "photo.png")
    (media / "photo.png").unlink()
    (media / "photo.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(OSError, match=r"beach|photo|holiday"):
        router.images.media_folder._open(place)
    (media / "photo.png").unlink()
    os.mkfifo(media / "photo.png")
    with pytest.raises(OSError, match=r"beach|photo|holiday"):
        router.images.media_folder._open(place)


def test_what_lies_outside_or_is_no_file_is_not_touched(
    media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To look at some paths mounts things, and to open some devices has effects."""
    touched = []
    real_open, real_path = os.open, os.path.realpath

    def note_open(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        touched.append(str(path))
        return real_open(path, flags, mode, dir_fd=dir_fd)

    def note_path(path: str, *, strict: bool = False) -> str:
        touched.append(str(path))
        return real_path(path, strict=strict)

    os.mkfifo(media / "pipe.png")
    (media / "out.png").symlink_to(tmp_path / "secret.png")
    monkeypatch.setattr(os, "open", note_open)
    monkeypatch.setattr(os.path, "realpath", note_path)
    refused("/net/secret.png", media)
    refused("pipe.png", media)
    refused("out.png", media)
    assert not [path for path in touched if path in ("pipe.png", "out.png") or "secret" in path]
    assert read("photo.png", media) == PICTURE
    assert "photo.png" in touched


def test_no_descriptor_is_left_open(media: Path) -> None:
    os.mkfifo(media / "pipe.png")
    before = len(os.listdir("/proc/self/fd"))
    for path in ("holiday/beach 1.png", "pipe.png", "missing.png", "holiday"):
        for _ in range(5):
            with contextlib.suppress(ApiError):
                read(path, media)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_device_in_the_media_folder_is_not_read(media: Path) -> None:
    try:
        os.mknod(media / "zero.png", 0o666 | 0o020000, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("devices cannot be made here")
    assert "has no file" in refused("zero.png", media)


def test_a_file_that_is_too_large(media: Path) -> None:
    with (media / "huge.png").open("wb") as file:
        file.truncate(1024**4)
    assert "accepted are up to 10000 bytes" in refused("huge.png", media, 413)
    (media / "exact.png").write_bytes(bytes(10_000))
    assert len(read("exact.png", media)) == 10_000


def test_an_empty_file(media: Path) -> None:
    (media / "empty.png").touch()
    assert "empty file" in refused("empty.png", media, 415)


@pytest.mark.parametrize("folder", ["", "/nowhere/at/all", "/dev/null"])
def test_without_a_media_folder_there_is_no_file(folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "photo.png").write_bytes(PICTURE)
    monkeypatch.chdir(tmp_path)
    refused("photo.png", folder)
    refused(str(tmp_path / "photo.png"), folder)


@pytest.mark.parametrize("kind", ["image/png", "IMAGE/PNG", "image/x-whatever", "image/png;charset=utf-8;name=a"])
def test_a_data_url(kind: str) -> None:
    assert read(f"data:{kind};base64,{in_base64(PICTURE)}") == PICTURE
    assert read(f"  DATA:{kind};BASE64,\n{in_base64(PICTURE)}\n") == PICTURE


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
def test_data_urls_that_are_refused(media: Path, url: str, status: int) -> None:
    refused(url.format(base64=in_base64(PICTURE)), media, status)


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
def test_plain_base64(media: Path, data: bytes) -> None:
    text = in_base64(data)
    assert read(text, media) == data
    assert read("\n".join(text[start : start + 16] for start in range(0, len(text), 16)), media) == data


def test_long_base64_is_decoded_whatever_it_holds(media: Path) -> None:
    data = os.urandom(3_000_001)
    assert read(in_base64(data), media, 3_000_001) == data
    refused(in_base64(data), media, 413, 3_000_000)
    assert "valid base64" in refused(in_base64(data)[:-1], media, 400, 4_000_000)
    assert "paths of up to 4096" in refused("a.b/" * 2000, media)


def test_padding_in_the_middle_is_no_base64(media: Path) -> None:
    piece = in_base64(bytes(1024 * 1024 // 4 * 3 - 2))
    assert len(piece) == 1024 * 1024
    assert piece.endswith("==")
    assert "padding" in refused(piece + piece, media, 400, 4_000_000)


def test_what_is_as_long_as_base64_may_be_a_path(media: Path) -> None:
    name = "iVBORw0KGgoAAAANSUhEUgAA.png"
    (media / name).write_bytes(PICTURE)
    assert read(name, media) == PICTURE
    other = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJ"
    (media / other).write_bytes(PICTURE)
    assert read(other, media) == PICTURE


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
def test_other_urls_are_refused(media: Path, url: str) -> None:
    assert "are not fetched" in refused(url, media)


def test_the_event_loop_goes_on_while_a_file_is_read(media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reading = threading.Event()
    monkeypatch.setattr("router.images.input.read_media_file", lambda *_: PICTURE if reading.wait(10) else b"")
    settings = ServerSettings(models=(), run_folder="", media_folder=str(media))

    async def go() -> bytes:
        asked = asyncio.ensure_future(read_image("photo.png", "image_path", settings))
        await asyncio.sleep(0)
        reading.set()
        return await asked

    assert asyncio.run(go()) == PICTURE
