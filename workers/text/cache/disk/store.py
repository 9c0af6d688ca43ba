"""Prefixes of one model on disk: written, found, read and checked."""

from __future__ import annotations

import contextlib
import errno
import logging
import threading
from collections.abc import Iterator, Sequence
from collections.abc import Sequence as Tokens
from dataclasses import dataclass

import numpy as np

from workers.text.cache.checkpoints import Checkpoint
from workers.text.cache.disk.folder import KeyFolder, NoSpace
from workers.text.cache.disk.index import FoundFile, PrefixIndex
from workers.text.cache.disk.prefix_file import DamagedFile, head_of, pack_head, read_head, read_states, write_all
from workers.text.cache.disk.secret import DiskUnusable, PrefixSecret
from workers.text.cache.host_cache import SavedPrefix

log = logging.getLogger("nexa.text")

_OWNER, _NAME = b"owner", b"name"

_OF_THIS_PROCESS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""Errors that say nothing about the file: too many are open, or memory is short."""


@dataclass(frozen=True, slots=True)
class ReadPrefix:
    """What a file held: a prefix, and the checkpoints within it."""

    saved: SavedPrefix
    checkpoints: list[Checkpoint]


class PrefixStore:
    """The files of one model and its settings. Threads may share it, and processes the folder.

    Without ``can_cut``, prompts begin only at checkpoints and at the ends of what was saved. ``written_bytes`` and
    ``read_bytes`` count whole files. ``token_s`` is what computing a token took, as the latest used of the files that
    were found tells; 0 if none does.
    """

    def __init__(self, folder: KeyFolder, secret: PrefixSecret, can_cut: bool = True) -> None:
        self._folder = folder
        self._secret = secret
        self._lock = threading.Lock()
        self._index = PrefixIndex(can_cut)
        self._stamp = -1
        self._warned = self._blind = False
        self.written_bytes = self.read_bytes = 0
        self.token_s = 0.0

    def refresh(self) -> bool:
        """Look for files that other processes, or earlier ones, have written; False if nothing has changed.

        It reads the heads of new ones. Where the folder cannot be read, files stay as they are known.
        """
        try:
            stamp = self._folder.stamp()
            if stamp == self._stamp:
                return False
            names = self._folder.names()
        except OSError as error:
            if not self._blind:
                log.warning("--cache-disk: the folder cannot be read: %s", _reason(error))
            self._blind = True
            return False
        self._blind = False
        with self._lock:
            for gone in self._index.names() - set(names):
                self._index.remove(gone)
            unknown = [name for name in names if name not in self._index]
        for name in unknown:
            with self._refusing(name), self._folder.reading(name) as (file, size):
                head = read_head(file, size, self._folder.key, self._secret)
                self.token_s = self.token_s or head.token_s
                with self._lock:
                    self._index.add(name, head)
        self._stamp = stamp
        return True

    def longest(self, tokens: Tokens[int], owner: str) -> tuple[int, FoundFile | None]:
        """The longest beginning of ``tokens`` that an owner's file gives, and the smallest such file."""
        with self._lock:
            return self._index.longest(tokens, self._owner(owner))

    def holds(self, tokens: Tokens[int], owner: str) -> bool:
        """Whether a file begins with all of ``tokens``. It becomes the latest used."""
        with self._lock:
            name = self._index.beginning_with(tokens, self._owner(owner))
        if name is None:
            return False
        self._folder.use(name)
        return True

    def read(self, found: FoundFile, owner: str) -> ReadPrefix | None:
        """What a file holds; None if it is gone or was refused."""
        with self._refusing(found.name), self._folder.reading(found.name) as (file, size):
            head = read_head(file, size, self._folder.key, self._secret)
            if head.owner != self._owner(owner):
                raise DamagedFile("it is another owner's")
            state, ends = read_states(file, head)
            self._folder.use(found.name)
            self.read_bytes += size
            saved = SavedPrefix(head.tokens, state, owner, head.prompt_length, head.goes_on)
            lengths = [end.length for end in head.ends]
            parts = zip(lengths, ends, strict=True)
            return ReadPrefix(saved, [Checkpoint(head.tokens[:length], end, owner) for length, end in parts])
        return None

    def write(self, saved: SavedPrefix, checkpoints: Sequence[Checkpoint] = (), token_s: float = 0.0) -> bool:
        """Write a prefix, with checkpoints within it; it replaces the owner's files of its beginnings.

        Returns:
            False if there is no room for it.
        """
        owner = self._owner(saved.owner)
        name = self._secret.sign(_NAME, self._folder.key, owner, np.asarray(saved.tokens, "<i4").tobytes())[:16].hex()
        head = head_of(saved, owner, checkpoints, token_s)
        packed = pack_head(head, self._folder.key, self._secret)
        try:
            with self._folder.writing(name, head.file_bytes) as file:
                write_all(file, packed)
                for state in (saved.state, *(checkpoint.state for checkpoint in checkpoints)):
                    write_all(file, state.data)
        except (NoSpace, DiskUnusable, OSError) as error:
            self._warn(error)
            return False
        self._warned = False
        self.written_bytes += head.file_bytes
        with self._lock:
            replaced = self._index.replaced_by(saved.tokens, owner)
            for beginning in replaced:
                self._index.remove(beginning)
            self._index.add(name, head)
        for beginning in replaced:
            self._folder.remove(beginning)
        return True

    def _owner(self, owner: str) -> bytes:
        return self._secret.sign(_OWNER, owner.encode("utf-8", "surrogatepass"))

    def _warn(self, error: Exception) -> None:
        """Say once that nothing is written, until something is again."""
        if not self._warned:
            log.warning("--cache-disk: prefixes are not written: %s", _reason(error))
        self._warned = True

    @contextlib.contextmanager
    def _refusing(self, name: str) -> Iterator[None]:
        """Within the block, a file that is not as this installation writes it is removed.

        It stays if this process, and not the file, lacks something.
        """
        try:
            yield
            return
        except FileNotFoundError:
            pass
        except (DamagedFile, OSError) as error:
            if isinstance(error, OSError) and error.errno in _OF_THIS_PROCESS:
                log.warning("--cache-disk: %s.prefix cannot be read: %s", name, _reason(error))
                return
            log.warning("--cache-disk: %s.prefix is removed: %s", name, _reason(error))
            with contextlib.suppress(OSError):
                self._folder.remove(name)
        with self._lock:
            self._index.remove(name)


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
