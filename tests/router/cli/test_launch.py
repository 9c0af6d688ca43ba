"""``nexa server``: keys, files and models, up to the start of the supervisor."""

from __future__ import annotations

import struct
import sys
from pathlib import Path
from typing import Any

import pytest

from router.cli.main import main
from scripts.make_images.headers import HEADERS, write_header
from tests.support.launching import refusal, settings_of


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


def test_aliases_go_to_the_model_that_they_name(started: dict[str, Any]) -> None:
    settings = settings_of(started, "echo", "echo", "--alias", "echo-2=gpt-4", "--alias", "echo=a")
    assert [model.aliases for model in settings.models] == [("a",), ("gpt-4",)]


def test_an_alias_alone_goes_to_the_only_model(started: dict[str, Any]) -> None:
    assert settings_of(started, "echo", "--alias", "gpt-4").models[0].aliases == ("gpt-4",)


def test_an_open_address_is_allowed_with_a_key_or_insecure(
    started: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert settings_of(started, "echo", "--host", "0.0.0.0", "--insecure").api_key == ""
    monkeypatch.setenv("NEXA_API_KEY", "secret")
    assert settings_of(started, "echo", "--host", "0.0.0.0").api_key == "secret"


def test_an_open_address_is_allowed_with_a_named_key_until_it_is_revoked(
    started: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["key", "create", "bob"]) == 0
    assert settings_of(started, "echo", "--host", "0.0.0.0").key_required
    assert main(["key", "revoke", "bob"]) == 0
    assert main(["server", "echo", "--host", "0.0.0.0"]) == 2
    assert "nexa key create NAME" in capsys.readouterr().err


def test_a_key_is_required_once_one_exists_unless_insecure(
    started: dict[str, Any],
) -> None:
    assert not settings_of(started, "echo").key_required
    assert settings_of(started, "echo", "--api-key", "secret").key_required
    assert main(["key", "create", "bob"]) == 0
    assert settings_of(started, "echo").key_required
    assert not settings_of(started, "echo", "--insecure").key_required


def test_an_awaited_key_is_required_from_the_start(started: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    settings = settings_of(started, "echo", "--host", "0.0.0.0", "--await-key")
    assert (settings.key_required, settings.await_key) == (True, True)
    assert "no key exists yet" in capsys.readouterr().err
    assert settings_of(started, "echo", "--await-key").key_required
    assert not settings_of(started, "echo", "--await-key", "--insecure").key_required
    assert main(["key", "create", "bob"]) == 0
    capsys.readouterr()
    assert settings_of(started, "echo", "--host", "0.0.0.0", "--await-key").key_required
    assert "no key exists yet" not in capsys.readouterr().err


def test_keys_are_in_the_users_data_folder_unless_another_file_is_given(
    started: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NEXA_KEY_FILE")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert settings_of(started, "echo").key_file == f"{tmp_path}/nexa/keys.sqlite3"
    assert settings_of(started, "echo", "--key-file", str(tmp_path / "own")).key_file == str(tmp_path / "own")


def test_state_is_beside_the_keys_unless_another_folder_is_given(started: dict[str, Any], tmp_path: Path) -> None:
    keys = str(tmp_path / "own" / "keys.sqlite3")
    assert settings_of(started, "echo", "--key-file", keys).state_folder == f"{tmp_path}/own"
    settings = settings_of(started, "echo", "--key-file", keys, "--state-folder", str(tmp_path / "state"))
    assert settings.state_folder == f"{tmp_path}/state"


def test_the_path_of_a_template_file_is_made_absolute(
    started: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own.jinja").write_text("{{ messages }}")
    monkeypatch.chdir(tmp_path)
    settings = settings_of(started, "echo", "--chat-template", "own.jinja")
    assert settings.models[0].chat_template == str((tmp_path / "own.jinja").resolve())


def test_pictures_are_in_the_users_data_folder_unless_other_folders_are_given(
    started: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    settings = settings_of(started, "echo")
    assert (settings.media_folder, settings.output_folder) == (f"{tmp_path}/nexa/media", f"{tmp_path}/nexa/images")
    monkeypatch.chdir(tmp_path)
    settings = settings_of(started, "echo", "--media-folder", "in", "--output-folder", "out")
    assert (settings.media_folder, settings.output_folder) == (f"{tmp_path}/in", f"{tmp_path}/out")


def test_a_separate_vae_is_among_the_image_models_settings(started: dict[str, Any], tmp_path: Path) -> None:
    checkpoint, vae = tmp_path / "sd.safetensors", tmp_path / "vae.safetensors"
    write_header(checkpoint, HEADERS["sd1"])
    write_header(vae, {"decoder.conv_in.weight": (3, 3, 4, 512)})
    settings = settings_of(started, str(checkpoint), "echo", "--vae", str(vae))
    assert settings.models[0].vae == str(vae)


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


def test_a_state_folder_that_cannot_be_written_is_refused_before_the_start(
    started: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    code, line = refusal(capsys, "server", "echo", "--state-folder", f"{tmp_path}/file/state")
    assert code == 2
    assert line.startswith("nexa: --state-folder: expected a folder that can be written, got ")


def test_a_folder_of_prefixes_that_others_can_open_is_refused_before_the_start(
    started: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "prefixes"
    folder.mkdir()
    folder.chmod(0o755)
    code, line = refusal(capsys, "server", "echo", "--cache-disk", "1G", "--cache-disk-folder", str(folder))
    assert code == 2
    assert line.startswith("nexa: --cache-disk-folder: expected a folder of this user alone, got ")
    assert line.rstrip().endswith(f"try: chmod 700 {folder}")
    folder.chmod(0o700)
    assert (
        settings_of(started, "echo", "--cache-disk", "1G", "--cache-disk-folder", str(folder)).cache_disk_bytes == 10**9
    )


@pytest.mark.parametrize("name", ["answers.sqlite3", "names.sqlite3"])
def test_a_damaged_file_in_the_state_folder_is_refused_before_the_start(
    name: str, started: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(b"no database at all" * 100)
    (tmp_path / name).chmod(0o600)
    code, line = refusal(capsys, "server", "echo", "--state-folder", str(tmp_path))
    assert code == 2
    assert line.startswith("nexa: --state-folder: file of ")
    assert f"{tmp_path}/{name}: cannot be used (file is not a database)" in line
