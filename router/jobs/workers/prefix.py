"""Which worker is likely to hold the beginning of a prompt in its KV cache.

The router has no tokenizer, so it compares text: a prompt is cut where its messages or blocks end, and each cut is
known by a hash of everything before it. A worker remembers the cuts of the prompts that it was given. How far a cut
lies from the prompt's start, in characters, tells what it is worth: a greeting in common is not, a handbook is.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from typing import NamedTuple

from shared.wire.jobs import TextJob

BLOCK_CHARACTERS = 512
REMEMBERED_CUTS = 4096


class Cut(NamedTuple):
    """A beginning of a prompt: the hash of it, and its length in characters."""

    digest: bytes
    characters: int


def prefix_cuts(job: TextJob) -> list[Cut]:
    """The prompt's beginnings, shortest first. A conversation's next turn begins with those of its last."""
    if job.messages is not None:
        tools = json.dumps(job.tools) if job.tools else ""
        parts = [tools] + [json.dumps(message, sort_keys=True) for message in job.messages]
    else:
        text = job.prompt if job.prompt is not None else json.dumps(job.prompt_tokens)
        parts = [text[at : at + BLOCK_CHARACTERS] for at in range(0, len(text), BLOCK_CHARACTERS)]
    digest = hashlib.blake2b(digest_size=16)
    characters = 0
    cuts = []
    for part in parts:
        digest.update(part.encode("utf-8", "surrogatepass"))
        characters += len(part)
        cuts.append(Cut(digest.digest(), characters))
    return cuts


class PrefixMemory:
    """The cuts of the last prompts that one worker was given."""

    def __init__(self) -> None:
        self._cuts: OrderedDict[bytes, None] = OrderedDict()

    def remember(self, cuts: list[Cut]) -> None:
        """A prompt with these cuts goes to the worker."""
        for cut in cuts:
            self._cuts[cut.digest] = None
            self._cuts.move_to_end(cut.digest)
        while len(self._cuts) > REMEMBERED_CUTS:
            self._cuts.popitem(last=False)

    def matched(self, cuts: list[Cut]) -> int:
        """How many characters of the prompt with these cuts lie in beginnings that are remembered."""
        characters = 0
        for cut in cuts:
            if cut.digest not in self._cuts:
                break
            characters = cut.characters
        return characters
