"""``nexa server``: the options that it takes and refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.launching import refusal, settings_of
from tests.support.models.gguf_builder import build_gguf


def test_options_may_stand_before_between_and_after_models(started: dict[str, Any]) -> None:
    settings = settings_of(started, "--nctx", "512", "echo", "--port", "9", "echo:0.5", "--reload")
    assert [model.name for model in settings.models] == ["echo", "echo-2"]
    assert settings.models[1].step_s == 0.5
    assert (settings.models[0].context_tokens, settings.port, settings.reload) == (512, 9, True)


def test_the_command_line_overrides_the_environment_overrides_the_file_overrides_the_default(
    started: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "nexa.toml"
    config.write_text('model_path = ["echo"]\nslots = 2\nthreads = 2\nport = 2\nlog-format = "json"\n')
    monkeypatch.setenv("NEXA_SLOTS", "3")
    monkeypatch.setenv("NEXA_THREADS", "3")
    settings = settings_of(started, "--config", str(config), "--slots", "4")
    (model,) = settings.models
    assert (model.slots, model.threads, settings.port, settings.queue_limit) == (4, 3, 2, 512)
    assert settings.log_format == "json"


def test_limits_of_uploads_and_pictures(started: dict[str, Any]) -> None:
    words = [
        "--max-upload-bytes",
        "5M",
        "--output-keep-s",
        "30m",
        "--output-keep-bytes",
        "3M",
        "--max-image-side",
        "512",
    ]
    settings = settings_of(started, "echo", *words, "--image-host", "a.example", "--image-host", "b.example:81")
    assert settings.max_upload_bytes == 5_000_000
    assert (settings.output_keep_s, settings.output_keep_bytes) == (1800.0, 3_000_000)
    assert settings.models[0].max_image_side == 512
    assert settings.image_hosts == ("a.example", "b.example:81")


def test_how_long_a_resumable_stream_waits_for_its_client(started: dict[str, Any]) -> None:
    assert settings_of(started, "echo").resume_timeout_s == 60.0
    assert settings_of(started, "echo", "--resume-timeout-s", "2.5").resume_timeout_s == 2.5


def test_a_model_may_have_options_of_its_own(started: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "own.jinja").write_text("{{ messages }}")
    words = ["smollm2@slots=4,nctx=2048", f"echo@chat_template={tmp_path}/own.jinja", "echo:0.5@aliases=slow,workers=2"]
    first, second, third = settings_of(started, "--slots", "8", *words).models
    assert (first.name, first.engine, first.slots, first.context_tokens) == ("smollm2", "llama", 4, 2048)
    assert (second.slots, second.chat_template) == (8, f"{tmp_path}/own.jinja")
    assert (third.name, third.step_s, third.aliases, third.workers) == ("echo-2", 0.5, ("slow",), 2)


def test_a_numbered_name_is_not_that_of_another_model(started: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "echo-2.gguf"
    file.write_bytes(build_gguf({"general.architecture": "llama"}))
    for words in (["echo", "echo", str(file), "echo"], [str(file), "echo", "echo", "echo"]):
        names = [model.name for model in settings_of(started, *words).models]
        assert sorted(names) == ["echo", "echo-2", "echo-3", "echo-4"]
        assert names[words.index(str(file))] == "echo-2"


def test_a_former_flag_works_with_a_warning(started: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert settings_of(started, "echo", "--cache-ram", "50").models[0].cache_bytes == 50_000_000
    assert (
        capsys.readouterr().err
        == "nexa: --cache-ram is now --cache-bytes; the old name stops working in the next release\n"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["server", "onnx"], "onnx: a model is required after it; all names: nexa list onnx"),
        (["server", "echo", "--port", "x"], "--port: expected a whole number from 0 to 65535, got 'x'"),
        (["server", "echo", "--workers", "0"], "--workers: expected a whole number from 1 to 256, got '0'"),
        (["server", "echo", "--slot-count", "3"], "--slot-count: no such option; did you mean --slots?"),
        (["server", "echo", "--host", "0.0.0.0"], "--insecure"),
        (["server", "echo", "--key-file", "/dev/null/keys"], "--key-file: "),
        (
            ["server", "echo", "--chat-template", "none/here.jinja"],
            "--chat-template: expected an existing file or a template's name, got 'none/here.jinja'",
        ),
        (["server", "echo", "--ssl-certfile", "none/here.pem"], "none/here.pem: No such file"),
        (["server", "echo", "--ssl-keyfile", "none/here.pem"], "--ssl-certfile is required"),
        (
            ["server", "echo", "--cors-origin", "chat.example"],
            "--cors-origin: expected origins such as https://chat.example:3000",
        ),
        (["server", "echo", "--cors-origin", "https://chat.example/"], "without a path"),
        (
            ["server", "echo", "--otlp-endpoint", "collector:4318"],
            "--otlp-endpoint: expected a URL such as http://127.0.0.1:4318, got 'collector:4318'",
        ),
        (
            ["server", "echo", "--vae", "none/here.gguf"],
            "--vae: expected an existing file or folder, got 'none/here.gguf'",
        ),
        (
            ["server", "echo", "--max-image-side", "100"],
            "--max-image-side: expected a multiple of 64 from 64 to 8192, got '100'",
        ),
        (["server", "echo", "--max-upload-bytes", "0"], "--max-upload-bytes: expected a size from 1 to 1G bytes"),
        (["server", "echo", "--output-keep-s", "never"], "--output-keep-s: expected a time from 1s to 50000d"),
        (["server", "echo", "--log-format", "xml"], "--log-format: expected text or json, got 'xml'"),
        (
            ["server", "echo", "echo", "--alias", "x"],
            "--alias: expected MODEL=ALIAS with MODEL one of echo, echo-2, got 'x'",
        ),
        (["server", "echo", "--alias", "nobody=x"], "MODEL one of echo, got 'nobody=x'"),
        (["server", "echo", "--alias", "echo"], "--alias: expected a name that no model has yet, got 'echo'"),
        (
            ["server", "echo@aliases=a", "echo@aliases=a"],
            "echo-2@aliases: expected a name that no model has yet, got 'a'",
        ),
        (["server", "echo@vae=none/here"], "echo@vae: expected an existing file or folder, got 'none/here'"),
        (["server", "echo", "--default-timeout-s", "20m"], "--default-timeout-s: expected 0 or a time up to"),
        (["server", "--model-folder", "none"], "--model-folder: expected an existing folder, got 'none'"),
        (["server", "echo:soon"], "echo:TIME: expected a time from 0 to 1m"),
        (["server", "echo", "--config", "/none.toml"], "No such file"),
    ],
)
def test_wrong_options_end_with_2_and_one_line(capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    code, line = refusal(capsys, *words)
    assert code == 2
    assert said in line


def test_an_unknown_key_of_the_file_is_refused_with_the_nearest_one(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    config = tmp_path / "nexa.toml"
    config.write_text("slot = 2\n")
    code, line = refusal(capsys, "server", "echo", "--config", str(config))
    assert code == 2
    assert "no such option; did you mean slots?" in line


def test_a_variable_with_a_wrong_value_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXA_PORT", "many")
    code, line = refusal(capsys, "server", "echo")
    assert code == 2
    assert "NEXA_PORT: expected a whole number from 0 to 65535, got 'many'" in line
