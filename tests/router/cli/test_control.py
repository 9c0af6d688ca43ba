"""The client of ``nexa drain`` and ``nexa restart``."""

from __future__ import annotations

import argparse

import pytest

from router.cli.control import ControlError, Server, add_server_options


def test_orders_go_to_the_server_and_never_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://proxy.invalid:3128")
    server = Server("http://127.0.0.1:9", {"NEXA_API_KEY": "secret"})
    with pytest.raises(ControlError, match="Connection refused"):
        server.workers()


def test_a_variable_names_the_server_unless_the_option_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEXA_URL", "http://127.0.0.1:9")
    parser = argparse.ArgumentParser()
    add_server_options(parser)
    assert parser.parse_args([]).url == "http://127.0.0.1:9"
    assert parser.parse_args(["--url", "http://127.0.0.1:8"]).url == "http://127.0.0.1:8"
