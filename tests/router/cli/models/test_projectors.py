"""Projectors on the command line: the option, what is found beside a model, and what is listed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from router.cli.main import main
from router.cli.models.files import with_files
from router.cli.models.finding import find_models
from shared.settings import ModelSettings
from shared.settings.loading import load_options
from shared.settings.option import OptionError
from tests.support.models.foreign_stores import write_old
from tests.support.models.hub_server import FakeRepo, HubServer, serve_hub
from tests.support.models.projectors import projector, seeing_model


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubServer]:
    files = {"sees-Q4_K_M.gguf": seeing_model(), "mmproj-sees-Q8_0.gguf": projector(hears=True)}
    with serve_hub(owner__sees=FakeRepo(files)) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("NEXA_MODELS", str(tmp_path / "models"))
        yield server


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a model and its projector."""
    monkeypatch.chdir(tmp_path)
    write_old(tmp_path / "chat" / "chat.gguf", seeing_model())
    write_old(tmp_path / "chat" / "mmproj-F16.gguf", projector())
    write_old(tmp_path / "others" / "ears.gguf", projector(sees=False, hears=True))
    write_old(tmp_path / "others" / "wide.gguf", projector(640))
    return tmp_path


def served(argument: str, **options: str) -> ModelSettings:
    loaded = load_options({"model_path": [argument], **options}, None)
    (model,) = find_models([with_files(each) for each in loaded.models], ())
    return model


def test_the_projector_beside_a_model_is_used(folder: Path) -> None:
    model = served("./chat/chat.gguf")
    assert (model.mmproj, model.media) == (str(folder / "chat" / "mmproj-F16.gguf"), ("image",))
    assert model.image_max_tokens == 1024


def test_one_model_may_have_another_or_none(folder: Path) -> None:
    other = served("./chat@mmproj=others/ears.gguf,image_max_tokens=256")
    assert (other.mmproj, other.media) == (str(folder / "others" / "ears.gguf"), ("audio",))
    assert other.image_max_tokens == 256
    none = served("./chat", mmproj="none")
    assert (none.mmproj, none.media) == ("", ())


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        (
            "./chat@mmproj=others/wide.gguf",
            "./chat@mmproj: wide.gguf: expected a projector for a model of width 576, got one for 640",
        ),
        ("./chat@mmproj=gone.gguf", "./chat@mmproj: expected an existing file or folder, got 'gone.gguf'"),
        (
            "./chat@mmproj=chat/chat.gguf",
            "./chat@mmproj: chat.gguf: expected a projector (mmproj), got a file of architecture llama",
        ),
        (
            "./chat@image_max_tokens=0",
            "./chat@image_max_tokens: expected a whole number from 1 to 65536, got '0'",
        ),
    ],
)
def test_a_wrong_one_is_refused_in_one_line(folder: Path, argument: str, message: str) -> None:
    with pytest.raises(OptionError) as raised:
        served(argument)
    assert str(raised.value) == message


def test_one_beside_that_does_not_fit_is_told_in_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_old(folder / "chat" / "mmproj-F16.gguf", projector(640))
    model = served("./chat/chat.gguf")
    assert (model.mmproj, model.media) == ("", ())
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        "nexa: chat takes text only: mmproj-F16.gguf: expected a projector for a model of width 576, got one for 640"
    )


def test_a_model_of_the_hub_comes_with_it_unless_it_is_not_wanted(hub: HubServer, tmp_path: Path) -> None:
    bare = served("hf:owner/sees@mmproj=none")
    assert (bare.mmproj, bare.media) == ("", ())
    assert not list((tmp_path / "models").rglob("mmproj*"))
    assert main(["pull", "hf:owner/sees"]) == 0
    model = served("hf:owner/sees")
    assert (Path(model.mmproj).name, model.media) == ("mmproj-sees-Q8_0.gguf", ("image", "audio"))
    assert served("hf:owner/sees@mmproj=none").media == ()


def test_a_pull_may_leave_it_out(hub: HubServer, tmp_path: Path) -> None:
    assert main(["pull", "--no-mmproj", "hf:owner/sees"]) == 0
    assert not list((tmp_path / "models").rglob("mmproj*"))


def test_the_list_says_what_a_model_sees_and_hears(
    no_models: Path, hub: HubServer, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def rows(*words: str) -> dict[str, list[str]]:
        assert main(["list", "--json", *words]) == 0
        return {row["name"]: row["media"] for row in json.loads(capsys.readouterr().out)}

    assert main(["pull", "hf:owner/sees"]) == 0
    capsys.readouterr()
    listed = rows("--model-folder", str(folder / "chat"))
    assert (listed["owner/sees"], listed["chat"]) == (["image", "audio"], ["image"])
    assert (listed["smolvlm-256m"], listed["voxtral-mini"], listed["smollm2"]) == (["image"], ["audio"], [])
    assert set(rows("hears")) > {"owner/sees", "qwen2.5-omni", "ultravox"}
    assert main(["list", "--here", "sees"]) == 0
    assert "text, sees, hears" in capsys.readouterr().out


def test_the_list_counts_the_projector_in_the_size(
    no_models: Path, hub: HubServer, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pull", "hf:owner/sees"]) == 0
    capsys.readouterr()
    assert main(["list", "--json", "--model-folder", str(folder / "chat")]) == 0
    sizes = {row["name"]: row["size_bytes"] for row in json.loads(capsys.readouterr().out)}
    assert sizes["chat"] == len(seeing_model()) + len(projector())
    assert sizes["owner/sees"] == len(seeing_model()) + len(projector(hears=True))
