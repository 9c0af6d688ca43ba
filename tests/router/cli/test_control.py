"""The client of ``nexa drain`` and ``nexa restart``."""

from __future__ import annotations

import pytest

from router.cli.control import ControlError, Server


def test_orders_go_to_the_server_and_never_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://proxy.invalid:3128")
    server = Server("http://127.0.0.1:9", {"NEXA_API_KEY": "secret"})
    with pytest.raises(ControlError, match="Connection refused"):
        server.workers()
