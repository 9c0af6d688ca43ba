"""Which hosts are this machine."""

from __future__ import annotations

import pytest

from shared.addresses import in_url, is_loopback, is_within, network_of, plain_address


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1", "localhost", "LOCALHOST"])
def test_this_machines_own_addresses_are_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.168.1.2", "::ffff:192.168.1.2", "fe80::1", "", "nexa", "localhost.example", "127.1"]
)
def test_other_hosts_are_not_loopback(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("host", ["10.0.0.2", "10.200.0.1", "::ffff:10.0.0.2", "fd00::1", "192.168.1.5"])
def test_an_address_is_within_networks(host: str) -> None:
    assert is_within(host, ("10.0.0.0/8", "fd00::/8", "192.168.1.5"))


@pytest.mark.parametrize("host", ["11.0.0.2", "fe80::1", "192.168.1.6", "", "localhost", "10.0.0.2:80", "10.0.0.0/8"])
def test_other_hosts_are_not_within_them(host: str) -> None:
    assert not is_within(host, ("10.0.0.0/8", "fd00::/8", "192.168.1.5"))


@pytest.mark.parametrize(
    ("host", "plain"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("localhost", ""),
        ("192.0.2.7:80", ""),
    ],
)
def test_an_address_has_one_form(host: str, plain: str) -> None:
    assert plain_address(host) == plain


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("::1", "::/64"),
        ("localhost", "localhost"),
    ],
)
def test_addresses_of_one_host_are_in_one_network(host: str, network: str) -> None:
    assert network_of(host) == network


@pytest.mark.parametrize(
    ("host", "written"), [("::1", "[::1]"), ("127.0.0.1", "127.0.0.1"), ("box.local", "box.local")]
)
def test_only_an_ipv6_address_needs_brackets_in_a_url(host: str, written: str) -> None:
    assert in_url(host) == written
