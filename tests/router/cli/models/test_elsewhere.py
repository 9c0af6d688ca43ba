"""Models of other programs, named on the command line as these programs call them."""

from __future__ import annotations

from pathlib import Path

import pytest

from router.cli.main import main
from router.cli.models.finding import find_models
from router.jobs.served import find_named
from shared.errors import ModelError
from shared.settings import ModelSettings
from shared.settings.loading import RequestedModel
from shared.settings.model import SingleModelOptions
from tests.support.models.foreign_stores import hub_repository, ollama_model, write_old
from tests.support.models.gguf_builder import build_gguf


def gguf(number: int) -> bytes:
    return build_gguf({"general.architecture": "llama", "number": number}, tensors=[("t", (64, 64))])


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home folder with models of Ollama, LM Studio and the hub, and no hub to fetch from."""
    for name in ("OLLAMA_MODELS", "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NEXA_MODELS", str(tmp_path / "store"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    ollama_model(tmp_path / ".ollama/models", "registry.ollama.ai/library/qwen/7b", {"model": gguf(1)})
    ollama_model(tmp_path / ".ollama/models", "hf.co/big/Other-GGUF/latest", {"model": gguf(2)})
    write_old(tmp_path / ".lmstudio/models/acme/Tiny-GGUF/tiny-q4_1.gguf", gguf(3))
    files = {"small-Q4_K_M.gguf": gguf(4), "small-Q8_0.gguf": gguf(5)}
    hub_repository(tmp_path / ".cache/huggingface/hub", "big/Small-GGUF", files)
    return tmp_path


def found(name: str) -> ModelSettings:
    (model,) = find_models([RequestedModel(name, SingleModelOptions(), {})], [])
    return model


NAMES = [
    ("qwen:7b", "qwen:7b"),
    ("Qwen-7B", "qwen:7b"),
    ("hf.co/big/Other-GGUF", "hf.co/big/Other-GGUF"),
    ("big/other-gguf:latest", "hf.co/big/Other-GGUF"),
    ("acme/Tiny-GGUF", "tiny-q4_1"),
    ("acme/tiny", "tiny-q4_1"),
    ("tiny-q4_1", "tiny-q4_1"),
    ("big/Small-GGUF:Q8_0", "small-Q8_0"),
    ("hf:big/Small-GGUF:q4_k_m", "small-Q4_K_M"),
    ("https://huggingface.co/big/Small-GGUF:Q8_0", "small-Q8_0"),
]


@pytest.mark.parametrize(("typed", "name"), NAMES)
def test_a_model_is_served_where_another_program_keeps_it(typed: str, name: str, home: Path) -> None:
    model = found(typed)
    assert model.name == name
    assert Path(model.path).is_relative_to(home)


@pytest.mark.parametrize(("typed", "name"), NAMES)
def test_requests_may_say_the_same_names(typed: str, name: str) -> None:
    others = [found(other) for other in dict.fromkeys(name for _, name in NAMES)]
    meant = find_named(others, typed)
    assert meant is not None
    assert meant.name == name


def test_a_name_that_could_be_several_models_is_refused_with_them() -> None:
    with pytest.raises(ModelError, match=r"got 'big/Small-GGUF', which could be small-Q4_K_M, small-Q8_0$"):
        found("big/Small-GGUF")


def test_an_unknown_name_is_refused_as_before() -> None:
    with pytest.raises(ModelError, match="expected a name of the catalog, got 'nonsense'"):
        found("nonsense")


def test_its_user_is_told_where_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    found("qwen:7b")
    assert capsys.readouterr().err.startswith("nexa: qwen:7b is here (ollama): ")


def test_rm_never_deletes_the_file_of_another_program(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(path for path in home.rglob("*") if path.is_file())
    for name in ("qwen:7b", "acme/tiny", "hf:big/Small-GGUF:Q8_0"):
        assert main(["rm", "-y", name]) == 1
    assert "which is in Ollama's store, which it only reads" in capsys.readouterr().err
    assert sorted(path for path in home.rglob("*") if path.is_file()) == before
