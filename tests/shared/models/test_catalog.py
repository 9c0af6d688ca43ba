from __future__ import annotations

import pytest

from shared.models.catalog import UnknownModelError, load_catalog


@pytest.mark.parametrize(
    ("name", "kind", "engine"),
    [
        ("gemma", "text", "llama"),
        ("llama2-function-calling", "text", "llama"),
        ("sd1-5", "image", "diffusion"),
        ("faster-whipser-large", "speech", "whisper"),
        ("faster-whisper-large", "speech", "whisper"),
        ("smollm2", "text", "llama"),
    ],
)
def test_documented_names_are_in_the_catalog(name: str, kind: str, engine: str) -> None:
    entry = load_catalog().get(name)
    assert (entry.kinds, entry.engine) == ((kind,), engine)


def test_entries_are_complete_and_no_source_is_repeated() -> None:
    entries = list(load_catalog())
    assert len({str(entry.source) for entry in entries}) == len(entries)
    for entry in entries:
        assert entry.licence
        assert entry.size_bytes > 10_000_000


@pytest.mark.parametrize("spelling", ["llama3.2-1b", "Llama-3.2-1B", "llama3-2-1b", "llama3.2:1b", "LLAMA3_2_1B"])
def test_names_ignore_case_and_separators(spelling: str) -> None:
    assert load_catalog().get(spelling).name == "llama3.2-1b"


def test_an_unknown_name_suggests_the_nearest_one() -> None:
    with pytest.raises(UnknownModelError) as caught:
        load_catalog().get("tinylama")
    message = str(caught.value)
    assert "'tinylama'" in message
    assert "did you mean tinyllama?" in message
    assert "nexa list" in message
    assert "\n" not in message


def test_for_a_bare_repository_name_the_prefix_is_suggested() -> None:
    with pytest.raises(UnknownModelError, match="hf:someone/Some-Model-GGUF"):
        load_catalog().get("someone/Some-Model-GGUF")
