from __future__ import annotations

import itertools

import pytest

from shared.states import IllegalMove
from shared.wire.jobs import Sampling, TextJob
from workers.text.output.assembler import TextAssembler
from workers.text.sampling.sampler import Sampler
from workers.text.sequence import SEQUENCE_MOVES, Sequence, SequenceState


def new_sequence(prompt: int = 3) -> Sequence:
    sampler = Sampler(Sampling(temperature=0.0), vocab_size=8)
    return Sequence("job", TextJob(), list(range(prompt)), prompt, 10, sampler, TextAssembler([]))


def test_every_state_is_in_the_table_and_can_be_reached() -> None:
    assert set(SEQUENCE_MOVES) == set(SequenceState)
    reached, new = set[SequenceState](), {SequenceState.WAITING}
    while new:
        reached |= new
        new = {move for state in new for move in SEQUENCE_MOVES[state]} - reached
    assert reached == set(SequenceState)


def test_finished_is_final_and_every_other_state_can_finish() -> None:
    assert [state for state, moves in SEQUENCE_MOVES.items() if not moves] == [SequenceState.FINISHED]
    for state in set(SequenceState) - {SequenceState.FINISHED}:
        assert SequenceState.FINISHED in SEQUENCE_MOVES[state]


@pytest.mark.parametrize(("start", "target"), list(itertools.product(SequenceState, SequenceState)))
def test_a_move_is_made_if_it_is_in_the_table_and_raises_otherwise(start: SequenceState, target: SequenceState) -> None:
    sequence = new_sequence()
    sequence.state = start
    if target in SEQUENCE_MOVES[start]:
        sequence.move(target)
        assert sequence.state is target
    else:
        with pytest.raises(IllegalMove, match=f"sequence job: no move from {start} to {target}"):
            sequence.move(target)
        assert sequence.state is start


def test_pending_and_generated_are_counted_from_both_ends() -> None:
    sequence = new_sequence(prompt=3)
    assert (sequence.pending, sequence.generated) == (3, 0)
    sequence.computed = 3
    sequence.tokens += [7, 8]
    assert (sequence.pending, sequence.generated) == (2, 2)
