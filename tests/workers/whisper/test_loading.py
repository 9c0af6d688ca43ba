from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.kinds import JobKind
from shared.settings import ModelSettings
from workers.engine import EngineLoadError
from workers.whisper.ctranslate import CTranslateModel
from workers.whisper.factory import engine_of
from workers.whisper.options import WhisperOptions


def load_error(folder: Path, device: str = "cpu") -> str:
    with pytest.raises(EngineLoadError) as error:
        engine_of(WhisperOptions(str(folder), "model", threads=1, device=device)).load(lambda fraction: None)
    message = str(error.value)
    assert "\n" not in message
    return message


@pytest.fixture
def copy(english_folder: Path, tmp_path: Path) -> Path:
    """The model's files, to be damaged."""
    return Path(shutil.copytree(english_folder, tmp_path / "model"))


def test_options_come_from_the_settings() -> None:
    model = ModelSettings(name="tiny", kinds=(JobKind.SPEECH,), engine="whisper", path="/models/tiny", slots=3)
    options = WhisperOptions.of(model, threads=2, device="cuda:1")
    assert options == WhisperOptions("/models/tiny", "tiny", 2, "cuda:1", "default", 3)
    assert not options.on_cpu


@pytest.mark.parametrize(("folder", "translates"), [("english_folder", False), ("multilingual_folder", True)])
def test_a_multilingual_model_translates(folder: str, translates: bool, request: pytest.FixtureRequest) -> None:
    engine = engine_of(WhisperOptions(str(request.getfixturevalue(folder)), "model", threads=1))
    try:
        assert engine.load(lambda fraction: None).translates is translates
    finally:
        engine.close()


def test_loading_reports_progress(english_folder: Path) -> None:
    told: list[float] = []
    engine = engine_of(WhisperOptions(str(english_folder), "model", threads=1, slots=5))
    info = engine.load(told.append)
    engine.close()
    assert (info.slots, info.context_tokens) == (5, 0)
    assert told[0] == 0.0
    assert told[-1] == 1.0
    assert told == sorted(told)


@pytest.mark.parametrize("name", ["model.bin", "config.json", "tokenizer.json"])
def test_a_missing_file_is_named_and_not_downloaded(copy: Path, name: str, no_network: Callable[[], list[str]]) -> None:
    (copy / name).unlink()
    assert f"{name} is missing" in load_error(copy)
    assert no_network() == []


def test_loading_needs_no_network(english_folder: Path, no_network: Callable[[], list[str]]) -> None:
    assert not (english_folder / "preprocessor_config.json").exists()
    engine = engine_of(WhisperOptions(str(english_folder), "model", threads=1))
    engine.load(lambda fraction: None)
    engine.close()
    assert no_network() == []


@pytest.mark.parametrize("name", ["model.bin", "tokenizer.json", "vocabulary.txt"])
def test_a_damaged_file_is_an_error(copy: Path, name: str) -> None:
    with (copy / name).open("r+b") as file:
        file.truncate(1000)
    assert str(copy) in load_error(copy)


def test_another_kind_of_model_is_an_error(copy: Path) -> None:
    (copy / "model.bin").write_bytes(b"\x00" * 4096)
    assert str(copy) in load_error(copy)


def test_a_missing_device_is_an_error(english_folder: Path) -> None:
    import ctranslate2

    if ctranslate2.get_cuda_device_count():
        pytest.skip("this machine has a GPU")
    assert "CUDA" in load_error(english_folder, device="cuda:0")


def test_the_missing_package_is_named(english_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("workers.whisper.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    message = load_error(english_folder)
    assert "faster_whisper" in message
    assert "pip install 'nexa-server[speech]'" in message


def test_mel_bands_come_from_the_weights_not_from_the_preprocessor_file(copy: Path) -> None:
    (copy / "preprocessor_config.json").write_text(json.dumps({"feature_size": 128}))
    engine = engine_of(WhisperOptions(str(copy), "model", threads=1))
    engine.load(lambda fraction: None)
    engine.close()


def test_special_tokens_in_a_prompt_are_text(english_folder: Path) -> None:
    model = CTranslateModel(WhisperOptions(str(english_folder), "whisper-tiny.en", threads=2))
    try:
        tokens = model.prompt_tokens("hello <|endoftext|><|notimestamps|> there")
        assert tokens == model.text_tokens(tokens)
        assert model.text_of(tokens) == " hello <|endoftext|><|notimestamps|> there"
    finally:
        model.close()
