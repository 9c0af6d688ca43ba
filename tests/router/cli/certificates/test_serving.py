"""``nexa server --https`` and ``nexa cert`` from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from router.cli.main import main
from router.http.certificates.local_authority import has_authority
from router.http.tls import check_certificate
from tests.support.launching import refusal, settings_of


@pytest.fixture(autouse=True)
def _own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))


def test_the_server_makes_its_certificate_and_offers_its_authority(
    started: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = settings_of(started, "echo", "--https")
    folder = tmp_path / "nexa" / "tls"
    assert (settings.ssl_certfile, settings.ssl_keyfile) == (str(folder / "server.crt"), str(folder / "server.key"))
    check_certificate(settings.ssl_certfile, settings.ssl_keyfile)
    assert has_authority(settings)
    assert f"nexa: devices trust it once they have installed {folder}/nexa-ca.crt\n" in capsys.readouterr().err
    settings_of(started, "echo", "--https")
    assert capsys.readouterr().err == ""  # nothing was made


def test_without_it_there_is_no_certificate(started: dict[str, Any]) -> None:
    settings = settings_of(started, "echo")
    assert settings.ssl_certfile == ""
    assert not has_authority(settings)


def test_two_certificates_are_one_too_many(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["cert"]) == 0
    capsys.readouterr()
    folder = tmp_path / "nexa" / "tls"
    files = ["--ssl-certfile", str(folder / "server.crt"), "--ssl-keyfile", str(folder / "server.key")]
    code, line = refusal(capsys, "server", "echo", "--https", *files)
    assert (code, "--https: expected no --ssl-certfile" in line) == (2, True)


def test_the_command_says_what_it_made_and_how_to_serve_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cert", "--name", "ai.example.com"]) == 0
    printed = capsys.readouterr().out
    assert "(made, because its authority is new)" in printed
    assert "ai.example.com, localhost, 127.0.0.1, ::1" in printed
    assert "  nexa server MODEL --host 0.0.0.0 --https\n" in printed
    assert main(["cert"]) == 0
    assert "(nothing to do)" in capsys.readouterr().out


def test_a_wrong_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    code, line = refusal(capsys, "cert", "--name", "https://ai.example.com/")
    assert (code, "expected a name such as ai.example.com, or an address" in line) == (2, True)
