"""Origins and patterns of them."""

from __future__ import annotations

import re

import pytest

from shared.origins import check_origin, is_allowed

APPS = [
    "app://obsidian.md",
    "app://-",
    "app://.",
    "capacitor://localhost",
    "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
    "file://",
    "moz-extension://5d7c7f0e-9d5b-4a0c-8a36-5c3f6f2d6a11",
    "null",
    "tauri://localhost",
    "vscode-webview://1k2l",
]


@pytest.mark.parametrize("origin", [*APPS, "http://localhost", "https://chat.example:3000", "http://[::1]:8080"])
def test_an_origin_allows_itself_only(origin: str) -> None:
    check_origin(origin)
    assert is_allowed(origin, ["https://a.example", origin])
    assert not is_allowed(f"{origin}x", [origin])
    assert not is_allowed("https://evil.example", [origin])


@pytest.mark.parametrize(
    ("pattern", "allowed", "refused"),
    [
        ("https://*.example.com", ["https://a.example.com", "https://a.b.example.com"], ["https://example.com"]),
        (
            "https://*.example.com",
            [],
            ["https://evilexample.com", "http://a.example.com", "https://a.example.com:8443"],
        ),
        ("https://*.example.com", [], ["https://a.example.com.evil.org", "https://evil.org/.example.com"]),
        ("https://*.example.com", [], ["https://evil.org#.example.com", "https://evil.org\\.example.com"]),
        ("https://*", [], ["https://user@a.example", "https://a.example?b", "https://a.example#b"]),
        ("https://*.example.com:*", ["https://a.example.com", "https://a.example.com:8443"], ["https://example.com:1"]),
        ("http://localhost:*", ["http://localhost", "http://localhost:5173"], ["http://localhost.evil.org:5173"]),
        ("chrome-extension://*", ["chrome-extension://abc"], ["https://abc", "moz-extension://abc"]),
        ("https://*", ["https://a.example", "https://[::1]"], ["https://a.example:8443", "http://a.example"]),
        ("https://a.example:443", ["https://a.example"], ["https://a.example:444"]),
        ("http://a.example:80", ["http://a.example"], ["http://a.example:443"]),
        ("HTTPS://A.Example", ["https://a.example"], []),
        ("*", ["https://a.example", "null", "app://x"], []),
        ("null", [], ["", "https://null"]),
    ],
)
def test_patterns_stand_for_many_origins(pattern: str, allowed: list[str], refused: list[str]) -> None:
    check_origin(pattern)
    assert [origin for origin in allowed if not is_allowed(origin, [pattern])] == []
    assert [origin for origin in refused if is_allowed(origin, [pattern])] == []


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "chat.example",
        "*.example.com",
        "https://",
        "https://chat.example/",
        "https://chat.example/path",
        "https://a*.example.com",
        "https://a.*.example.com",
        "https://*.*.example.com",
        "http://192.168.1.*",
        "https://user@chat.example",
        "https://chat.example:",
        "https://chat.example:99999",
        "https://chat.example:80*",
        "https://bücher.example",
        "Null",
        "https://a.example https://b.example",
    ],
)
def test_what_no_browser_sends_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(pattern)}$"):
        check_origin(pattern)


def test_without_patterns_nothing_is_allowed() -> None:
    assert not is_allowed("https://a.example", [])
    assert not is_allowed("", [])
