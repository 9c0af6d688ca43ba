"""The bytes of a file with one prefix: a signed head with its tokens, then the states.

The head has the digest of the states, so its signature stands for the whole file, and heads can be read alone. What
a head claims is used only after its signature was checked.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass
from io import FileIO

import numpy as np

from workers.text.cache.disk.secret import PrefixSecret
from workers.text.cache.host_cache import SavedPrefix, State

MAGIC = b"NEXAKV01"
MAX_TOKENS = 1 << 24
OWNER_BYTES = DIGEST_BYTES = SIGNATURE_BYTES = 32

_FIXED = struct.Struct("<8sIIIQ32s32s")
"""Magic, tokens, length of the prompt, whether it goes on, bytes of the state, owner, digest of the state."""
_HEAD = b"head"

CHUNK_BYTES = 4 * 1024 * 1024
"""So much is read or written and hashed at a time."""


class DamagedFile(Exception):
    """A file is not what this installation has written. The message says how."""


@dataclass(frozen=True, slots=True)
class PrefixHead:
    """What is known of a file without its state. ``owner`` is the signature of the owner's name."""

    tokens: list[int]
    owner: bytes
    prompt_length: int
    goes_on: bool
    state_bytes: int
    state_digest: bytes

    @property
    def file_bytes(self) -> int:
        """The size of the whole file."""
        return head_bytes(len(self.tokens)) + self.state_bytes


def head_bytes(tokens: int) -> int:
    """The size of a head with so many tokens."""
    return _FIXED.size + 4 * tokens + SIGNATURE_BYTES


def head_of(saved: SavedPrefix, owner: bytes) -> PrefixHead:
    """The head for a prefix. It takes the time of hashing its state."""
    digest = hashlib.sha256(saved.state.data).digest()
    return PrefixHead(saved.tokens, owner, saved.prompt_length, saved.goes_on, saved.state.nbytes, digest)


def pack_head(head: PrefixHead, key: bytes, secret: PrefixSecret) -> bytes:
    """The bytes of a head; ``key`` says for which model and settings it is."""
    packed = _FIXED.pack(
        MAGIC, len(head.tokens), head.prompt_length, int(head.goes_on), head.state_bytes, head.owner, head.state_digest
    )
    packed += np.asarray(head.tokens, "<i4").tobytes()
    return packed + secret.sign(_HEAD, key, packed)


def read_head(file: FileIO, size: int, key: bytes, secret: PrefixSecret) -> PrefixHead:
    """Read and check the head of a file of ``size`` bytes.

    Raises:
        DamagedFile: it is not one that was written for ``key`` with this secret.
    """
    fixed = file.read(_FIXED.size)
    if len(fixed) < _FIXED.size:
        raise DamagedFile("it is too short")
    magic, count, prompt_length, goes_on, state_bytes, owner, digest = _FIXED.unpack(fixed)
    if magic != MAGIC:
        raise DamagedFile("it is another kind of file")
    if not 0 < count <= MAX_TOKENS or head_bytes(count) + state_bytes != size:
        raise DamagedFile("its size is not the one that it tells")
    tokens, signature = file.read(4 * count), file.read(SIGNATURE_BYTES)
    if not hmac.compare_digest(signature, secret.sign(_HEAD, key, fixed + tokens)):
        raise DamagedFile("it is not signed by this installation")
    return PrefixHead(np.frombuffer(tokens, "<i4").tolist(), owner, prompt_length, bool(goes_on), state_bytes, digest)


def read_state(file: FileIO, head: PrefixHead) -> State:
    """Read and check the state behind a head.

    Raises:
        DamagedFile: it has changed since it was written.
    """
    state = np.empty(head.state_bytes, np.uint8)
    view, digest, done = state.data, hashlib.sha256(), 0
    while done < head.state_bytes:
        part = view[done : done + CHUNK_BYTES]
        count = file.readinto(part)
        if not count:
            raise DamagedFile("it is too short")
        digest.update(part[:count])
        done += count
    if not hmac.compare_digest(digest.digest(), head.state_digest):
        raise DamagedFile("its state is not the one that was written")
    return state


def write_all(file: FileIO, data: bytes | memoryview) -> None:
    """Write all of some bytes.

    Raises:
        OSError: they cannot be written.
    """
    view, done = memoryview(data).cast("B"), 0
    while done < len(view):
        done += file.write(view[done : done + CHUNK_BYTES]) or 0
