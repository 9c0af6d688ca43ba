"""How many connections clients may have open, counted from the moment in which they are accepted."""

from __future__ import annotations

from collections import Counter

from router.http.connections.connection_limits import ConnectionLimits
from router.schemas.errors import ApiError
from shared.addresses import is_loopback, is_within, network_of


class Places:
    """The places for connections, in total and per address.

    This machine and trusted proxies bring the connections of many users: for them only the total counts.
    """

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits = limits
        self._taken: Counter[str] = Counter()
        self._total = 0

    def take(self, address: str) -> ApiError | None:
        """Take a place for a connection from ``address``; returns why there is none."""
        network = network_of(address)
        if self._total >= self._limits.max_connections:
            return _refusal(
                503,
                f"connections: expected at most {self._limits.max_connections} at a time (--max-connections), got "
                "more; try again later",
            )
        if self._taken[network] >= self._limits.max_per_address and not self._brings_many_users(address):
            return _refusal(
                429,
                f"connections: expected at most {self._limits.max_per_address} of one address "
                "(--max-connections-per-address), got more; close some",
            )
        self._taken[network] += 1
        self._total += 1
        return None

    def free(self, address: str) -> None:
        """Give a place back."""
        network = network_of(address)
        self._total -= 1
        self._taken[network] -= 1
        if not self._taken[network]:
            del self._taken[network]

    def _brings_many_users(self, address: str) -> bool:
        return not address or is_loopback(address) or is_within(address, self._limits.proxies)


def _refusal(status: int, message: str) -> ApiError:
    return ApiError(status, message, headers={"Retry-After": "1"})
