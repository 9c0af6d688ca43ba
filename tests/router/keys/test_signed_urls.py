"""URLs whose signature stands in for a key."""

from __future__ import annotations

import time

import pytest

from router.keys.signed_urls import SignedUrls
from router.schemas.errors import ApiError

PATH = "/v1/images/a.png"
URLS = SignedUrls("secret")


def parts(url: str) -> tuple[str, bytes]:
    path, _, query = url.partition("?")
    return path, query.encode()


def refusal(path: str, query: bytes, urls: SignedUrls = URLS) -> str | None:
    with pytest.raises(ApiError) as raised:
        urls.permit(path, query)
    assert raised.value.status == 401
    return raised.value.param


def test_a_signature_permits_its_path_and_no_other() -> None:
    path, query = parts(URLS.sign(PATH))
    assert path == PATH
    assert URLS.permit(path, query)
    assert refusal("/v1/images/b.png", query) == "signature"
    assert refusal("/v1/images/a.png/", query) == "signature"


def test_it_holds_as_long_as_the_secret_does() -> None:
    path, query = parts(URLS.sign(PATH))
    assert SignedUrls("secret").permit(path, query)
    assert refusal(path, query, SignedUrls("another")) == "signature"


def test_it_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    path, query = parts(SignedUrls("secret", lifetime_s=60).sign(PATH))
    now_s = time.time()
    monkeypatch.setattr("router.keys.signed_urls.time.time", lambda: now_s + 59)
    assert URLS.permit(path, query)
    monkeypatch.setattr("router.keys.signed_urls.time.time", lambda: now_s + 62)
    assert refusal(path, query) == "expires"


def test_its_end_cannot_be_changed() -> None:
    path, query = parts(URLS.sign(PATH))
    later = query.replace(b"expires=", b"expires=9")
    assert refusal(path, later) == "signature"
    assert refusal(path, query + b"&expires=99999999999") == "signature"


@pytest.mark.parametrize("query", [b"", b"expires=99999999999", b"signature=", b"\xff\xfe"])
def test_no_signature_permits_nothing(query: bytes) -> None:
    assert not URLS.permit(PATH, query)


@pytest.mark.parametrize(
    "query", [b"signature=0", b"signature=%ff&expires=%00", "signature=ä".encode(), b"signature=a&signature=b"]
)
def test_nonsense_is_refused(query: bytes) -> None:
    assert refusal(PATH, query) == "signature"
