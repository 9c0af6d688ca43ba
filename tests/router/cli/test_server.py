"""``nexa server``: the options that it takes and refuses, and the settings that the supervisor gets."""

from __future__ import annotations

import os
import stat
import struct
import sys
from pathlib import Path
from typing import Any

import pytest

from router.cli.main import main
from shared.settings import ServerSettings


class Started(Exception):
    """Stands for the supervisor that the process would have become."""


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("NEXA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NEXA_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("NEXA_KEY_FILE", str(tmp_path / "keys.sqlite3"))


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Filled with the settings that the supervisor would have read, instead of becoming it."""
    seen: dict[str, Any] = {}

    def execve(program: str, command: list[str], environment: dict[str, str]) -> None:
        path = Path(command[command.index("--settings") + 1])
        seen["command"], seen["settings"] = command, ServerSettings.load(path)
        seen["folder_mode"] = stat.S_IMODE(path.parent.stat().st_mode)
        raise Started

    monkeypatch.setattr(os, "execve", execve)
    return seen


def settings_of(started: dict[str, Any], *words: str) -> ServerSettings:
    with pytest.raises(Started):
        main(["server", *words])
    settings: ServerSettings = started["settings"]
    return settings


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """Exit code and the one line that is said."""
    code = main(list(words))
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith("nexa: ")
    return code, line


def test_the_process_becomes_the_supervisor_with_private_settings(started: dict[str, Any]) -> None:
    settings = settings_of(started, "echo")
    assert started["command"][:4] == [sys.executable, "-P", "-m", "workers.supervisor"]
    assert started["folder_mode"] == 0o700
    assert (settings.host, settings.port, settings.models[0].slots) == ("127.0.0.1", 8000, 16)
    assert not Path(settings.run_folder).exists(), "a run folder was left behind"


def test_the_model_that_comes_with_the_installation_is_found_by_name(started: dict[str, Any]) -> None:
    (model,) = settings_of(started, "--workers", "2", "smollm2").models
    assert (model.engine, model.workers) == ("llama", 2)
    assert Path(model.path).is_file()


def test_options_may_stand_before_between_and_after_models(started: dict[str, Any]) -> None:
    settings = settings_of(started, "--nctx", "512", "echo", "--port", "9", "echo:0.5", "--reload")
    assert [model.name for model in settings.models] == ["echo", "echo-2"]
    assert settings.models[1].step_s == 0.5
    assert (settings.models[0].context_tokens, settings.port, settings.reload) == (512, 9, True)


def test_command_line_goes_before_environment_before_file_before_default(
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


def test_aliases_go_to_the_model_that_they_name(started: dict[str, Any]) -> None:
    settings = settings_of(started, "echo", "echo", "--alias", "echo-2=gpt-4", "--alias", "echo=a")
    assert [model.aliases for model in settings.models] == [("a",), ("gpt-4",)]


def test_an_alias_alone_goes_to_the_only_model(started: dict[str, Any]) -> None:
    assert settings_of(started, "echo", "--alias", "gpt-4").models[0].aliases == ("gpt-4",)


def test_an_open_address_is_allowed_with_a_key_or_by_word(
    started: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert settings_of(started, "echo", "--host", "0.0.0.0", "--insecure").api_key == ""
    monkeypatch.setenv("NEXA_API_KEY", "secret")
    assert settings_of(started, "echo", "--host", "0.0.0.0").api_key == "secret"


def test_a_key_with_a_name_opens_an_open_address_while_it_is_in_force(
    started: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["key", "create", "bob"]) == 0
    assert settings_of(started, "echo", "--host", "0.0.0.0").key_required
    assert main(["key", "revoke", "bob"]) == 0
    assert main(["server", "echo", "--host", "0.0.0.0"]) == 2
    assert "nexa key create NAME" in capsys.readouterr().err


def test_a_key_is_needed_where_there_is_one_unless_anybody_is_let_in(
    started: dict[str, Any],
) -> None:
    assert not settings_of(started, "echo").key_required
    assert settings_of(started, "echo", "--api-key", "secret").key_required
    assert main(["key", "create", "bob"]) == 0
    assert settings_of(started, "echo").key_required
    assert not settings_of(started, "echo", "--insecure").key_required


def test_keys_lie_in_the_users_data_folder_unless_another_file_is_named(
    started: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NEXA_KEY_FILE")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert settings_of(started, "echo").key_file == f"{tmp_path}/nexa/keys.sqlite3"
    assert settings_of(started, "echo", "--key-file", str(tmp_path / "own")).key_file == str(tmp_path / "own")


def test_a_template_file_is_given_by_its_whole_path(
    started: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own.jinja").write_text("{{ messages }}")
    monkeypatch.chdir(tmp_path)
    settings = settings_of(started, "echo", "--chat-template", "own.jinja")
    assert settings.models[0].chat_template == str((tmp_path / "own.jinja").resolve())


def test_pictures_lie_in_the_users_data_folder_unless_others_are_named(
    started: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    settings = settings_of(started, "echo")
    assert (settings.media_folder, settings.output_folder) == (f"{tmp_path}/nexa/media", f"{tmp_path}/nexa/images")
    monkeypatch.chdir(tmp_path)
    settings = settings_of(started, "echo", "--media-folder", "in", "--output-folder", "out")
    assert (settings.media_folder, settings.output_folder) == (f"{tmp_path}/in", f"{tmp_path}/out")


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


def test_parts_of_an_image_model_are_given_to_it_alone(started: dict[str, Any], tmp_path: Path) -> None:
    checkpoint, vae = tmp_path / "sd.safetensors", tmp_path / "vae.safetensors"
    checkpoint.touch()
    vae.touch()
    settings = settings_of(started, str(checkpoint), "echo", "--vae", str(vae))
    assert settings.models[0].vae == str(vae)


def test_a_model_may_have_options_of_its_own(started: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "own.jinja").write_text("{{ messages }}")
    words = ["smollm2@slots=4,nctx=2048", f"echo@chat_template={tmp_path}/own.jinja", "echo:0.5@aliases=slow,workers=2"]
    first, second, third = settings_of(started, "--slots", "8", *words).models
    assert (first.name, first.engine, first.slots, first.context_tokens) == ("smollm2", "llama", 4, 2048)
    assert (second.slots, second.chat_template) == (8, f"{tmp_path}/own.jinja")
    assert (third.name, third.step_s, third.aliases, third.workers) == ("echo-2", 0.5, ("slow",), 2)


def test_a_former_flag_works_with_a_warning(started: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert settings_of(started, "echo", "--cache-ram", "50").models[0].cache_bytes == 50_000_000
    assert (
        capsys.readouterr().err == "nexa: --cache-ram is now --cache-bytes; the old name ends with the next release\n"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["server"], "a model is required"),
        (["server", "onnx", "echo"], "onnx: ONNX models are not supported"),
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
        (["server", "echo", "--output-keep-s", "never"], "--output-keep-s: expected a time from 1s to 10000d"),
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
        (["server", "echo:soon"], "echo:TIME: expected a time from 0 to 1m"),
        (["server", "echo", "--config", "/none.toml"], "No such file"),
    ],
)
def test_options_that_are_not_understood_end_with_2_and_one_line(
    capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    code, line = refusal(capsys, *words)
    assert code == 2
    assert said in line


def test_a_model_whose_engine_is_not_installed_is_refused_before_it_is_fetched(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    code, line = refusal(capsys, "server", "sd1-5")
    assert code == 1
    assert "sd1-5 needs packages that are not installed" in line
    assert "pip install 'nexa-server[images]'" in line


def test_traces_without_their_packages_are_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    code, line = refusal(capsys, "server", "echo", "--otlp-endpoint", "http://127.0.0.1:4318")
    assert code == 2
    assert "pip install 'nexa-server[telemetry]'" in line


def test_an_unknown_key_of_the_file_is_refused_with_the_nearest(
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


@pytest.mark.parametrize("name", ["no-such-model", "./no/such/file.gguf"])
def test_a_missing_model_ends_with_1_and_one_line(capsys: pytest.CaptureFixture[str], name: str) -> None:
    code, line = refusal(capsys, "server", name)
    assert code == 1
    assert name in line


def test_a_truncated_model_file_is_named_before_anything_is_started(
    capsys: pytest.CaptureFixture[str], started: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "half.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 100, 100))
    code, line = refusal(capsys, "server", str(path))
    assert code == 1
    assert "half.gguf" in line
    assert started == {}
