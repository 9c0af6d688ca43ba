"""``nexa doctor --lan``, on addresses of loopback that stand for those of a network."""

from __future__ import annotations

import socket
import threading

import httpx
import pytest

import router.cli.doctor.network
from router.cli.doctor.network import LanError, run_lan_test
from router.cli.main import main
from tests.support.launching import refusal
from tests.support.router.client import serving, wait_until
from tests.support.router.fake_broker import FakeBroker


@pytest.fixture(autouse=True)
def _network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router.cli.doctor.network, "private_addresses", lambda: ["127.0.0.2"])
    monkeypatch.setattr(router.cli.doctor.network, "names_of_machine", lambda: ["box", "box.local"])


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def test_a_device_that_comes_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    port, codes = free_port(), list[int]()
    test = threading.Thread(target=lambda: codes.append(run_lan_test(port, 30.0)))
    test.start()
    answers = list[httpx.Response]()

    def reached() -> bool:
        try:
            answers.append(httpx.get(f"http://127.0.0.2:{port}/"))
        except httpx.ConnectError:
            return False
        return True

    wait_until(reached)
    test.join()
    assert codes == [0]
    assert answers[0].text == "This device reaches the machine of your nexa server.\n"
    printed = capsys.readouterr().out
    assert f"  http://127.0.0.2:{port}\n  http://box:{port}   (if the network knows this name)\n" in printed
    assert "█" in printed  # the QR code
    assert "Reached from 127.0.0." in printed
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.2:{port}/")


def test_without_a_device_the_test_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_lan_test(free_port(), 0.01) == 1
    assert "No device came." in capsys.readouterr().out


def test_a_server_for_this_machine_only_is_told_how_to_open(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(FakeBroker()) as url:
        port = url.rpartition(":")[2]
        assert main(["doctor", "--lan", "--port", port]) == 1
    printed = capsys.readouterr().out
    assert f"The server at {url} listens for this machine only." in printed
    assert f"nexa server MODEL --host 0.0.0.0 --port {port}" in printed
    assert "nexa key create NAME" in printed


def test_a_server_for_the_network_is_shown_with_its_addresses(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(router.cli.doctor.network, "private_addresses", lambda: ["127.0.0.1"])
    with serving(FakeBroker()) as url:
        assert main(["doctor", "--lan", "--port", url.rpartition(":")[2]]) == 0
        assert f"  {url}\n" in capsys.readouterr().out


def test_without_a_private_address_there_is_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router.cli.doctor.network, "private_addresses", list[str])
    with pytest.raises(LanError, match="this machine has no private address"):
        run_lan_test(free_port())


def test_a_report_for_programs_is_not_one_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    code, line = refusal(capsys, "doctor", "--lan", "--json")
    assert (code, line) == (2, "nexa: --json: expected no --lan beside it, which talks to a person")
