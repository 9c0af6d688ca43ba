"""Models as Ollama's clients see them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from router.api.ollama.listing import NEVER, OLLAMA_VERSION, parameter_size
from shared.kinds import JobKind
from shared.settings import ModelSettings, ServerSettings
from tests.support.models.gguf_builder import build_gguf
from tests.support.router.client import ask, post
from tests.support.router.fake_broker import MODEL, FakeBroker

PAINTER = ModelSettings(name="painter", kinds=(JobKind.IMAGE,), engine="diffusion", path="")
METADATA: dict[str, Any] = {
    "general.architecture": "qwen3",
    "general.file_type": 15,
    "general.sampling.temp": 0.6,
    "qwen3.context_length": 4096,
    "tokenizer.chat_template": "{{ enable_thinking }}",
    "tokenizer.ggml.fim_pre_token_id": 7,
    "tokenizer.ggml.tokens": ["a"],
}


@pytest.fixture
def broker(tmp_path: Path) -> FakeBroker:
    """A text model from a file, and a model for pictures."""
    (tmp_path / "tiny.gguf").write_bytes(build_gguf(METADATA, [("t", (64, 64))]))
    text = MODEL.model_copy(update={"path": str(tmp_path / "tiny.gguf"), "aliases": ("owner/tiny:Q4_K_M",)})
    return FakeBroker(settings=ServerSettings(models=(text, PAINTER), run_folder=""))


def test_text_models_are_listed_under_each_name(broker: FakeBroker) -> None:
    rows = ask(broker, "GET", "/api/tags").json()["models"]
    assert [(row["name"], row["model"]) for row in rows] == [
        ("smol:latest", "smol:latest"),
        ("owner/tiny:Q4_K_M", "owner/tiny:Q4_K_M"),
    ]
    assert rows[0] | {"name": "", "model": ""} == rows[1] | {"name": "", "model": ""}
    assert rows[0]["details"] == {
        "parent_model": "",
        "format": "gguf",
        "family": "qwen3",
        "families": ["qwen3"],
        "parameter_size": "4K",
        "quantization_level": "Q4_K_M",
        "context_length": 4096,
        "embedding_length": 0,
    }
    assert rows[0]["capabilities"] == ["completion", "tools", "thinking", "insert"]
    assert rows[0]["modified_at"].endswith("Z")
    assert rows[0]["size"] > 64 * 64 * 4


def test_a_model_is_shown(broker: FakeBroker) -> None:
    shown = post(broker, "/api/show", {"model": "smol"}).json()
    assert shown["template"] == "{{ enable_thinking }}"
    assert shown["parameters"].split() == ["temperature", "0.6"]
    assert shown["modelfile"].splitlines()[1:] == [
        "FROM smol:latest",
        "PARAMETER temperature 0.6",
        'TEMPLATE """{{ enable_thinking }}"""',
    ]
    assert shown["model_info"]["qwen3.context_length"] == 4096
    assert shown["model_info"]["tokenizer.ggml.tokens"] == []
    assert shown["model_info"]["general.parameter_count"] == 4096
    assert "tokenizer.chat_template" not in shown["model_info"]
    assert "tensors" not in shown
    verbose = post(broker, "/api/show", {"name": "smol:latest", "verbose": True}).json()
    assert verbose["tensors"] == [{"name": "t", "type": "F32", "shape": [64, 64]}]


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({}, 400, "model is required"),
        ({"model": "large"}, 404, "model 'large' not found; served: smol"),
        ({"model": "painter"}, 404, "model 'painter' not found; served: smol; painter is of kind image"),
    ],
)
def test_only_served_text_models_are_shown(broker: FakeBroker, body: Any, status: int, message: str) -> None:
    answer = post(broker, "/api/show", body)
    assert (answer.status_code, answer.json()) == (status, {"error": message})


def test_what_the_file_recommends_is_how_an_answer_is_sampled(broker: FakeBroker) -> None:
    post(broker, "/api/generate", {"model": "smol", "prompt": "Hi", "stream": False})
    assert (broker.texts[0].sampling.temperature, broker.texts[0].sampling.top_k) == (0.6, 40)


def test_loaded_models_never_expire(broker: FakeBroker) -> None:
    (row,) = ask(broker, "GET", "/api/ps").json()["models"]
    assert (row["name"], row["expires_at"], row["context_length"]) == ("smol:latest", NEVER, 2048)
    assert (row["size"], row["size_vram"]) == (1, 1)


def test_a_file_that_is_gone_hides_no_model(broker: FakeBroker, tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf").unlink()
    rows = ask(broker, "GET", "/api/tags").json()["models"]
    assert (rows[0]["name"], rows[0]["details"]["format"]) == ("smol:latest", "")


def test_the_version_is_that_of_ollamas_api() -> None:
    assert ask(FakeBroker(), "GET", "/api/version").json()["version"] == OLLAMA_VERSION


@pytest.mark.parametrize(
    ("parameters", "size"),
    [(134_515_008, "134.52M"), (8_000_000_000, "8B"), (7_248_023_552, "7.2B"), (4096, "4K"), (12, "12"), (0, "")],
)
def test_numbers_of_parameters_are_rounded_as_ollama_does(parameters: int, size: str) -> None:
    assert parameter_size(parameters) == size
