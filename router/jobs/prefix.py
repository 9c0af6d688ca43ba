"""Which worker is likely to hold the beginning of a prompt in its KV cache.

The router has no tokenizer, so it compares text: a prompt is cut where its messages or blocks end, and each cut is
known by a hash of everything before it. A worker remembers the cuts of the prompts that it was given.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict

from shared.jobs import TextJob

BLOCK_CHARACTERS = 512
REMEMBERED_CUTS = 4096


def prefix_cuts(job: TextJob) -> list[bytes]:
    """Hashes of the prompt's beginnings, shortest first. A conversation's next turn begins with those of its last."""
    if job.messages is not None:
        parts = [json.dumps(job.tools)] + [json.dumps(message, sort_keys=True) for message in job.messages]
    else:
        text = job.prompt if job.prompt is not None else json.dumps(job.prompt_tokens)
        parts = [text[at : at + BLOCK_CHARACTERS] for at in range(0, len(text), BLOCK_CHARACTERS)]
    digest = hashlib.blake2b(digest_size=16)
    cuts = []
    for part in parts:
        digest.update(part.encode("utf-8", "surrogatepass"))
        cuts.append(digest.digest())
    return cuts


class PrefixMemory:
    """The cuts of the last prompts that one worker was given."""

    def __init__(self) -> None:
        self._cuts: OrderedDict[bytes, None] = OrderedDict()

    def remember(self, cuts: list[bytes]) -> None:
        """A prompt with these cuts goes to the worker."""
        for cut in cuts:
            self._cuts[cut] = None
            self._cuts.move_to_end(cut)
        while len(self._cuts) > REMEMBERED_CUTS:
            self._cuts.popitem(last=False)

    def matched(self, cuts: list[bytes]) -> int:
        """How many cuts from the first one on are remembered."""
        return next((i for i, cut in enumerate(cuts) if cut not in self._cuts), len(cuts))
