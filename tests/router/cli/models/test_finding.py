"""Names of models on the command line of ``nexa server``, against a hub."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from router.cli.models.finding import find_models
from shared.errors import ModelError
from shared.kinds import JobKind
from shared.settings.loading import RequestedModel
from shared.settings.model import SingleModelOptions
from shared.settings.option import OptionError
from tests.support.models.gguf_builder import build_gguf
from tests.support.models.hub_server import FakeRepo, HubServer, serve_hub

MODEL = build_gguf(tensors=[("t", (64, 64))])


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubServer]:
    with serve_hub() as server:
        server.repos["ggml-org/gemma-3-4b-it-GGUF"] = FakeRepo(
            {f"gemma-3-4b-it-{quant}.gguf": MODEL for quant in ("Q4_K_M", "Q8_0", "f16")}
            | {"mmproj-model-f16.gguf": MODEL}
        )
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("NEXA_MODELS", str(tmp_path / "models"))
        yield server


def requested(name: str) -> RequestedModel:
    return RequestedModel(name, SingleModelOptions(), {})


@pytest.mark.parametrize(
    ("typed", "name", "file"),
    [
        ("gemma3", "gemma3", "gemma-3-4b-it-Q4_K_M.gguf"),
        ("gemma3:latest", "gemma3", "gemma-3-4b-it-Q4_K_M.gguf"),
        ("gemma3:4b", "gemma3", "gemma-3-4b-it-Q4_K_M.gguf"),
        ("gemma3:4b-it-q4_K_M", "gemma3", "gemma-3-4b-it-Q4_K_M.gguf"),
        ("google/gemma-3-4b", "gemma3", "gemma-3-4b-it-Q4_K_M.gguf"),
        ("gemma3:q8_0", "gemma3:Q8_0", "gemma-3-4b-it-Q8_0.gguf"),
        ("Gemma-3-4B-it:Q8_0", "gemma3:Q8_0", "gemma-3-4b-it-Q8_0.gguf"),
        ("gemma3:4b-it-fp16", "gemma3:FP16", "gemma-3-4b-it-f16.gguf"),
        ("hf:ggml-org/gemma-3-4b-it-GGUF:q8_0", "ggml-org/gemma-3-4b-it-GGUF:Q8_0", "gemma-3-4b-it-Q8_0.gguf"),
        ("hf.co/ggml-org/gemma-3-4b-it-GGUF:latest", "ggml-org/gemma-3-4b-it-GGUF", "gemma-3-4b-it-Q4_K_M.gguf"),
    ],
)
def test_a_model_is_found_by_the_name_that_a_user_types(hub: HubServer, typed: str, name: str, file: str) -> None:
    (model,) = find_models([requested(typed)], [])
    assert (model.name, Path(model.path).name) == (name, file)


def test_a_quantization_that_the_repository_lacks_is_answered_with_the_nearest(hub: HubServer) -> None:
    with pytest.raises(ModelError, match=r"one of its quantizations \(Q4_K_M, Q8_0, F16\), got 'Q5_K_M'$"):
        find_models([requested("gemma3:4b-it-q5_K_M")], [])
    assert hub.downloads() == []


def test_scores_of_an_encoder_without_a_classifier_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "encoder.gguf"
    file.write_bytes(build_gguf({"general.architecture": "bert"}, tensors=[("t", (64, 64))]))
    asked = RequestedModel(str(file), SingleModelOptions(pooling="rank"), {})
    with pytest.raises(ModelError, match=r"^pooling: expected mean, cls or last for encoder\.gguf, .*, got 'rank'$"):
        find_models([asked], [])


def test_vectors_of_a_text_model_in_onnx_are_refused_if_it_is_asked_itself(tmp_path: Path) -> None:
    (tmp_path / "genai_config.json").write_text('{"model": {"type": "llama"}}')
    spec = f"onnx:{tmp_path}"
    asked = RequestedModel(spec, SingleModelOptions(embeddings=True), {"embeddings": f"{spec}@embeddings"})
    with pytest.raises(OptionError, match=r"@embeddings: expected off, .* only in GGUF, got on$"):
        find_models([asked], [])
    (found,) = find_models([RequestedModel(spec, asked.options, {"embeddings": "--embeddings"})], [])
    assert found.kinds == (JobKind.TEXT,)


def test_a_draft_model_is_found_like_a_model(hub: HubServer) -> None:
    options = SingleModelOptions(draft="gemma3:q8_0")
    (model,) = find_models([RequestedModel("gemma3", options, {})], [])
    assert Path(model.draft).name == "gemma-3-4b-it-Q8_0.gguf"


def test_a_draft_model_that_is_not_there_is_an_error(hub: HubServer, tmp_path: Path) -> None:
    options = SingleModelOptions(draft=str(tmp_path / "gone.gguf"))
    with pytest.raises(ModelError, match=r"^draft: .*gone\.gguf"):
        find_models([RequestedModel("gemma3", options, {})], [])
