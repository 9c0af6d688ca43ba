"""How often drafts must be right to be worth what their steps cost."""

from __future__ import annotations

import pytest

from scripts.bench.speculation.costs import break_even
from scripts.bench.speculation.tasks import PREDICTED, tasks, with_prediction

MEMORY_BOUND = {1: 1.0, 2: 1.05, 4: 1.1}
COMPUTE_BOUND = {1: 1.0, 2: 2.0, 4: 4.0}


def test_where_steps_of_more_tokens_cost_little_a_few_right_drafts_are_enough() -> None:
    likely, _ = break_even(MEMORY_BOUND, 0.0)
    assert likely < 0.1


def test_where_each_token_costs_a_step_no_drafts_ever_pay() -> None:
    assert break_even(COMPUTE_BOUND, 0.0) == (1.0, 0)


@pytest.mark.parametrize("draft", [0.1, 0.5])
def test_a_draft_model_must_be_right_more_often(draft: float) -> None:
    costs = {1: 1.0, 2: 1.3, 4: 1.9}
    assert break_even(costs, draft)[0] > break_even(costs, 0.0)[0]


def test_a_prediction_is_the_answer_but_for_a_few_words() -> None:
    answer = " ".join(str(number) for number in range(100))
    (job,) = with_prediction(tasks()[PREDICTED], [answer])
    same = sum(one == other for one, other in zip(job.prediction.split(" "), answer.split(" "), strict=True))
    assert 90 < same < 100
