"""The bytes of a file with one prefix: a signed head with its tokens, its state, then the states at checkpoints.

The head has the digest of the states, so its signature stands for the whole file, and heads can be read alone. What
a head claims is used only after its signature was checked.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from io import FileIO

import numpy as np

from workers.text.cache.checkpoints import Checkpoint
from workers.text.cache.disk.secret import PrefixSecret
from workers.text.cache.host_cache import SavedPrefix, State

MAGIC = b"NEXAKV02"
MAX_TOKENS = 1 << 24
MAX_ENDS = 16
OWNER_BYTES = DIGEST_BYTES = SIGNATURE_BYTES = 32

_FIXED = struct.Struct("<8sIIIIdQ32s32s")
"""Magic, tokens, ends, length of the prompt, whether it goes on, seconds to compute a token, bytes of the state, owner,
digest of all states."""
_END = struct.Struct("<IQ")
"""Tokens before a checkpoint, bytes of its state."""
_HEAD = b"head"

CHUNK_BYTES = 4 * 1024 * 1024
"""So much is read or written and hashed at a time."""


class DamagedFile(Exception):
    """A file is not what this installation has written. The message says how."""


@dataclass(frozen=True, slots=True)
class EndPart:
    """A checkpoint in a file: how many tokens are before it, and the size of its state."""

    length: int
    state_bytes: int


@dataclass(frozen=True, slots=True)
class PrefixHead:
    """What is known of a file without its states. ``owner`` is the signature of the owner's name.

    ``token_s`` is what computing a token took when it was written, 0 if that was not known.
    """

    tokens: list[int]
    owner: bytes
    prompt_length: int
    goes_on: bool
    state_bytes: int
    state_digest: bytes
    ends: tuple[EndPart, ...] = ()
    token_s: float = 0.0

    @property
    def file_bytes(self) -> int:
        """The size of the whole file."""
        ends_bytes = sum(end.state_bytes for end in self.ends)
        return head_bytes(len(self.tokens), len(self.ends)) + self.state_bytes + ends_bytes

    def reach(self, common: int) -> int:
        """How many of the first ``common`` tokens are before a checkpoint or the end, where sequences cannot be cut."""
        lengths = [len(self.tokens), *(end.length for end in self.ends)]
        return max((length for length in lengths if length <= common), default=0)


def head_bytes(tokens: int, ends: int) -> int:
    """The size of a head with so many tokens and checkpoints."""
    return _FIXED.size + 4 * tokens + _END.size * ends + SIGNATURE_BYTES


def head_of(saved: SavedPrefix, owner: bytes, checkpoints: Sequence[Checkpoint], token_s: float) -> PrefixHead:
    """The head for a prefix. It takes the time of hashing its states."""
    digest = hashlib.sha256(saved.state.data)
    for checkpoint in checkpoints:
        digest.update(checkpoint.state.data)
    ends = tuple(EndPart(checkpoint.length, checkpoint.state.nbytes) for checkpoint in checkpoints)
    sizes = saved.prompt_length, saved.goes_on, saved.state.nbytes
    return PrefixHead(saved.tokens, owner, *sizes, digest.digest(), ends, token_s)


def pack_head(head: PrefixHead, key: bytes, secret: PrefixSecret) -> bytes:
    """The bytes of a head; ``key`` says for which model and settings it is."""
    counts = len(head.tokens), len(head.ends), head.prompt_length, int(head.goes_on)
    packed = _FIXED.pack(MAGIC, *counts, head.token_s, head.state_bytes, head.owner, head.state_digest)
    packed += np.asarray(head.tokens, "<i4").tobytes()
    packed += b"".join(_END.pack(end.length, end.state_bytes) for end in head.ends)
    return packed + secret.sign(_HEAD, key, packed)


def read_head(file: FileIO, size: int, key: bytes, secret: PrefixSecret) -> PrefixHead:
    """Read and check the head of a file of ``size`` bytes.

    Raises:
        DamagedFile: it is not one that was written for ``key`` with this secret.
    """
    fixed = file.read(_FIXED.size)
    if len(fixed) < _FIXED.size:
        raise DamagedFile("it is too short")
    magic, count, ends, prompt_length, goes_on, token_s, state_bytes, owner, digest = _FIXED.unpack(fixed)
    if magic != MAGIC:
        raise DamagedFile("it is another kind of file")
    if not 0 < count <= MAX_TOKENS or ends > MAX_ENDS or head_bytes(count, ends) + state_bytes > size:
        raise DamagedFile("its size is not the one that it tells")
    tokens, packed, signature = file.read(4 * count), file.read(_END.size * ends), file.read(SIGNATURE_BYTES)
    if not hmac.compare_digest(signature, secret.sign(_HEAD, key, fixed + tokens + packed)):
        raise DamagedFile("it is not signed by this installation")
    parts = tuple(EndPart(*fields) for fields in _END.iter_unpack(packed))
    ids = np.frombuffer(tokens, "<i4").tolist()
    head = PrefixHead(ids, owner, prompt_length, bool(goes_on), state_bytes, digest, parts, token_s)
    if head.file_bytes != size:
        raise DamagedFile("its size is not the one that it tells")
    return head


def read_states(file: FileIO, head: PrefixHead) -> tuple[State, list[State]]:
    """Read and check what is behind a head: the state of the whole, and those at its checkpoints.

    Raises:
        DamagedFile: it has changed since it was written.
    """
    digest = hashlib.sha256()
    whole, *ends = [_read_state(file, size, digest) for size in (head.state_bytes, *(e.state_bytes for e in head.ends))]
    if not hmac.compare_digest(digest.digest(), head.state_digest):
        raise DamagedFile("its state is not the one that was written")
    return whole, ends


def _read_state(file: FileIO, size: int, digest: hashlib._Hash) -> State:
    state, done = np.empty(size, np.uint8), 0
    view = state.data
    while done < size:
        part = view[done : done + CHUNK_BYTES]
        count = file.readinto(part)
        if not count:
            raise DamagedFile("it is too short")
        digest.update(part[:count])
        done += count
    return state


def write_all(file: FileIO, data: bytes | memoryview) -> None:
    """Write all of some bytes.

    Raises:
        OSError: they cannot be written.
    """
    view, done = memoryview(data).cast("B"), 0
    while done < len(view):
        done += file.write(view[done : done + CHUNK_BYTES]) or 0
