"""The benchmark of pictures with a pair that is small enough for a test: it measures what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.bench.media.__main__ import main
from scripts.bench.media.beside import STREAMS, beside_streams
from scripts.bench.media.engines import ask, opened, picture_file, question
from scripts.bench.media.turns import picture_turns
from scripts.bench.media.watching import WatchedProjector
from scripts.bench.speed_page.measured import rows_of

PAIR = "smolvlm"
PIECES = 5
"""Of a picture: an overview and 2 x 2 tiles."""


def test_streams_and_encodes_are_seen_beside_each_other() -> None:
    with opened(PAIR, STREAMS + 1) as engine:
        watched = WatchedProjector.of(engine)
        measured = beside_streams(engine, watched, 1)
        assert engine.stats().media_encoded == 2 * PIECES
        assert not engine.has_work()
    assert 0 < measured.longest_node_s <= measured.longest_slice_s
    assert 0 < watched.began_s < watched.ended_s
    assert measured.rate_before > 0
    assert min(measured.step_s, measured.worst_gap_s, measured.alone_s, measured.beside_s) > 0


def test_the_second_turn_and_another_chat_encode_nothing() -> None:
    with opened(PAIR, 2) as engine:
        for seed in range(2):
            turns = picture_turns(engine, seed)
            assert turns.encoded == (PIECES, 0, 0)
            assert 0.5 < turns.cached < 1
        assert ask(engine, question(), [picture_file(5)]).cached_tokens > 0


def test_an_engine_without_its_projector_takes_text_only() -> None:
    with opened(PAIR, 2, with_projector=False) as engine, pytest.raises(RuntimeError, match="expected text"):
        ask(engine, question(), [picture_file(1)])


def test_parts_that_were_measured_by_themselves_make_one_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    small = ["--pair", PAIR, "--rounds", "1"]
    assert main(["turns", *small]) == 0
    assert main(["beside", *small, "--more"]) == 0
    assert main(["turns", *small, "--more"]) == 0
    names = [row[0] for row in rows_of("media")]
    assert len(names) == 5
    assert len({name.partition(" (")[0] for name in names}) == 5
    assert "TTFT of the first and the second turn" in capsys.readouterr().out


def test_the_command_refuses_parts_that_there_are_not() -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["colours"])
    assert exit_.value.code == 2
