from __future__ import annotations

import pytest

from router.jobs.blame.record import FIRST_TRIAL_TOKENS, TRIAL_GROWTH, BlameRecord, Death, Doubt


def record_of(*presences: tuple[int, bool]) -> BlameRecord:
    """The record of a job that was at deaths of these numbers of tokens; on trial or not."""
    record = BlameRecord()
    for tokens, on_trial in presences:
        record.add(Death(), tokens, on_trial)
    return record


@pytest.mark.parametrize(
    ("presences", "doubt"),
    [
        ([], Doubt.NONE),
        ([(7, False)], Doubt.NONE),
        ([(7, False), (3, False)], Doubt.SUSPECT),
        ([(0, False)], Doubt.SUSPECT),
        ([(0, False), (0, True)], Doubt.ACCUSED),
        ([(7, False), (3, False), (2, True)], Doubt.ACCUSED),
    ],
    ids=["no death", "generating once", "generating twice", "at its beginning", "on trial", "later in a trial"],
)
def test_doubt_depends_on_what_the_job_did_when_workers_died(presences: list[tuple[int, bool]], doubt: Doubt) -> None:
    record = record_of(*presences)
    assert (record.doubt, record.deaths) == (doubt, len(presences))


def test_a_conviction_clears_all_others_that_were_there() -> None:
    culprit, suspect, accused = BlameRecord(), BlameRecord(), BlameRecord()
    first, second = Death(), Death()
    for record in (culprit, suspect, accused):
        record.add(first, 0, on_trial=False)
    for record in (culprit, accused):
        record.add(second, 0, on_trial=record is accused)
    culprit.convict()
    assert (suspect.doubt, accused.doubt) == (Doubt.NONE, Doubt.NONE)
    assert culprit.deaths == 3


def test_a_passed_trial_clears_only_its_job() -> None:
    death, tried, other = Death(), BlameRecord(), BlameRecord()
    for record in (tried, other):
        record.add(death, 0, on_trial=False)
    tried.acquit()
    assert (tried.doubt, other.doubt) == (Doubt.NONE, Doubt.SUSPECT)


@pytest.mark.parametrize(
    ("presences", "tokens"),
    [
        ([], 1),
        ([(500, False)], 1),
        ([(0, False)], 1),
        ([(3, False), (7, False)], 8),
        ([(3, False), (500, False)], FIRST_TRIAL_TOKENS),
    ],
    ids=["no death", "not in doubt", "at its beginning", "one more than survived", "at most"],
)
def test_a_trial_lasts_longer_than_any_worker_survived(presences: list[tuple[int, bool]], tokens: int) -> None:
    assert record_of(*presences).trial_tokens == tokens


def test_each_trial_of_a_job_may_last_longer() -> None:
    record = record_of((500, False), (500, False))
    record.acquit()
    for _ in range(2):
        record.add(Death(), 500, on_trial=False)
    assert record.trial_tokens == FIRST_TRIAL_TOKENS * TRIAL_GROWTH
