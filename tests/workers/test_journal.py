from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.wire.payloads import Done, FinishReason, Payload, Tokens
from workers.journal import JobJournal

DONE = Done(FinishReason.STOP, 1, 0, 1, 0.1)


def recorded(*payloads: Payload, job_id: str = "job") -> JobJournal:
    journal = JobJournal()
    journal.open(job_id, "router")
    for payload in payloads:
        journal.record(job_id, payload)
    return journal


def test_events_are_numbered_from_zero_in_their_own_job() -> None:
    journal = recorded()
    journal.open("other", "router")
    numbers = []
    for job_id in ("job", "other", "job", "job"):
        entry = journal.record(job_id, Tokens("a", [1]))
        assert entry is not None
        numbers.append((entry[1].job_id, entry[1].seq))
    assert numbers == [("job", 0), ("other", 0), ("job", 1), ("job", 2)]


def test_a_job_sent_twice_is_opened_once_and_keeps_its_events() -> None:
    journal = recorded(Tokens("a", [1]))
    assert not journal.open("job", "router")
    assert len(journal.since("job", 0) or []) == 1


@given(st.integers(0, 8), st.integers(-3, 10))
def test_a_replay_holds_all_events_from_the_requested_one(count: int, first: int) -> None:
    journal = recorded(*[Tokens(str(number), [number]) for number in range(count)])
    events = journal.since("job", first)
    assert events is not None
    assert [event.seq for event in events] == list(range(max(first, 0), count))
    assert [event.payload for event in events] == [Tokens(str(event.seq), [event.seq]) for event in events]


def test_events_of_a_forgotten_job_are_dropped() -> None:
    journal = recorded(Tokens("a", [1]))
    journal.forget("job")
    assert journal.record("job", Tokens("b", [2])) is None
    assert journal.since("job", 0) is None
    assert journal.last_seqs("router") == {}
    assert len(journal) == 0


def test_a_forgotten_job_can_be_opened_again_from_zero() -> None:
    journal = recorded(Tokens("a", [1]))
    journal.forget("job")
    assert journal.open("job", "another router")
    entry = journal.record("job", Tokens("b", [2]))
    assert entry is not None
    assert (entry[0], entry[1].seq) == ("another router", 0)


def test_each_event_goes_to_the_router_that_sent_its_job() -> None:
    journal = recorded()
    journal.open("other", "another router")
    owners = [(journal.record(job_id, DONE) or ("", None))[0] for job_id in ("job", "other")]
    assert owners == ["router", "another router"]
    assert journal.jobs_of_others("router") == ["other"]


def test_a_job_without_events_has_the_last_sequence_number_minus_1() -> None:
    journal = recorded(Tokens("a", [1]), DONE)
    journal.open("fresh", "router")
    assert journal.last_seqs("router") == {"job": 1, "fresh": -1}


def test_every_kept_job_is_listed_with_its_last_sequence_number() -> None:
    """A router assumes that a job missing from the list is lost."""
    journal = JobJournal()
    for number in range(3000):
        journal.open(f"job-{number}", "router")
    assert journal.last_seqs("router") == {f"job-{number}": -1 for number in range(3000)}


def test_dropped_events_are_not_numbered_again() -> None:
    journal = recorded(*[Tokens(str(number), [number]) for number in range(5)])
    for seq in (3, 2, 6):  # in order, an older answer, and one that cannot be
        journal.drop_before("job", seq)
    journal.drop_before("another", 1)
    assert [event.seq for event in journal.since("job", 3) or []] == [3, 4]
    assert journal.since("job", 2) is None
    assert journal.length("job") == 2
    assert journal.last_seqs("router") == {"job": 4}
    entry = journal.record("job", DONE)
    assert entry is not None
    assert entry[1].seq == 5
