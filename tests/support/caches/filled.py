"""A KV cache over a fake memory."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.support.caches.fake_end_memory import FakeEndMemory
from tests.support.workers.fake_kv_memory import FakeKVMemory
from workers.text.cache.checkpoints import Checkpoints
from workers.text.cache.copy_costs import CopyCosts
from workers.text.cache.host_cache import HostCache
from workers.text.cache.kv_cache import KVCache

CELLS = 24


SEQUENCES = 5


TOKENS = st.lists(st.integers(0, 2), max_size=10)


def naive_common_prefix(left: list[int], right: list[int]) -> int:
    """How many tokens two lists have in common at their beginnings."""
    length = 0
    while length < min(len(left), len(right)) and left[length] == right[length]:
        length += 1
    return length


class Filled:
    """A cache whose sequences are decoded immediately, into a fake memory."""

    def __init__(
        self,
        cells: int = CELLS,
        sequences: int = SEQUENCES,
        can_share_prefixes: bool = True,
        kept_cells: int | None = None,
        host: HostCache | None = None,
        costs: CopyCosts | None = None,
        shares_cells: bool = True,
        checkpoints: Checkpoints | None = None,
    ) -> None:
        self.memory = FakeKVMemory(shares_cells) if checkpoints is None else FakeEndMemory()
        self.cache = KVCache(self.memory, cells, sequences, can_share_prefixes, kept_cells, host, costs, checkpoints)

    def open(self, *tokens: int) -> tuple[int, int]:
        """Open a sequence and decode what it does not share; returns its id and how much it shared."""
        return self.open_of("", *tokens)

    def open_of(self, owner: str, *tokens: int) -> tuple[int, int]:
        """The same for an owner."""
        sequence, shared = self.cache.open(list(tokens), owner)
        self.extend(sequence, *tokens[shared:])
        return sequence, shared

    def extend(self, sequence: int, *tokens: int) -> None:
        """Decode further tokens of a sequence."""
        self.cache.reserve(len(tokens))
        self.memory.append(sequence, list(tokens))
        self.cache.extend(sequence, list(tokens))
