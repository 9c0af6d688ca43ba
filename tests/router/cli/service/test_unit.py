"""The unit that ``nexa service install`` writes, as systemd reads and rates it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from router.cli.main import main
from router.cli.service.command import run_command
from router.cli.service.unit import Unit, settings_of
from shared.interpreter import CODE_FOLDER

MAX_EXPOSURE = 2.0

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


def printed_unit(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["service", "install", "--dry-run", *words]) == 0
    return capsys.readouterr().out


def values(text: str, name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", text, re.MULTILINE)


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)


@pytest.fixture
def as_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("router.cli.service.command._GPU_NODES", (tmp_path,))


@needs_systemd
@pytest.mark.usefixtures("as_root")
@pytest.mark.parametrize("words", [["smollm2"], ["smollm2", "--port", "443"]])
@pytest.mark.parametrize("with_gpu", [False, True])
def test_a_system_unit_is_valid_and_little_exposed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, request: pytest.FixtureRequest, words: list[str], with_gpu: bool
) -> None:
    if with_gpu:
        request.getfixturevalue("gpu")
    unit = tmp_path / "nexa.service"
    unit.write_text(printed_unit(capsys, *words, "--memory-max", "12G"))
    rated = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", str(unit)], capture_output=True, text=True, check=True
    )
    overall = re.search(r"Overall exposure level for nexa.service: ([\d.]+)", rated.stdout)
    assert overall is not None, rated.stdout
    assert float(overall[1]) <= MAX_EXPOSURE
    verified = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert verified.returncode == 0, verified.stderr
    assert "nexa.service" not in verified.stderr


@pytest.mark.usefixtures("as_root")
def test_the_server_is_started_with_its_words_and_keeps_its_files_in_its_own_folders(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = printed_unit(
        capsys, "smollm2@slots=4", "--memory-max", "2Gi", "--host", "0.0.0.0", "--drain-timeout-s", "2m"
    )
    assert values(text, "ExecStart") == [
        f"{sys.executable} -P -m router.cli server smollm2@slots=4 --host 0.0.0.0 --drain-timeout-s 2m"
    ]
    assert values(text, "MemoryMax") == [str(2 << 30)]
    assert values(text, "TimeoutStopSec") == ["150"]
    assert "NEXA_KEY_FILE=/var/lib/nexa/keys.sqlite3" in values(text, "Environment")
    assert f"PYTHONPATH={CODE_FOLDER}" in values(text, "Environment")
    assert values(text, "StateDirectory") == ["nexa"]
    assert values(text, "EnvironmentFile") == ["-/etc/nexa.env"]


@pytest.mark.usefixtures("as_root")
def test_a_second_service_has_another_name_user_and_folders(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed_unit(capsys, "--name", "nexa-2", "echo", "--port", "9000")
    assert values(text, "User") == ["nexa-2"]
    assert "HOME=/var/lib/nexa-2" in values(text, "Environment")
    assert values(text, "MemoryMax") == []


@pytest.mark.usefixtures("as_root")
def test_a_relative_path_is_made_absolute_and_shown_in_the_hidden_folder(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "my models"
    models.mkdir()
    (models / "a.gguf").touch()
    config = tmp_path / "config" / "nexa.toml"
    config.parent.mkdir()
    config.write_text('log_format = "json"\n')
    monkeypatch.chdir(tmp_path)
    text = printed_unit(capsys, "./my models/a.gguf@slots=4", "--config=config/nexa.toml")
    (command,) = values(text, "ExecStart")
    assert command.endswith(f'server "{models}/a.gguf@slots=4" --config={config}')
    shown = values(text, "BindReadOnlyPaths")
    assert f'"{models}"' in shown
    assert str(config.parent) in shown


@pytest.mark.usefixtures("as_root")
def test_a_path_in_the_file_of_options_must_be_absolute(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.gguf").touch()
    (tmp_path / "nexa.toml").write_text('model_path = ["./a.gguf"]\n')
    monkeypatch.chdir(tmp_path)
    assert main(["service", "install", "--dry-run", "--config", "./nexa.toml"]) == 2
    assert "expected an absolute path" in capsys.readouterr().err


def test_what_systemd_would_read_otherwise_is_escaped() -> None:
    text = Unit("nexa", ["100%"], ["/opt/a b/python", 'say $HOME 50% "x" \\'], True, 30, {"A": "1 %h"}).text()
    assert values(text, "ExecStart") == ['"/opt/a b/python" "say $$HOME 50%% \\"x\\" \\\\"']
    assert values(text, "Environment") == ['"A=1 %%h"']
    assert values(text, "Description") == ["nexa server: 100%%"]


def test_no_word_can_begin_a_setting_of_its_own() -> None:
    text = Unit("nexa", ["a\nUser=root", "b\rUser=root", "c\\"], ["python", "a\nb\rc\x7f"], False, 30).text()
    assert values(text, "ExecStart") == [r'python "a\x0ab\x0dc\x7f"']
    assert values(text, "Description") == [r"nexa server: a\nUser=root b\rUser=root c"]
    assert "\r" not in text


@pytest.mark.usefixtures("as_user")
@pytest.mark.parametrize("words", [["install", "echo"], ["uninstall"]])
def test_a_unit_of_another_program_stays_as_it_is(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr("router.cli.service.systemd._RUNS", tmp_path)
    monkeypatch.setattr("shutil.which", lambda name: name)
    unit = tmp_path / "systemd/user/backup.service"
    unit.parent.mkdir(parents=True)
    unit.write_text("[Service]\n")
    assert main(["service", *words, "--name", "backup"]) == 1
    assert "--name: expected a service of nexa, got that of" in capsys.readouterr().err
    assert unit.read_text() == "[Service]\n"


@pytest.mark.usefixtures("as_root")
def test_a_relative_path_of_an_onnx_model_is_made_absolute(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "m.onnx").touch()
    monkeypatch.chdir(tmp_path)
    (command,) = values(printed_unit(capsys, "onnx:./m.onnx@slots=2"), "ExecStart")
    assert command.endswith(f"server onnx:{tmp_path}/m.onnx@slots=2")


@pytest.mark.usefixtures("as_root", "gpu")
def test_gpus_are_allowed_where_there_are_any(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed_unit(capsys, "smollm2")
    assert values(text, "DeviceAllow") == ["char-nvidia* rw", "char-drm rw", "char-kfd rw"]
    assert values(text, "PrivateDevices") == []


@pytest.mark.usefixtures("as_root")
def test_without_gpus_no_device_is_allowed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.cli.service.command._GPU_NODES", ())
    text = printed_unit(capsys, "smollm2")
    assert values(text, "DeviceAllow") == []
    assert values(text, "PrivateDevices") == ["yes"]
    assert values(text, "CapabilityBoundingSet") == [""]


@pytest.mark.usefixtures("as_root")
def test_a_low_port_needs_one_capability(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed_unit(capsys, "smollm2", "--port", "443")
    assert values(text, "AmbientCapabilities") == ["CAP_NET_BIND_SERVICE"]
    assert values(text, "PrivateUsers") == []


@pytest.mark.usefixtures("as_user")
def test_a_unit_of_a_user_claims_only_what_it_can_have(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed_unit(capsys, "smollm2")
    assert values(text, "WantedBy") == ["default.target"]
    assert values(text, "NoNewPrivileges") == ["yes"]
    for name in ("User", "DynamicUser", "ProtectSystem", "StateDirectory", "CapabilityBoundingSet", "PrivateDevices"):
        assert values(text, name) == []
    assert "NEXA_KEY_FILE" not in text


@pytest.mark.usefixtures("as_root")
@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "a model is required"),
        (["smollm2", "--api-key", "secret"], "--api-key: expected NEXA_API_KEY in the file of variables"),
        (["smollm2", "--reload"], "--reload: expected"),
        (["smollm2", "--key-file", "/tmp/keys"], "--key-file: expected none"),
        (["smollm2", "--slots", "many"], "--slots: expected"),
        (["smollm2", "--bogus"], "--bogus: no such option"),
        (["smollm2", "--memory-max", "much"], "expected a size such as 12G, got 'much'"),
        (["smollm2", "--name", "../x"], "expected a name such as nexa-2, got '../x'"),
        (["smollm2", "--name", "root"], "expected a name such as nexa-2, got 'root'"),
        (["./\udcff.gguf"], "./\\udcff.gguf: expected UTF-8"),
    ],
)
def test_what_a_service_cannot_have_is_refused(
    capsys: pytest.CaptureFixture[str], words: list[str], reason: str
) -> None:
    assert main(["service", "install", "--dry-run", *words]) == 2
    assert reason in capsys.readouterr().err


@pytest.mark.usefixtures("as_root")
def test_variables_of_the_shell_do_not_count(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXA_API_KEY", "a-key-of-this-shell")
    monkeypatch.setenv("NEXA_DRAIN_TIMEOUT_S", "1h")
    text = printed_unit(capsys, "smollm2")
    assert "a-key-of-this-shell" not in text
    assert values(text, "TimeoutStopSec") == ["60"]
    assert os.environ["NEXA_API_KEY"] == "a-key-of-this-shell"


def test_another_command_runs_with_the_user_and_the_files_of_the_unit() -> None:
    unit = Unit("nexa", ["m"], ["/usr/bin/python3"], True, 30, {"NEXA_KEY_FILE": "/var/lib/nexa/k%"}, "/etc/nexa.env")
    command = run_command(unit.text(), ["python3", "-m", "router.cli", "key", "list"], has_terminal=False)
    before, after = command[: command.index("--")], command[command.index("--") + 1 :]
    assert after == ["python3", "-m", "router.cli", "key", "list"]
    assert {"--property=User=nexa", "--property=DynamicUser=yes", "--property=StateDirectory=nexa"} <= {*before}
    assert "--property=Environment=NEXA_KEY_FILE=/var/lib/nexa/k%" in before
    assert "--pipe" in before
    assert "ExecStart" not in " ".join(before)


def test_settings_are_those_of_the_section_service() -> None:
    assert settings_of("[Unit]\nUser=a\n[Service]\nUser=b\nUMask=1\n[Install]\nUser=c\n", ["User"]) == ["User=b"]


@pytest.mark.usefixtures("as_root")
def test_without_systemd_nothing_is_written(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router.cli.service.systemd._RUNS", Path("/nowhere"))
    assert main(["service", "install", "echo"]) == 1
    assert "systemd: expected a machine that it runs" in capsys.readouterr().err
