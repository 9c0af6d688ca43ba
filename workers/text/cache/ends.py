"""Going back to checkpoints, in a memory that has a part of each sequence's state for its end only."""

from __future__ import annotations

from workers.text.cache.checkpoints import Checkpoints
from workers.text.cache.kv_memory import EndMemory
from workers.text.cache.starts import PrefixStart


class Ends:
    """The end states of the sequences in ``memory``, as they are now and at their ``checkpoints``."""

    def __init__(self, memory: EndMemory, checkpoints: Checkpoints) -> None:
        self._memory = memory
        self._checkpoints = checkpoints

    def keep(self, sequence: int, tokens: list[int], owner: str) -> None:
        """Make a checkpoint of a sequence that has ``tokens``, unless there is one."""
        has_room = tokens and self._checkpoints.has_room_for(self._memory.end_bytes(sequence))
        if has_room and not self._checkpoints.holds(tokens, owner):
            self._checkpoints.put(tokens, self._memory.save_end(sequence), owner)

    def reachable(self, tokens: list[int], owner: str, most: int) -> int:
        """How many of ``tokens``, at most ``most``, are before the last checkpoint; 0 if there is none."""
        checkpoint = self._checkpoints.longest(tokens, owner, most)
        return 0 if checkpoint is None else checkpoint.length

    def go_back(self, sequence: int, tokens: list[int], owner: str, length: int) -> bool:
        """Give a sequence that holds ``tokens`` the state behind ``length`` of them; False if that failed."""
        checkpoint = self._checkpoints.longest(tokens, owner, length)
        if checkpoint is None or checkpoint.length < length:
            return False
        return self._memory.load_end(sequence, checkpoint.state)

    def begin_within(self, sequence: int, tokens: list[int], owner: str, length: int) -> bool:
        """The same for a new sequence, which was restored with more tokens than it shall begin with."""
        checkpoint = self._checkpoints.longest(tokens, owner, length)
        if checkpoint is not None:
            self._checkpoints.use(checkpoint)
        return self.go_back(sequence, tokens, owner, length)

    def begin(self, sequence: int, start: PrefixStart) -> bool:
        """Give a new sequence, which shares the cells of a start, the state there; False if there is no room for it."""
        if start.checkpoint is not None:
            self._checkpoints.use(start.checkpoint)
            return self._memory.load_end(sequence, start.checkpoint.state)
        return start.ending is not None and self._memory.load_end(sequence, self._memory.save_end(start.ending))
