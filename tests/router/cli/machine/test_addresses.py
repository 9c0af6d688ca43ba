"""Names and addresses of this machine."""

from __future__ import annotations

import socket
from dataclasses import dataclass

import pytest

from router.cli.machine.addresses import host_name, is_private, names_of_machine, private_addresses


@dataclass(frozen=True)
class Address:
    family: int
    address: str


def test_only_addresses_that_other_devices_can_type_are_listed() -> None:
    found = {
        "lo": [Address(socket.AF_INET, "127.0.0.1"), Address(socket.AF_INET6, "::1")],
        "eth0": [
            Address(socket.AF_INET6, "fd00::5"),
            Address(socket.AF_INET, "192.168.1.5"),
            Address(socket.AF_INET6, "fe80::1%eth0"),
            Address(socket.AF_INET6, "2001:db8::5"),
            Address(socket.AF_INET, "203.0.113.5"),
            Address(socket.AF_PACKET, "aa:bb:cc:dd:ee:ff"),
        ],
        "wlan0": [Address(socket.AF_INET, "10.0.0.7"), Address(socket.AF_INET, "192.168.1.5")],
        "docker0": [Address(socket.AF_INET, "172.17.0.1")],
    }
    assert private_addresses(found) == ["10.0.0.7", "192.168.1.5", "fd00::5"]


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("Box", ["box", "box.local"]),
        ("box.local", ["box.local"]),
        ("box.example.com", ["box.example.com", "box.local"]),
        ("localhost", []),
        ("my_box", []),
        ("", []),
    ],
)
def test_names_under_which_the_machine_may_be_found(
    monkeypatch: pytest.MonkeyPatch, name: str, names: list[str]
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: name)
    assert names_of_machine() == names
    assert host_name() in (*names, "")


def test_private_addresses_are_known() -> None:
    assert [is_private(address) for address in ("10.1.2.3", "100.64.0.1", "fd00::1", "8.8.8.8", "2001:db8::1")] == [
        *(True, True, True),
        *(False, False),
    ]
