"""The engine with a disk tier and the real weights: what one leaves, the next one finds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.settings.placement import LlamaCppOptions
from tests.support.caches.disk_runs import Runs, answer

STORY = "The lamp on the hill is lit each night. The ships see it from far away, and the men on them are glad. " * 14


@pytest.fixture
def runs(tmp_path: Path, model_path: Path) -> Iterator[Runs]:
    made = Runs(tmp_path, model_path)
    yield made
    made.end(clean=False)


def test_the_next_run_goes_on_with_the_same_text_from_disk(runs: Runs) -> None:
    first, _ = answer(runs.begin(), STORY)
    prompt = STORY + first + " And then"
    expected, cached = answer(runs.begin(disk=False), prompt)
    assert cached == 0
    engine = runs.begin()
    text, cached = answer(engine, prompt)
    assert text == expected
    assert cached > 300
    assert engine.stats().disk_hits == 1
    assert engine.stats().disk_read_bytes == runs.files()[0].stat().st_size


def test_what_rests_is_written_before_the_end(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.text.cache.disk.tier.RESTED_S", 0.0)
    monkeypatch.setattr("workers.text.cache.disk.writer.SETTLED_S", 0.0)
    engine = runs.begin()
    answer(engine, STORY)
    while engine.rest() is not None:
        pass
    while not engine.stats().disk_written_bytes:
        assert engine.rest() is None
    runs.end(clean=False)
    assert answer(runs.begin(), STORY + " And")[1] > 300


def test_a_longer_turn_replaces_the_file_of_the_shorter_one(runs: Runs) -> None:
    first, _ = answer(runs.begin(), STORY)
    answer(runs.begin(), STORY + first + " And then the wind came.")
    runs.end()
    assert len(runs.files()) == 1


def test_another_user_does_not_find_it_if_the_operator_says_so(runs: Runs) -> None:
    answer(runs.begin(share_prefixes="user"), STORY, "alice")
    engine = runs.begin(share_prefixes="user")
    assert answer(engine, STORY, "bob")[1] == 0
    assert engine.stats().disk_hits == 0
    assert answer(engine, STORY, "alice")[1] > 300


def test_other_settings_of_the_context_are_another_key(runs: Runs) -> None:
    answer(runs.begin(), STORY)
    engine = runs.begin(native=LlamaCppOptions(cache_type_k="q8_0"))
    assert answer(engine, STORY)[1] == 0
    runs.end()
    assert len(runs.files()) == 2


def test_servers_with_other_secrets_leave_each_others_files_in_one_folder(runs: Runs, tmp_path: Path) -> None:
    answer(runs.begin(), STORY)
    runs.end()
    [path] = runs.files()
    secret = (tmp_path / "prefixes.key").rename(tmp_path / "kept.key")
    assert answer(runs.begin(), STORY)[1] == 0
    runs.end()
    assert path in runs.files()
    secret.replace(tmp_path / "prefixes.key")
    assert answer(runs.begin(), STORY)[1] > 300


@pytest.mark.parametrize("place", [10, 200, -1])
def test_a_damaged_file_is_removed_and_the_prompt_computed(runs: Runs, place: int) -> None:
    expected, _ = answer(runs.begin(), STORY)
    runs.end()
    [path] = runs.files()
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    assert answer(runs.begin(), STORY) == (expected, 0)
    assert path not in runs.files()


def test_a_worker_goes_on_with_a_job_whose_prefix_an_ended_one_left(runs: Runs) -> None:
    engine = runs.begin()
    whole, _ = answer(engine, STORY)
    sent = engine.model.vocabulary.tokenize_pieces([whole[:5]], add_special=False)
    expected, _ = answer(runs.begin(disk=False), STORY, generated=sent)
    engine = runs.begin()
    assert answer(engine, STORY, generated=sent)[0] == expected
    assert engine.stats().disk_hits == 1
