"""``nexa formats`` as a user sees it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from router.cli.main import main
from tests.support.models.tokenizer_folders import letters_folder, write_json
from tests.support.workers import chat_templates


def test_a_template_is_described(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    template = tmp_path / "template.jinja"
    template.write_text(chat_templates.TAGGED)
    assert main(["formats", str(template), "--eos", "<|stop|>"]) == 0
    assert "kind of calls         tagged\n" in capfd.readouterr().out


def test_the_embedded_model_is_described(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["formats", "smollm2"]) == 0
    assert "<|im_start|>assistant\n" in capfd.readouterr().out


@pytest.fixture
def onnx_folder(tmp_path: Path) -> Path:
    """A text model in onnxruntime-genai's layout, without weights."""
    folder = letters_folder(tmp_path / "my model")
    write_json(folder / "genai_config.json", {"model": {"type": "llama", "eos_token_id": 0}})
    (folder / "chat_template.jinja").write_text(chat_templates.TAGGED)
    return folder


@pytest.mark.parametrize("mark", [["onnx", ""], ["onnx:"]])
def test_a_model_in_onnx_is_described(capfd: pytest.CaptureFixture[str], onnx_folder: Path, mark: list[str]) -> None:
    *words, prefix = mark
    assert main(["formats", *words, f"{prefix}{onnx_folder}"]) == 0
    assert "kind of calls         tagged\n" in capfd.readouterr().out


def test_a_folder_in_onnx_with_a_damaged_file_is_one_line(capfd: pytest.CaptureFixture[str], onnx_folder: Path) -> None:
    (onnx_folder / "tokenizer.json").write_text("[")
    assert main(["formats", f"onnx:{onnx_folder}"]) == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(f"nexa: {onnx_folder}: tokenizer.json: expected ")


def test_several_models_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["formats", "smollm2", "onnx", "whisper-tiny"]) == 2
    assert capsys.readouterr().err == "nexa: MODEL: expected one model or template, got 2\n"


def test_raw_answers_become_messages(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    template, answers = tmp_path / "template.jinja", tmp_path / "answers.jsonl"
    template.write_text(chat_templates.THINKS)
    answers.write_text(json.dumps({"output": "<think>\nHm.\n</think>\n\nHello"}))
    assert main(["formats", str(template), "--parse", str(answers)]) == 0
    message = {"role": "assistant", "content": "Hello", "reasoning_content": "Hm."}
    assert json.loads(capfd.readouterr().out) == message


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("none.jinja", "no such file"),
        ("echo", "expected a text model, which may have a chat template, got one for echo"),
    ],
)
def test_what_has_no_template_is_one_line(capsys: pytest.CaptureFixture[str], model: str, reason: str) -> None:
    assert main(["formats", model]) == 1
    assert capsys.readouterr().err == f"nexa: {model}: {reason}\n"


def test_a_model_with_another_template_is_described(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    template = tmp_path / "template.jinja"
    template.write_text(chat_templates.TAGGED)
    assert main(["formats", f"smollm2@chat_template={template}"]) == 0
    assert "kind of calls         tagged\n" in capfd.readouterr().out


@pytest.mark.parametrize("path", ["none.jsonl", "", "/"])
def test_a_missing_file_of_answers_is_one_line(capsys: pytest.CaptureFixture[str], path: str) -> None:
    assert main(["formats", "smollm2", "--parse", path]) == 1
    assert capsys.readouterr().err == f"nexa: --parse: expected an existing file, got {path!r}\n"
