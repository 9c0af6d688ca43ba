"""The state folder: opened by one server at a time, mended at the start, and gone without one."""

from __future__ import annotations

import asyncio
import errno
import io
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, BinaryIO

import pytest

import router.files.keeper
from router.files.contents import Contents, new_file_id
from router.files.keeper import FileKeeper, FilesUnavailable, OpenFiles
from router.files.store import StorageLimit, StoredFile
from router.storage.database import StorageError

ROOM = StorageLimit(10_000)


def file_of(file_id: str, size_bytes: int = 3, expires_at_s: int = 1000) -> StoredFile:
    return StoredFile(file_id, "bob", "a.jsonl", "batch", size_bytes, 100, expires_at_s)


def store(opened: OpenFiles, file: StoredFile, content: bytes = b"abc") -> None:
    opened.files.contents.write(file.file_id, content)
    opened.files.add(file, ROOM)


def with_keeper(folder: Path | str, use: Callable[[FileKeeper], Coroutine[Any, Any, None]]) -> None:
    async def go() -> None:
        keeper = FileKeeper(str(folder), clock=lambda: 500.0)
        await keeper.open()
        try:
            await use(keeper)
        finally:
            await keeper.close()

    asyncio.run(go())


def test_what_is_stored_is_private_and_there_at_the_next_start(tmp_path: Path) -> None:
    file = file_of(new_file_id())

    async def put(keeper: FileKeeper) -> None:
        await keeper.run(lambda opened: store(opened, file))
        path = keeper.contents.path(file.file_id)
        assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)

    async def get(keeper: FileKeeper) -> None:
        assert await keeper.run(lambda opened: opened.files.find(file.file_id, 500)) == file
        assert keeper.contents.path(file.file_id).read_bytes() == b"abc"

    with_keeper(tmp_path, put)
    with_keeper(tmp_path, get)


def test_at_the_start_contents_without_rows_and_rows_without_contents_go(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept, lost = file_of(new_file_id()), file_of(new_file_id())
    folder = tmp_path / "files"

    async def crash(keeper: FileKeeper) -> None:
        await keeper.run(lambda opened: store(opened, kept))
        await keeper.run(lambda opened: store(opened, lost))
        keeper.contents.write(new_file_id(), b"no row yet")
        keeper.contents.begin(new_file_id()).close()
        (folder / "notes.txt").write_text("not ours")
        (folder / lost.file_id).unlink()

    async def look(keeper: FileKeeper) -> None:
        assert {path.name for path in folder.iterdir()} == {kept.file_id, "notes.txt"}
        assert await keeper.run(lambda opened: opened.files.find(lost.file_id, 500)) is None
        assert await keeper.run(lambda opened: opened.files.find(kept.file_id, 500)) == kept

    with_keeper(tmp_path, crash)
    with_keeper(tmp_path, look)
    (mended,) = [record.__dict__ for record in caplog.records if record.message == "files mended"]
    assert (mended["leftovers"], mended["lost"]) == (2, 1)


def test_a_folder_belongs_to_one_server_and_then_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(router.files.keeper, "OPEN_RETRY_S", 0.001)

    async def use(first: FileKeeper) -> None:
        second = FileKeeper(str(tmp_path))
        await second.open()
        with pytest.raises(
            FilesUnavailable, match="is used by another server; start this one with a folder of its own"
        ):
            await second.run(lambda opened: None)
        opening = asyncio.ensure_future(second.keep_open())
        await first.close()
        await asyncio.wait_for(second.opened.wait(), 10)
        await second.run(lambda opened: None)
        opening.cancel()
        await second.close()

    with_keeper(tmp_path, use)
    assert caplog.text.count("files and batches not available") == 1


def test_a_folder_that_cannot_be_used_ends_no_server(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    async def use(keeper: FileKeeper) -> None:
        with pytest.raises(FilesUnavailable, match=r"/file cannot be used \(File exists\); try again later") as raised:
            _ = keeper.contents
        assert raised.value.status == 503

    with_keeper(tmp_path / "file", use)


def test_without_a_folder_all_is_gone_at_the_end() -> None:
    folders: list[Path] = []

    async def use(keeper: FileKeeper) -> None:
        await keeper.run(lambda opened: store(opened, file_of(new_file_id())))
        folders.append(keeper.contents.path("x").parent.parent)
        assert folders[0].exists()

    with_keeper("", use)
    assert not folders[0].exists()


def test_a_disk_that_fails_is_a_503_with_its_reason_and_a_full_one_a_507(tmp_path: Path) -> None:
    def fail() -> None:
        raise OSError(errno.EIO, "Input/output error")

    def fill() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def refuse(opened: OpenFiles) -> None:
        raise StorageError("no such file")

    async def use(keeper: FileKeeper) -> None:
        with pytest.raises(FilesUnavailable, match="not available: Input/output error"):
            await keeper.on_disk(fail)
        with pytest.raises(FilesUnavailable, match="not available: no such file"):
            await keeper.run(refuse)
        with pytest.raises(FilesUnavailable, match="No space left") as raised:
            await keeper.on_disk(fill)
        assert raised.value.status == 507

    with_keeper(tmp_path, use)


def test_work_in_the_background_waits_for_its_turn_and_leaves_threads_to_clients(tmp_path: Path) -> None:
    go_on = threading.Event()

    async def use(keeper: FileKeeper) -> None:
        work = [asyncio.ensure_future(keeper.in_background(go_on.wait, 20)) for _ in range(200)]
        await asyncio.sleep(0)
        assert await keeper.on_disk(lambda: "read") == "read"
        go_on.set()
        assert all(await asyncio.gather(*work))

    with_keeper(tmp_path, use)


def test_a_content_whose_writing_fails_leaves_nothing(tmp_path: Path) -> None:
    contents = Contents(tmp_path)

    def break_off() -> None:
        with contents.writing(new_file_id()) as file:
            file.write(b"abc")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        break_off()
    assert list(tmp_path.iterdir()) == []


def test_files_expire_and_their_contents_with_them(tmp_path: Path) -> None:
    old, new = file_of(new_file_id(), expires_at_s=500), file_of(new_file_id(), expires_at_s=501)

    async def use(keeper: FileKeeper) -> None:
        for file in (old, new):
            await keeper.run(store, file)
        assert await keeper.run(lambda opened: opened.files.find(old.file_id, 499)) == old
        assert await keeper.run(lambda opened: opened.files.find(old.file_id, 500)) is None
        await keeper.run(lambda opened: opened.files.remove_expired(500))
        assert [path.name for path in (tmp_path / "files").iterdir()] == [new.file_id]
        assert await keeper.run(lambda opened: opened.files.used_bytes()) == 3

    with_keeper(tmp_path, use)


class HangingFile(io.RawIOBase):
    """A file on a disk that does not answer until it is told to."""

    def __init__(self) -> None:
        self.answers = threading.Event()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        self.answers.wait(20.0)
        return 0


def test_a_content_that_a_hanging_disk_still_reads_is_closed_without_waiting_for_it(tmp_path: Path) -> None:
    raw = HangingFile()
    content = io.BufferedReader(raw)

    async def use(keeper: FileKeeper) -> None:
        reading = asyncio.ensure_future(keeper.on_disk(content.read, 10))
        await asyncio.sleep(0)
        keeper.let_go(content)
        assert not content.closed
        raw.answers.set()
        await reading
        while not content.closed:  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.001)

    with_keeper(tmp_path, use)


def test_contents_are_closed_before_the_files_are(tmp_path: Path) -> None:
    content = io.BytesIO(b"abc")

    async def use(keeper: FileKeeper) -> None:
        keeper.let_go(content)

    with_keeper(tmp_path, use)
    assert content.closed


def test_a_content_that_is_opened_after_its_reader_has_left_is_closed(tmp_path: Path) -> None:
    content = io.BytesIO(b"abc")
    asked, opens = threading.Event(), threading.Event()

    def open_slowly() -> BinaryIO:
        asked.set()
        opens.wait(10)
        return content

    async def use(keeper: FileKeeper) -> None:
        opening = asyncio.ensure_future(keeper.opened_by(keeper.on_disk(open_slowly)))
        await asyncio.to_thread(asked.wait, 10)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        opens.set()

    with_keeper(tmp_path, use)
    assert content.closed
