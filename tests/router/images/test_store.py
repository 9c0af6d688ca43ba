"""The output folder of finished pictures."""

from __future__ import annotations

import asyncio
import os
import stat
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import router.images.store
from router.images.store import STALE_PART_AGE_S, ImageStore, clean_periodically
from tests.support.router.client import wait_until

HOUR_S = 3600.0
NAME = "0123456789abcdef0123456789abcdef.png"


def total_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("*.png"))


def aged(path: Path, age_s: float) -> Path:
    """Set the file's modification time to ``age_s`` ago."""
    saved_at_s = path.stat().st_mtime - age_s
    os.utime(path, (saved_at_s, saved_at_s))
    return path


def _wait_until_gone(path: Path) -> None:
    wait_until(lambda: not path.exists())


def test_saved_pictures_can_be_read(tmp_path: Path) -> None:
    store = ImageStore(str(tmp_path / "deep" / "images"), HOUR_S, 1000)
    names = {store.save(b"one"), store.save(b"two")}
    assert {store.read(name) for name in names} == {b"one", b"two"}
    assert {file.name for file in (tmp_path / "deep" / "images").iterdir()} == names


def test_only_this_user_can_read_pictures(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    name = ImageStore(str(folder), HOUR_S, 1000).save(b"png")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600


def test_a_failed_write_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: Path, target: Path) -> None:
        assert source.read_bytes() == b"png"
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="disk full"):
        ImageStore(str(tmp_path), HOUR_S, 1000).save(b"png")
    assert list(tmp_path.iterdir()) == []


def test_a_reader_never_sees_a_partial_picture(tmp_path: Path) -> None:
    """Readers only ever see whole pictures while others are saved and removed."""
    store = ImageStore(str(tmp_path), HOUR_S, 8 * 200_000)
    pictures = {bytes([value]) * 200_000 for value in range(4)}
    done = threading.Event()
    seen: set[bytes] = set()

    def look() -> None:
        while not done.is_set():
            for file in tmp_path.glob("*.png"):
                data = store.read(file.name)
                seen.update({data} if data is not None else ())

    with ThreadPoolExecutor(3) as threads:
        looking = threads.submit(look)
        saving = [threads.submit(store.save, picture) for picture in pictures for _ in range(15)]
        for future in saving:
            future.result()
        done.set()
        looking.result()
    assert seen <= pictures
    assert total_bytes(tmp_path) <= 8 * 200_000


@pytest.mark.parametrize(
    "name", ["", "..", "../" + NAME, NAME.upper(), NAME + "\n", NAME + ".part", NAME[:-4], "secret.txt", "\0" + NAME]
)
def test_only_names_that_the_store_makes_are_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path.parent / NAME).write_text("secret")
    assert ImageStore(str(tmp_path), HOUR_S, 1000).read(name) is None


def test_links_and_folders_are_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    (tmp_path / NAME).symlink_to(secret)
    store = ImageStore(str(tmp_path), HOUR_S, 1000)
    assert store.read(NAME) is None
    (tmp_path / NAME).unlink()
    (tmp_path / NAME).mkdir()
    assert store.read(NAME) is None


def test_pictures_that_are_too_old_are_removed(tmp_path: Path) -> None:
    store = ImageStore(str(tmp_path), HOUR_S, 1000)
    old, young = store.save(b"old"), store.save(b"young")
    aged(tmp_path / old, HOUR_S + 60)
    aged(tmp_path / young, HOUR_S - 60)
    store.clean()
    assert store.read(old) is None
    assert store.read(young) == b"young"


def test_the_oldest_pictures_make_room_for_a_new_one(tmp_path: Path) -> None:
    store = ImageStore(str(tmp_path), HOUR_S, 300)
    first, second, third = (store.save(bytes(100)) for _ in range(3))
    for name, age_s in ((second, 30), (first, 20), (third, 10)):
        aged(tmp_path / name, age_s)
    fourth = store.save(bytes(150))
    assert [store.read(name) is not None for name in (first, second, third, fourth)] == [False, False, True, True]


def test_pictures_of_an_earlier_run_count_towards_the_limit(tmp_path: Path) -> None:
    old = ImageStore(str(tmp_path), HOUR_S, 1000).save(bytes(900))
    new = ImageStore(str(tmp_path), HOUR_S, 1000).save(bytes(200))
    assert {file.name for file in tmp_path.iterdir()} == {new} != {old}


def test_the_folder_is_not_scanned_for_every_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ImageStore(str(tmp_path), HOUR_S, 1000)
    looks: list[object] = []
    scandir = os.scandir

    def noted(folder: str) -> object:
        looks.append(folder)
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", noted)
    for _ in range(10):
        store.save(bytes(100))
    assert len(looks) == 1
    store.save(bytes(100))
    assert len(looks) == 2


def test_a_picture_over_the_limit_is_refused_and_removes_no_other(tmp_path: Path) -> None:
    store = ImageStore(str(tmp_path), HOUR_S, 100)
    name = store.save(bytes(100))
    with pytest.raises(OSError, match="expected at most 100 bytes, got 101"):
        store.save(bytes(101))
    assert store.read(name) == bytes(100)


def test_only_stale_partial_files_are_removed(tmp_path: Path) -> None:
    stale = tmp_path / f"{'a' * 32}.png.part"
    fresh = tmp_path / f"{'b' * 32}.png.part"
    for part in (stale, fresh):
        part.touch()
    aged(stale, STALE_PART_AGE_S + 60)
    ImageStore(str(tmp_path), HOUR_S, 1000).clean()
    assert list(tmp_path.iterdir()) == [fresh]


def test_files_not_made_by_the_store_are_left_alone(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.png"
    elsewhere.write_bytes(bytes(5000))
    folder = tmp_path / "images"
    folder.mkdir()
    others = [folder / name for name in ("holiday.png", f"{'A' * 32}.png", f"{'a' * 33}.png", f"{'a' * 32}.png.bak")]
    for other in others:
        other.write_bytes(bytes(5000))
        aged(other, 9 * HOUR_S)
    link = folder / f"{'c' * 32}.png"
    link.symlink_to(elsewhere)
    inner = folder / f"{'d' * 32}.png"
    inner.mkdir()
    store = ImageStore(str(folder), HOUR_S, 100)
    store.save(bytes(100))
    store.save(bytes(100))
    store.clean()
    assert set(folder.iterdir()) > {*others, link, inner}
    assert elsewhere.exists()


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 500),
    st.lists(st.tuples(st.integers(1, 600), st.integers(0, 7200), st.booleans()), max_size=25),
)
def test_the_folder_never_exceeds_the_limit(keep_bytes: int, steps: list[tuple[int, int, bool]]) -> None:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "other.txt").write_bytes(bytes(1000))
        store = ImageStore(made, HOUR_S, keep_bytes)
        for size_bytes, age_s, also_clean in steps:
            if size_bytes > keep_bytes:
                with pytest.raises(OSError, match="expected at most"):
                    store.save(bytes(size_bytes))
            else:
                name = store.save(bytes(size_bytes))
                assert store.read(name) == bytes(size_bytes)
                aged(folder / name, age_s)
            if also_clean:
                store.clean()
                assert all(file.stat().st_mtime > os.stat(made).st_mtime - HOUR_S - 60 for file in folder.glob("*.png"))
            assert total_bytes(folder) <= keep_bytes
        assert (folder / "other.txt").stat().st_size == 1000


@pytest.mark.parametrize("folder", ["", "{tmp}/file", "{tmp}/file/images", "/dev/null/images", "/proc/images"])
def test_saving_to_an_unwritable_folder_fails(tmp_path: Path, folder: str) -> None:
    (tmp_path / "file").touch()
    store = ImageStore(folder.format(tmp=tmp_path), HOUR_S, 1000)
    with pytest.raises(OSError, match=r"no output folder|\[Errno \d+\]"):
        store.save(b"png")
    assert store.read(NAME) is None


def test_the_folder_is_cleaned_periodically(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router.images.store, "CLEAN_INTERVAL_S", 0.01)
    store = ImageStore(str(tmp_path), HOUR_S, 1000)

    async def go() -> None:
        cleaning = asyncio.ensure_future(clean_periodically(store))
        for _ in range(2):
            path = aged(tmp_path / store.save(b"png"), 2 * HOUR_S)
            await asyncio.to_thread(_wait_until_gone, path)
        cleaning.cancel()
        await asyncio.gather(cleaning, return_exceptions=True)
        assert cleaning.cancelled()

    asyncio.run(asyncio.wait_for(go(), 10))


def test_cleaning_continues_after_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(router.images.store, "CLEAN_INTERVAL_S", 0.01)
    folder = tmp_path / "images"
    folder.touch()
    store = ImageStore(str(folder), HOUR_S, 1000)

    async def go() -> None:
        cleaning = asyncio.ensure_future(clean_periodically(store))
        await asyncio.to_thread(wait_until, lambda: caplog.records)
        folder.unlink()
        path = aged(folder / store.save(b"png"), 2 * HOUR_S)
        await asyncio.to_thread(wait_until, lambda: not path.exists())
        cleaning.cancel()
        await asyncio.gather(cleaning, return_exceptions=True)

    asyncio.run(asyncio.wait_for(go(), 10))
