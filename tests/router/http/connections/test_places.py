from __future__ import annotations

import pytest

from router.http.connections.connection_limits import ConnectionLimits
from router.http.connections.places import Places

LIMITS = ConnectionLimits(max_connections=6, max_per_address=2, proxies=("10.0.0.0/8",))


def taken(places: Places, address: str, count: int) -> list[int]:
    """The statuses of the refusals of that many connections; 0 for those that got a place."""
    refusals = [places.take(address) for _ in range(count)]
    return [0 if refusal is None else refusal.status for refusal in refusals]


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_one_address_has_only_its_share(address: str) -> None:
    places = Places(LIMITS)
    assert taken(places, address, 3) == [0, 0, 429]
    assert taken(places, "192.0.2.9", 1) == [0]
    places.free(address)
    assert taken(places, address, 2) == [0, 429]


def test_a_host_with_many_addresses_has_one_share() -> None:
    places = Places(LIMITS)
    assert taken(places, "2001:db8::1", 2) == [0, 0]
    assert taken(places, "2001:db8::2", 1) == [429]
    assert taken(places, "::ffff:192.0.2.1", 2) == [0, 0]
    assert taken(places, "192.0.2.1", 1) == [429]


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.1.2.3", "::ffff:10.1.2.3", ""])
def test_this_machine_and_trusted_proxies_have_all_that_is_free(address: str) -> None:
    places = Places(LIMITS)
    assert taken(places, "192.0.2.1", 1) == [0]
    assert taken(places, address, 6) == [0, 0, 0, 0, 0, 503]


def test_a_refusal_names_the_limit() -> None:
    places = Places(LIMITS)
    taken(places, "192.0.2.1", 2)
    refusal = places.take("192.0.2.1")
    assert str(refusal) == (
        "connections: expected at most 2 of one address (--max-connections-per-address), got more; close some"
    )
    assert refusal is not None
    assert refusal.headers == {"Retry-After": "1"}
