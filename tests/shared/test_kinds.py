from __future__ import annotations

from typing import get_args

import pytest

from shared.costs import MAX_ANSWER_TOKENS
from shared.kinds import KINDS, JobKind, estimated_cost, kind_of, max_step_s
from shared.models.catalog import load_catalog
from shared.wire.jobs import ImageJob, SpeechJob, TextJob, TokenizeJob, Work


def test_each_kind_has_one_row_and_each_job_class_one_kind() -> None:
    assert list(KINDS) == list(JobKind)
    classes = [job.job_class for spec in KINDS.values() for job in spec.jobs]
    assert (len(classes), set(classes)) == (len(get_args(Work)), set(get_args(Work)))
    kinds = [kind_of(work) for work in (TextJob(), ImageJob("a cat"), SpeechJob(), TokenizeJob(TextJob()))]
    assert kinds == [JobKind.TEXT, JobKind.IMAGE, JobKind.SPEECH, JobKind.TEXT]


def test_only_jobs_that_generate_nothing_need_no_slot() -> None:
    assert [job.job_class for spec in KINDS.values() for job in spec.jobs if not job.needs_slot] == [TokenizeJob]


@pytest.mark.parametrize("kind", JobKind)
def test_the_example_model_of_a_kind_serves_it(kind: JobKind) -> None:
    assert kind in load_catalog().get(KINDS[kind].example_model).kinds


@pytest.mark.parametrize(
    ("work", "cost"),
    [
        (TextJob(prompt="x" * 400, max_tokens=50), 100 + 2 * 50),
        (TextJob(prompt_tokens=[1] * 30, max_tokens=1), 30 + 2),
        (TextJob(messages=[{"role": "u", "content": [{"text": "x" * 39}]}], max_tokens=1), 10 + 2),
        (TextJob(prompt="", max_tokens=100_000), 2 * MAX_ANSWER_TOKENS),
        (TokenizeJob(TextJob(prompt="x" * 400, max_tokens=50)), 100),
        (ImageJob("a cat", width=256, height=512, steps=20), (2 * 20 + 1) * 4 * 8 + 5 / 4),
    ],
)
def test_the_estimate_before_a_job_runs(work: Work, cost: float) -> None:
    assert estimated_cost(work) == cost


def test_a_recording_is_estimated_by_its_size() -> None:
    assert estimated_cost(SpeechJob(), blob_bytes=160_000) == 500


def test_a_worker_of_several_kinds_may_take_as_long_as_the_slowest() -> None:
    assert max_step_s([JobKind.TEXT]) == 60
    assert max_step_s([JobKind.TEXT, JobKind.IMAGE, JobKind.SPEECH]) == 900
