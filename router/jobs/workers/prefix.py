"""Which worker probably holds the prefix of a prompt in its KV cache.

The router has no tokenizer, so it compares text. A prompt is cut at the ends of its messages or blocks, and each cut is
identified by a hash of everything before it. The router remembers the cuts of the prompts that it sent to each worker.
Of several workers, the one with the longest common prefix, in characters, saves the most work.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from itertools import islice, takewhile
from typing import Any, NamedTuple

from shared.wire.chat_media import media_parts
from shared.wire.jobs import TextJob

BLOCK_CHARACTERS = 512
"""Length of the blocks of a prompt without messages."""
MAX_CUTS = 4096
"""Cuts remembered for each worker."""
MEDIUM_CHARACTERS = 2048
"""What a picture or a recording counts as: it is the work of that much text, or more."""
MAX_PROMPT_CUTS = 256
"""Cuts of one prompt: a long beginning tells conversations apart, and the event loop has other work."""
_MAX_PROMPT_IDS = MAX_PROMPT_CUTS * BLOCK_CHARACTERS // 3 + 1
"""As text, an id and its separator have three characters or more."""


class Cut(NamedTuple):
    """A prefix of a prompt: its hash, and its length in characters. One that is ``alone`` is a medium, wherever it is:
    a worker that has computed it need not do so again for another chat.
    """

    digest: bytes
    characters: int
    alone: bool = False


def prefix_cuts(job: TextJob, owner: str = "", digests: Sequence[bytes] = ()) -> list[Cut]:
    """The prefixes of a prompt, shortest first. Each turn of a conversation also has those of the turns before it.

    Those of different owners are different, and those with different adapters. ``digests`` are the hashes of the job's
    files: pictures with the same content are the same, wherever the job has them. Behind the prefixes comes each of
    them alone.
    """
    owner = f"{owner}\0{job.adapters}" if job.adapters else owner
    secret = owner.encode("utf-8", "surrogatepass") + b"\0" if owner else b""
    digest = hashlib.blake2b(secret, digest_size=16)
    characters = 0
    cuts = []
    for part, media in islice(_parts(job, digests), MAX_PROMPT_CUTS):
        digest.update(part.encode("utf-8", "surrogatepass"))
        characters += len(part) + media * MEDIUM_CHARACTERS
        cuts.append(Cut(digest.digest(), characters))
    return cuts + [Cut(_alone(secret, medium), MEDIUM_CHARACTERS, alone=True) for medium in digests]


def _alone(owner: bytes, medium: bytes) -> bytes:
    return hashlib.blake2b(owner + medium, digest_size=16, person=b"medium").digest()


def _parts(job: TextJob, digests: Sequence[bytes]) -> Iterator[tuple[str, int]]:
    """The texts between two cuts, each with the number of its media."""
    if job.messages is not None:
        context = json.dumps(job.context_tokens[:_MAX_PROMPT_IDS]) if job.context_tokens else ""
        yield context + (json.dumps(job.tools) if job.tools else ""), 0
        for message in job.messages:
            yield _of_message(message, digests)
    else:
        text = job.prompt if job.prompt is not None else json.dumps((job.prompt_tokens or [])[:_MAX_PROMPT_IDS])
        for at in range(0, len(text), BLOCK_CHARACTERS):
            yield text[at : at + BLOCK_CHARACTERS], 0


def _of_message(message: dict[str, Any], digests: Sequence[bytes]) -> tuple[str, int]:
    """A message as text, in which the hashes of its media stand for them, and their number."""
    content = message.get("content")
    if not isinstance(content, list):
        return json.dumps(message, sort_keys=True), 0
    media = [part["blob"] for part in media_parts([message])]
    hashes = [digests[blob].hex() for blob in media if blob < len(digests)]
    texts = [part.get("text") for part in content]
    return json.dumps({**message, "content": texts, "media": hashes}, sort_keys=True), len(media)


class PrefixMemory:
    """The cuts of the latest prompts sent to one worker."""

    def __init__(self) -> None:
        self._cuts: OrderedDict[bytes, None] = OrderedDict()

    def remember(self, cuts: list[Cut]) -> None:
        """Add the cuts of a prompt sent to the worker."""
        for cut in cuts:
            self._cuts[cut.digest] = None
            self._cuts.move_to_end(cut.digest)
        while len(self._cuts) > MAX_CUTS:
            self._cuts.popitem(last=False)

    def matched(self, cuts: list[Cut]) -> int:
        """The length of the longest remembered prefix among these cuts, in characters, or that of all known media."""
        prefixes = takewhile(lambda cut: not cut.alone and cut.digest in self._cuts, cuts)
        longest = max((cut.characters for cut in prefixes), default=0)
        media = sum(cut.characters for cut in cuts if cut.alone and cut.digest in self._cuts)
        return max(longest, media)
