"""Drafts are as long as tokens per second grow, and there are none where they would shrink."""

from __future__ import annotations

from typing import Any

from workers.text.speculation.acceptance import Acceptance
from workers.text.speculation.lengths import DraftCandidate, choose_lengths
from workers.text.speculation.step_costs import StepCosts

SEQUENCE: Any = None


def _looked_up(likely: float, most: int = 8) -> DraftCandidate:
    return DraftCandidate(SEQUENCE, likely, most, list(range(most)))


def _asked(likely: float, most: int = 8) -> DraftCandidate:
    return DraftCandidate(SEQUENCE, likely, most, None)


def test_where_further_tokens_cost_little_even_doubtful_drafts_are_tried() -> None:
    assert choose_lengths([_looked_up(0.4)], 1, lambda drafted, _: 1 + 0.01 * drafted)[0] >= 2
    assert choose_lengths([_looked_up(0.95)], 1, lambda drafted, _: 1 + 0.01 * drafted) == [8]


def test_where_they_cost_as_much_as_a_step_there_are_none() -> None:
    assert choose_lengths([_looked_up(0.95)], 1, lambda drafted, _: 1.0 + drafted) == [0]


def test_a_full_batch_has_none_where_one_user_has_some() -> None:
    def seconds(tokens: int) -> float:
        return 1 + 0.1 * tokens  # memory first, then computation

    alone = choose_lengths([_looked_up(0.8)], 1, lambda drafted, _: seconds(1 + drafted))
    crowd = choose_lengths([_looked_up(0.8)] * 64, 64, lambda drafted, _: seconds(64 + drafted))
    assert alone[0] > 0
    assert not any(crowd)


def test_the_likeliest_gets_the_longest_draft() -> None:
    likely, doubtful = choose_lengths([_looked_up(0.95), _looked_up(0.5)], 2, lambda drafted, _: 2 + 0.2 * drafted)
    assert likely > doubtful


def test_rounds_of_a_draft_model_cost_what_they_take() -> None:
    def with_rounds(drafted: int, rounds: int) -> float:
        return 1 + 0.02 * drafted + 0.6 * rounds

    assert choose_lengths([_asked(0.6)], 1, with_rounds) == [0]
    assert choose_lengths([_looked_up(0.6)], 1, with_rounds)[0] > 0


def test_costs_follow_what_was_measured() -> None:
    costs = StepCosts(slope=0.25)
    assert not costs.is_known
    for _ in range(30):
        costs.observe(1, 0.1)
        costs.observe(4, 0.12)
        costs.observe(8, 0.3)
    assert abs(costs.seconds(1) - 0.1) < 0.02
    assert abs(costs.seconds(4) - 0.12) < 0.02
    assert 0.12 < costs.seconds(6) < 0.3
    assert costs.seconds(16) > costs.seconds(8)


def test_a_slower_level_changes_all_sizes() -> None:
    costs = StepCosts(slope=0.25)
    for _ in range(30):
        costs.observe(1, 0.1)
        costs.observe(4, 0.2)
    for _ in range(60):
        costs.observe(1, 0.3)
    assert costs.seconds(4) > 0.35


def test_acceptance_follows_the_latest_drafts() -> None:
    acceptance = Acceptance.like(0.5)
    for _ in range(10):
        acceptance.observe(4, 4)
    high = acceptance.likely
    for _ in range(10):
        acceptance.observe(4, 0)
    assert high > 0.9
    assert acceptance.likely < 0.5
