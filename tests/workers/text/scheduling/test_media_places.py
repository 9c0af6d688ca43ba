"""Checkpoints, waiting for a common prefix, and embeddings in steps, where prompts have pictures."""

from __future__ import annotations

import numpy as np

from tests.support.engines.seeing import SeenChunk
from tests.support.workers.scheduler_loop import PREFILL, WAITING, Loop, numbers
from workers.engine import Party
from workers.text.cache.pseudo_tokens import pseudo_tokens
from workers.text.media.projector import Embeddings, MediaChunk
from workers.text.media.spans import MediaSpan, position_of
from workers.text.scheduling.checkpoint_places import places_of
from workers.text.scheduling.media_turns import MediaTurns, embeddings_length
from workers.text.scheduling.prompt_order import oldest_without
from workers.text.scheduling.scheduled import ScheduledTokens
from workers.text.sequence import Sequence

CHUNK = SeenChunk(b"k" * 32, 10, 20, True, 4)


class EmbeddingShelf:
    """Embeddings that are there or not."""

    def __init__(self) -> None:
        self.wanted: list[bytes] = []
        self.there: set[bytes] = set()

    def want(self, chunk: MediaChunk, party: Party, owner: str) -> bool:
        self.wanted.append(chunk.key)
        return chunk.key in self.there

    def release(self, chunk: MediaChunk, party: Party, owner: str) -> None:
        self.wanted.remove(chunk.key)

    def embeddings(self, chunk: MediaChunk, owner: str) -> Embeddings | None:
        return np.zeros((chunk.length, 2), np.float32) if chunk.key in self.there else None


def with_picture(loop: Loop, before: int, after: int) -> Sequence:
    tokens = pseudo_tokens(CHUNK.key, CHUNK.length, CHUNK.positions)
    sequence = loop.add([*numbers(0, before), *tokens, *numbers(500, after)])
    sequence.media = [MediaSpan(before, CHUNK)]
    return sequence


def test_no_checkpoint_is_within_a_picture() -> None:
    sequence = with_picture(Loop(cells=4000), 1950, 100)  # the picture is from 1950 to 2150
    sequence.last_turn = 2000
    assert places_of(sequence) == [1950, 2234]


def test_positions_behind_a_picture_are_fewer_than_places() -> None:
    sequence = with_picture(Loop(cells=4000), 30, 10)
    assert [sequence.position(place) for place in (0, 30, 230, 239)] == [0, 30, 50, 59]
    assert position_of([], 7) == 7


def test_the_text_before_a_picture_is_pending_by_itself() -> None:
    sequence = with_picture(Loop(cells=4000), 30, 10)
    seen = []
    for computed in (0, 29, 30, 100, 230, 240):
        sequence.computed = computed
        seen.append(sequence.pending_text)
    assert seen == [30, 1, 0, 0, 10, 0]


def test_prompts_with_the_same_picture_wait_for_the_one_that_computes_it() -> None:
    loop = Loop(slots=4, cells=4000, batch=64)
    first, second = with_picture(loop, 5, 10), with_picture(loop, 5, 10)
    first.media, second.media = [], []  # only the tokens count here
    loop.step()
    assert first.state is not WAITING
    assert second.state is WAITING


def test_only_what_the_cache_lacks_is_wanted_and_only_until_it_is_there() -> None:
    shelf = EmbeddingShelf()
    turns = MediaTurns(shelf)
    sequence = with_picture(Loop(cells=4000), 5, 10)
    sequence.computed = 205
    turns.start(sequence)
    assert (shelf.wanted, turns.reused) == ([], 1)
    sequence.computed = 3
    turns.start(sequence)
    assert (shelf.wanted, turns.reused) == ([CHUNK.key], 1)
    sequence.computed = 204
    turns.advance(sequence)
    assert shelf.wanted
    sequence.computed = 205
    turns.advance(sequence)
    assert not shelf.wanted
    turns.stop(sequence)
    sequence.computed = 205
    turns.start(sequence)
    turns.stop(sequence)
    assert not turns._wanted  # no ended chat is kept, whether something was wanted for it or not


def test_only_causal_chunks_are_cut() -> None:
    sequence = with_picture(Loop(cells=4000), 5, 10)
    sequence.computed = 5
    assert embeddings_length(sequence, MediaSpan(5, CHUNK), 64) == 64
    assert embeddings_length(sequence, MediaSpan(5, SeenChunk(b"k" * 32, 10, 20, False, 1)), 64) == 200
    sequence.computed = 190
    assert embeddings_length(sequence, MediaSpan(5, CHUNK), 64) == 15


def test_a_prompt_that_waits_for_its_picture_is_not_left_out() -> None:
    loop = Loop(cells=4000)
    sequences = [with_picture(loop, 5, 10), loop.add(numbers(1000, 400)), loop.add(numbers(2000, 20))]
    for sequence in sequences:
        sequence.move(PREFILL)
    waiting, long, short = sequences
    waiting.computed = 5
    assert oldest_without([ScheduledTokens(short, 20, True)], sequences) is long
    waiting.computed = 4
    assert oldest_without([ScheduledTokens(short, 20, True)], sequences) is waiting
