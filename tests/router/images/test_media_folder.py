"""Input pictures from the media folder, and attacks on it."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

import pytest

import router.images.media_folder
from router.schemas.errors import ApiError
from tests.support.requests.pictures import png
from tests.support.router.input_pictures import PICTURE, SECRET, read_input, refusal_of


def test_a_file_in_the_media_folder_is_read(media: Path) -> None:
    assert read_input("photo.png", media) == PICTURE
    assert read_input("holiday/beach 1.png", media) == png(7)
    assert read_input("./holiday//beach 1.png", media) == png(7)
    assert read_input(" photo.png\n", media) == PICTURE


def test_an_absolute_path_inside_the_media_folder_is_read(media: Path, tmp_path: Path) -> None:
    assert read_input(str(media / "photo.png"), media) == PICTURE
    named = tmp_path / "named"
    named.symlink_to(media)
    assert read_input(str(named / "photo.png"), named) == PICTURE
    assert read_input(str(media / "photo.png"), named) == PICTURE


def test_links_that_stay_inside_are_followed(media: Path) -> None:
    (media / "link.png").symlink_to("holiday/beach 1.png")
    (media / "album").symlink_to(media / "holiday")
    assert read_input("link.png", media) == png(7)
    assert read_input("album/beach 1.png", media) == png(7)


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
def test_paths_with_two_dots_are_refused(media: Path, path: str) -> None:
    assert "'..'" in refusal_of(path.format(media=media), media)


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
def test_anything_but_a_regular_file_inside_is_refused(media: Path, tmp_path: Path, path: str) -> None:
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
        message = refusal_of(path.format(media=media, tmp=tmp_path), media)
    assert "expected a file in the server's media folder" in message
    assert str(tmp_path) not in message.replace(path.format(media=media, tmp=tmp_path), "")


def test_a_refusal_does_not_reveal_what_exists_outside(media: Path, tmp_path: Path) -> None:
    (media / "there.png").symlink_to(tmp_path / "secret.png")
    (media / "gone.png").symlink_to(tmp_path / "missing.png")
    assert refusal_of("there.png", media) == refusal_of("gone.png", media).replace("gone", "there")
    there, gone = str(tmp_path / "secret.png"), str(tmp_path / "missingpng")
    assert refusal_of(there, media).replace(there, gone) == refusal_of(gone, media)


def test_a_folder_replaced_by_a_link_after_the_check_is_refused(media: Path, tmp_path: Path) -> None:
    (tmp_path / "beach 1.png").write_bytes(SECRET)
    root, components = router.images.media_folder._resolve(str(media), "holiday/beach 1.png")
    (media / "holiday").rename(media / "moved")
    (media / "holiday").symlink_to(tmp_path)
    with pytest.raises(OSError, match=r"beach|photo|holiday"):
        router.images.media_folder._open(root, components)


def test_a_file_replaced_by_a_link_or_pipe_after_the_check_is_refused(media: Path, tmp_path: Path) -> None:
    place = router.images.media_folder._resolve(str(media), "photo.png")
    (media / "photo.png").unlink()
    (media / "photo.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(OSError, match=r"beach|photo|holiday"):
        router.images.media_folder._open(*place)
    (media / "photo.png").unlink()
    os.mkfifo(media / "photo.png")
    with pytest.raises(OSError, match=r"beach|photo|holiday"):
        router.images.media_folder._open(*place)


def test_paths_outside_and_devices_are_never_accessed(
    media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looking up a path can mount a file system, and opening a device can have side effects."""
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
    refusal_of("/net/secret.png", media)
    refusal_of("pipe.png", media)
    refusal_of("out.png", media)
    assert not [path for path in touched if path in ("pipe.png", "out.png") or "secret" in path]
    assert read_input("photo.png", media) == PICTURE
    assert "photo.png" in touched


def test_no_file_descriptor_is_leaked(media: Path) -> None:
    os.mkfifo(media / "pipe.png")
    before = len(os.listdir("/proc/self/fd"))
    for path in ("holiday/beach 1.png", "pipe.png", "missing.png", "holiday"):
        for _ in range(5):
            with contextlib.suppress(ApiError):
                read_input(path, media)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_device_in_the_media_folder_is_refused(media: Path) -> None:
    try:
        os.mknod(media / "zero.png", 0o666 | 0o020000, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("devices cannot be made here")
    assert "expected a file in" in refusal_of("zero.png", media)


def test_a_file_over_the_limit_is_413(media: Path) -> None:
    with (media / "huge.png").open("wb") as file:
        file.truncate(1024**4)
    assert "at most 10000 bytes" in refusal_of("huge.png", media, 413)
    (media / "exact.png").write_bytes(bytes(10_000))
    assert len(read_input("exact.png", media)) == 10_000


def test_an_empty_file_is_415(media: Path) -> None:
    (media / "empty.png").touch()
    assert "expected a picture, got no data" in refusal_of("empty.png", media, 415)


@pytest.mark.parametrize("folder", ["", "/nowhere/at/all", "/dev/null"])
def test_without_a_media_folder_every_path_is_refused(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photo.png").write_bytes(PICTURE)
    monkeypatch.chdir(tmp_path)
    refusal_of("photo.png", folder)
    refusal_of(str(tmp_path / "photo.png"), folder)
