"""Private SQLite files: which are opened, created, brought up to date and refused."""

from __future__ import annotations

import re
import sqlite3
import threading
from pathlib import Path

import pytest

from router.storage.database import FileKind, StorageError, write_transaction
from router.storage.folder import file_in


class OtherFileError(StorageError):
    """An error of a kind's own."""


FIRST = "CREATE TABLE thing (name TEXT NOT NULL); CREATE UNIQUE INDEX named ON thing (name);"
SECOND = "ALTER TABLE thing ADD COLUMN size INTEGER NOT NULL DEFAULT 7;"
KIND = FileKind("thing file", 0x74686E67, (FIRST,), OtherFileError)
NEXT_KIND = FileKind("thing file", 0x74686E67, (FIRST, SECOND), OtherFileError)


def version(database: sqlite3.Connection) -> int:
    number: int = database.execute("PRAGMA user_version").fetchone()[0]
    return number


def test_a_new_file_is_private_and_in_wal_mode(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "things.sqlite3"
    database = KIND.open(path)
    database.execute("INSERT INTO thing VALUES ('a')")
    assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o600}
    assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert version(database) == 1
    database.close()


def test_what_was_written_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    for expected in ([], [("a",)]):
        database = KIND.open(tmp_path / "things")
        assert database.execute("SELECT name FROM thing").fetchall() == expected
        database.execute("INSERT OR IGNORE INTO thing VALUES ('a')")
        database.close()


def test_without_a_path_it_is_in_memory() -> None:
    database = NEXT_KIND.open(None)
    database.execute("INSERT INTO thing (name) VALUES ('a')")
    assert database.execute("SELECT * FROM thing").fetchall() == [("a", 7)]
    database.close()


def test_an_earlier_file_gets_the_migrations_that_it_lacks(tmp_path: Path) -> None:
    old = KIND.open(tmp_path / "things")
    old.execute("INSERT INTO thing VALUES ('a')")
    old.close()
    new = NEXT_KIND.open(tmp_path / "things", create=False)
    assert new.execute("SELECT name, size FROM thing").fetchall() == [("a", 7)]
    assert version(new) == 2
    new.close()


def test_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    KIND.open(tmp_path / "things").close()
    broken = FileKind("thing file", 0x74686E67, (FIRST, f"{SECOND} INSERT INTO missing VALUES (1);"), OtherFileError)
    with pytest.raises(OtherFileError, match=r"thing file .*cannot be used \(no such table"):
        broken.open(tmp_path / "things")
    database = NEXT_KIND.open(tmp_path / "things")
    assert version(database) == 2
    database.close()


def test_threads_that_open_an_old_file_at_once_migrate_it_once(tmp_path: Path) -> None:
    KIND.open(tmp_path / "things").close()
    failures: list[Exception] = []

    def open_it() -> None:
        try:
            NEXT_KIND.open(tmp_path / "things").close()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite3"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE thing (mine)")
    other.close()
    with pytest.raises(OtherFileError, match="expected a thing file, got another program's database"):
        KIND.open(path)


@pytest.mark.parametrize("content", [b"no database at all, but a text of some length" * 20, b"\0" * 5000])
def test_a_file_that_is_not_a_database_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(OtherFileError, match=re.escape("notes.txt")):
        KIND.open(path)
    assert path.read_bytes() == content


def test_an_empty_file_is_refused_unless_it_may_be_created(tmp_path: Path) -> None:
    path = tmp_path / "things"
    path.touch(mode=0o600)
    with pytest.raises(OtherFileError, match="expected a thing file, got another file"):
        KIND.open(path, create=False)
    KIND.open(path).close()


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    NEXT_KIND.open(tmp_path / "things").close()
    with pytest.raises(OtherFileError, match="expected version 1 or earlier, got 2"):
        KIND.open(tmp_path / "things")


def test_a_file_that_others_may_write_is_refused(tmp_path: Path) -> None:
    KIND.open(tmp_path / "things").close()
    (tmp_path / "things").chmod(0o660)
    with pytest.raises(OtherFileError, match="expected one that only its owner may write, got mode 0660; try: chmod"):
        KIND.open(tmp_path / "things")


def test_a_folder_that_cannot_be_created_is_a_readable_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OtherFileError, match="cannot be opened"):
        KIND.open(tmp_path / "file" / "things")


def test_a_transaction_that_raises_is_undone() -> None:
    database = KIND.open(None)
    with pytest.raises(sqlite3.IntegrityError), write_transaction(database):
        database.executemany("INSERT INTO thing VALUES (?)", [("a",), ("a",)])
    with write_transaction(database):
        database.execute("INSERT INTO thing VALUES ('b')")
    assert database.execute("SELECT name FROM thing").fetchall() == [("b",)]
    database.close()


def test_without_a_state_folder_there_is_no_path() -> None:
    assert file_in("", "things") is None
    assert file_in("/state", "things") == Path("/state/things")
