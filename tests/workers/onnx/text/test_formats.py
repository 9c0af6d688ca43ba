"""What ``nexa formats`` shows of a model in ONNX."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def shown(module: str, path: Path, *arguments: str) -> str:
    """What the program prints."""
    command = [sys.executable, "-m", module, str(path), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("arguments", [[], ["--chat-template=llama2"]])
def test_a_folder_has_the_formats_of_the_same_model_in_gguf(
    model_path: Path, smollm2_folder: Path, arguments: list[str]
) -> None:
    in_gguf = shown("workers.llama.chat", model_path, *arguments)
    assert "example prompt" in in_gguf
    assert shown("workers.onnx.text", smollm2_folder, *arguments) == in_gguf


def test_raw_answers_are_read_as_those_of_the_same_model_in_gguf(
    model_path: Path, smollm2_folder: Path, tmp_path: Path
) -> None:
    answers = tmp_path / "answers.jsonl"
    answers.write_text('{"output": "Hello<|im_end|>"}\n')
    in_gguf = shown("workers.llama.chat", model_path, f"--parse={answers}")
    assert '"Hello"' in in_gguf
    assert shown("workers.onnx.text", smollm2_folder, f"--parse={answers}") == in_gguf
