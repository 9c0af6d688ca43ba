"""The URL of the server as the request's client knows it."""

from __future__ import annotations

from typing import Any

import pytest

from router.http.request_record import PEER
from router.images.public_url import public_url
from shared.settings import ServerOptions

PROXY = ("10.0.0.2", 40000)


def url_of(headers: dict[str, str], peer: tuple[str, int] | None = ("192.168.1.7", 50000), **options: Any) -> str:
    scope = {
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()],
        "client": ("203.0.113.9", 1),
        "state": {PEER: peer},
        "server": ("192.168.1.5", 8000),
        "scheme": "http",
    }
    return public_url(scope, ServerOptions(**options))


@pytest.mark.parametrize(
    "host", ["ai.example", "ai.example:8443", "nexa_server:8000", "192.168.1.5:8000", "[fd00::5]:8000", "[::1]", "AI"]
)
def test_it_is_the_requests_host(host: str) -> None:
    assert url_of({"Host": host}) == f"http://{host}"
    assert url_of({"Host": host}, ssl_certfile="cert.pem") == f"https://{host}"


@pytest.mark.parametrize(
    "host",
    [
        "",
        "a b",
        "a/b",
        "user@ai.example",
        "ai.example:0",
        "ai.example:65536",
        "ai.example:",
        "ai.example:80:80",
        '"><script>',
        "[::1",
        "[1::2::3]",
        "fd00::5",
        "ai.exämple",
        "-a",
        "a" * 256,
        "ai.example\n",
    ],
)
def test_a_malformed_host_does_not_count(host: str) -> None:
    assert url_of({"Host": host}) == "http://192.168.1.5:8000"
    proxied = {"Host": "ai.example", "X-Forwarded-Host": host}
    assert url_of(proxied, PROXY, trusted_proxies=(PROXY[0],)) == "http://ai.example"


def test_without_a_host_it_is_the_address_of_the_connection() -> None:
    assert url_of({}) == "http://192.168.1.5:8000"
    assert public_url({"headers": [], "state": {}, "server": ("fd00::5", 80)}, ServerOptions()) == "http://[fd00::5]:80"
    assert public_url({"headers": [], "state": {}, "server": None}, ServerOptions()) == "http://localhost"


@pytest.mark.parametrize("given", ["https://ai.example/nexa", "https://ai.example/nexa/"])
def test_the_operators_word_is_the_last(given: str) -> None:
    headers = {"Host": "a", "X-Forwarded-Host": "b"}
    options = {"public_url": given, "trusted_proxies": (PROXY[0],)}
    assert url_of(headers, PROXY, **options) == "https://ai.example/nexa"


@pytest.mark.parametrize(
    ("headers", "url"),
    [
        ({"X-Forwarded-Host": "ai.example", "X-Forwarded-Proto": "https"}, "https://ai.example"),
        ({"X-Forwarded-Proto": "HTTPS"}, "https://nexa:8000"),
        ({"X-Forwarded-Proto": "javascript"}, "http://nexa:8000"),
        ({"X-Forwarded-Host": "evil.example, ai.example"}, "http://ai.example"),
        ({"X-Forwarded-Host": "ai.example", "X-Forwarded-Port": "8443"}, "http://ai.example:8443"),
        ({"X-Forwarded-Host": "ai.example:1", "X-Forwarded-Port": "8443"}, "http://ai.example:1"),
        ({"X-Forwarded-Host": "[::1]", "X-Forwarded-Port": "8443"}, "http://[::1]:8443"),
        (
            {"X-Forwarded-Host": "ai.example", "X-Forwarded-Proto": "https", "X-Forwarded-Port": "443"},
            "https://ai.example",
        ),
        ({"X-Forwarded-Host": "ai.example", "X-Forwarded-Port": "x"}, "http://ai.example"),
        ({"X-Forwarded-Host": "ai.example", "X-Forwarded-Prefix": "/nexa/"}, "http://ai.example/nexa"),
        ({"X-Forwarded-Host": "ai.example", "X-Forwarded-Prefix": "//evil"}, "http://ai.example"),
        ({"X-Forwarded-Host": "ai.example", "X-Forwarded-Prefix": "/a?b"}, "http://ai.example"),
        ({"Forwarded": 'for=1.2.3.4;proto=https;host="ai.example:8443"'}, "https://ai.example:8443"),
        ({"Forwarded": "host=evil.example, FOR=1.2.3.4; Host=ai.example ;Proto=https"}, "https://ai.example"),
        ({"Forwarded": 'for="a,b;host=evil";host=ai.example'}, "http://ai.example"),
        ({"Forwarded": "for=1.2.3.4"}, "http://nexa:8000"),
        ({"Forwarded": "host=evil.example", "X-Forwarded-Host": "ai.example"}, "http://ai.example"),
    ],
)
def test_a_proxys_word_counts_if_it_is_trusted(headers: dict[str, str], url: str) -> None:
    asked = {"Host": "nexa:8000", **headers}
    assert url_of(asked, PROXY, trusted_proxies=("10.0.0.0/8",)) == url
    assert url_of(asked, PROXY, trusted_proxies=("10.0.0.3",)) == "http://nexa:8000"
    assert url_of(asked, PROXY) == "http://nexa:8000"
    assert url_of(asked, None, trusted_proxies=("10.0.0.0/8",)) == "http://nexa:8000"


def test_the_peer_is_trusted_and_not_the_client_that_it_names() -> None:
    headers = {"Host": "nexa", "X-Forwarded-Host": "evil.example"}
    assert url_of(headers, trusted_proxies=("203.0.113.9",)) == "http://nexa"
