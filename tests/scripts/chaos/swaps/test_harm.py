"""Only failures that a fault explains are excused."""

from __future__ import annotations

from scripts.chaos.record import Record
from scripts.chaos.swaps.harm import NOTICED_S, Harm, Span
from scripts.one_box.questions import Reply

GONE = Reply(404, "no such model")


def test_a_connection_may_break_only_while_the_server_is_down() -> None:
    harm = Harm(Record())
    assert harm.of_break(100.0) == ""
    harm.down.append(Span(90.0, 95.0))
    assert harm.of_break(94.0)
    assert harm.of_break(97.0) == ""
    harm.down.append(Span(98.0))
    assert harm.of_break(1000.0)


def test_a_model_may_be_gone_only_while_its_file_is_away_and_not_noticed() -> None:
    harm = Harm(Record())
    harm.away["a"] = [Span(10.0, 20.0)]
    assert harm.of_refusal("a", GONE, 20.0 + NOTICED_S - 1)
    assert harm.of_refusal("a", GONE, 20.0 + NOTICED_S + 1) == ""
    assert harm.of_refusal("b", GONE, 15.0) == ""
    assert harm.of_refusal("a", Reply(429, "too many"), 15.0) == ""


def test_the_death_of_a_worker_is_no_excuse_unless_one_was_killed() -> None:
    record = Record()
    died = Reply(500, "2 workers died while they had this request")
    assert Harm(record).of_refusal("a", died, 10.0) == ""
    record.worker_lost_at_s.append(11.0)
    assert Harm(record).of_refusal("a", died, 10.0)
