"""What cannot start says so in one line and leaves nothing behind."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.weights import WEIGHTS


def _fail(*arguments: str) -> tuple[int, str]:
    port = () if "--port" in arguments else ("--port", "0")
    command = [sys.executable, "-m", "router.cli", "server", *arguments, *port]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no-such-model"], "no-such-model"),
        (["./no-such-file.gguf"], "no-such-file.gguf"),
        (["smollm2", "--port", "99999999"], "--port"),
        (["smollm2", "--slots", "0"], "--slots"),
        (["smollm2", "--host", "0.0.0.0"], "--insecure"),
        (["onnx", "gemma3"], "nexa list onnx"),
        (["--model-folder", "./no-such-folder"], "no-such-folder"),
        (["smollm2", "--memory-budget", "cuda:99=5G"], "cuda:99"),
        (["smollm2", "--memory-budget", "60M"], "a larger --memory-budget would help"),
        (["smollm2", "--nctx", "16000000"], "smollm2: needs about"),
        (["smollm2", "--workers", "60", "--nctx", "100000"], "smollm2 60 x"),
    ],
)
def test_error_is_one_line_that_names_it(arguments: list[str], said: str) -> None:
    _, error = _fail(*arguments)
    assert said.lower() in error.lower()
    assert len(error.strip().splitlines()) == 1


def test_busy_port() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, error = _fail("smollm2", "--port", str(port))
    assert code == 1
    assert str(port) in error
    assert len(error.strip().splitlines()) == 1


def test_truncated_file_is_named_before_a_worker_starts(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.gguf"
    with WEIGHTS.open("rb") as whole:
        damaged.write_bytes(whole.read(4_000_000))
    _, error = _fail(str(damaged))
    assert "damaged.gguf" in error
    assert "4,000,000" in error
    assert "spawning" not in error


def test_file_that_only_the_engine_can_tell_is_unusable(tmp_path: Path) -> None:
    """A sound header of an architecture that llama.cpp does not know."""
    odd = tmp_path / "odd.gguf"
    data = bytearray(WEIGHTS.read_bytes())
    at = data.index(b"general.architecture") + len(b"general.architecture") + 12
    assert data[at : at + 5] == b"llama"
    data[at : at + 5] = b"lxama"
    odd.write_bytes(data)
    _, error = _fail(str(odd))
    assert error.count("unknown model architecture: 'lxama'") == 1
    assert error.endswith("nexa: odd/0: the model cannot be loaded; its log line above says why\n")


def test_a_checkpoint_on_which_the_image_library_crashes_is_one_error_with_its_reason(tmp_path: Path) -> None:
    names = ("model.diffusion_model.joint_blocks.0.w", "text_encoders.t5xxl.w", "vae.w")
    header = json.dumps({name: {"shape": [1], "data_offsets": [0, 4]} for name in names}).encode()
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(len(header).to_bytes(8, "little") + header + bytes(64))
    code, error = _fail(str(damaged))
    assert code == 1
    assert error.count("worker spawning") == 1
    assert "damaged cannot be loaded: stable-diffusion.cpp ended the process that loaded it (SIGABRT)" in error


def test_a_checkpoint_that_the_image_library_refuses_is_one_error_with_its_reason(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.ckpt"
    damaged.write_bytes(b"{}")
    code, error = _fail(str(damaged))
    assert code == 1
    assert error.endswith("nexa: damaged/0: the model cannot be loaded; its log line above says why\n")
    assert "damaged cannot be loaded: " in error
