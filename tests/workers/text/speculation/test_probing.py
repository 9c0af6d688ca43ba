"""Drafts that are not expected to pay are tried often at first, then rarely."""

from __future__ import annotations

from workers.text.speculation.probing import FIRST_STEPS, MOST_STEPS, ProbeClock


def _waits(clock: ProbeClock, probes: int) -> list[int]:
    """How many steps each of the next probes takes to come."""
    waits = []
    for _ in range(probes):
        steps = 1
        while not clock.is_due():
            steps += 1
        clock.probed()
        waits.append(steps)
    return waits


def test_probes_become_rare_as_long_as_they_are_refused() -> None:
    waits = _waits(ProbeClock(), 7)
    assert waits[0] == FIRST_STEPS
    assert waits == sorted(waits)
    assert waits[-1] == MOST_STEPS


def test_drafts_that_pay_make_them_frequent_again() -> None:
    clock = ProbeClock()
    _waits(clock, 7)
    for _ in range(10):
        clock.paid()
    assert _waits(clock, 1) == [FIRST_STEPS]


def test_a_probe_stays_due_until_it_is_made() -> None:
    clock = ProbeClock()
    assert [clock.is_due() for _ in range(FIRST_STEPS + 2)][-3:] == [True, True, True]
