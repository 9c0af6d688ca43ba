"""Keeps on disk what was learnt from templates, so that a model's next start need not learn again."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import msgspec

from workers.chat.learning.learn import Learnt
from workers.chat.learning.needs import Needs

MAX_CACHED = 256
MAX_FILE_BYTES = 1_000_000
_CODE = Path(__file__).resolve().parent.parent
_SUFFIX = ".json"

log = logging.getLogger("nexa.chat")


def template_key(source: str, bos: str, eos: str, ends: tuple[str, ...] = (), tokens: tuple[str, ...] = ()) -> str:
    """The key of a template: a hash of all that decides what is learnt from it, this code itself included.

    Args:
        source: the template's text.
        bos: the text of the BOS token.
        eos: the text of the EOS token.
        ends: the texts of the tokens that end an answer.
        tokens: the texts of the model's other marker tokens.
    """
    facts = json.dumps([_code_digest(), source, bos, eos, ends, tokens])
    return hashlib.blake2b(facts.encode(), digest_size=20).hexdigest()


@cache
def _code_digest() -> str:
    """A hash of the code that learns, so that another version of it learns again."""
    digest = hashlib.blake2b(digest_size=20)
    for path in sorted(_CODE.rglob("*.py")):
        digest.update(path.relative_to(_CODE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


class _Entry(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    learnt: Learnt
    needs: Needs


class LearntCache:
    """What was learnt, in a folder of at most ``MAX_CACHED`` files. Where the folder is of no use, nothing is kept.

    Args:
        folder: the folder, which is made when it is needed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._told = False

    def get(self, key: str) -> tuple[Learnt, Needs] | None:
        """What was learnt from the template with this key, None if that is not known."""
        path = self._path(key)
        try:
            with path.open("rb") as file:
                stored = file.read(MAX_FILE_BYTES + 1)
            entry = msgspec.json.decode(stored, type=_Entry)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            self._tell(f"{path} cannot be read: {error}")
            return None
        if entry.key != key:
            self._tell(f"{path} is of another template")
            return None
        with contextlib.suppress(OSError):  # a folder that cannot be written is read all the same
            os.utime(path)
        return entry.learnt, entry.needs

    def put(self, key: str, learnt: Learnt, needs: Needs) -> None:
        """Keep what was learnt. The files that were not used for the longest time make room."""
        try:
            text = msgspec.json.encode(_Entry(key=key, learnt=learnt, needs=needs))
            self._folder.mkdir(parents=True, exist_ok=True)
            self._write(self._path(key), text)
            self._make_room()
        except (OSError, msgspec.MsgspecError, TypeError, UnicodeError, RecursionError) as error:
            self._tell(f"{self._folder} cannot be written: {error}")

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}{_SUFFIX}"

    def _write(self, path: Path, text: bytes) -> None:
        """Write a file that others see whole or not at all."""
        handle, part = tempfile.mkstemp(prefix=".part-", suffix=_SUFFIX, dir=self._folder)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(text)
            os.replace(part, path)
        except OSError:
            Path(part).unlink(missing_ok=True)
            raise

    def _make_room(self) -> None:
        for _, path in sorted(self._ages(), reverse=True)[MAX_CACHED:]:
            path.unlink(missing_ok=True)

    def _ages(self) -> Iterator[tuple[float, Path]]:
        for path in self._folder.glob(f"*{_SUFFIX}"):  # parts that a killed process left too
            with contextlib.suppress(FileNotFoundError):  # another process made room
                yield path.stat().st_mtime, path

    def _tell(self, what: str) -> None:
        if not self._told:
            self._told = True
            log.warning("chat formats are learnt again at each start: %s", what)
