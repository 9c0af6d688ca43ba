"""Finished pictures are kept, and fetched by URL."""

from __future__ import annotations

import base64
import logging
import os
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from router.keys.signed_urls import URL_LIFETIME_S
from shared.settings import ServerSettings
from shared.wire.payloads import Picture, Started
from tests.support.requests.images import CAT, image_broker
from tests.support.requests.pictures import png
from tests.support.router.client import ask, post, serving, wait_until
from tests.support.router.fake_broker import FakeBroker

KEY = {"Authorization": "Bearer secret"}


def test_pictures_that_cannot_be_kept_are_answered_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    broker = image_broker(output_folder=str(tmp_path / "file"))
    (entry,) = post(broker, "/v1/txt2img", CAT).json()["data"]
    assert entry["url"] is None
    assert base64.b64decode(entry["b64_json"]) == png(0, 8)
    (record,) = [record for record in caplog.records if record.name == "nexa.images"]
    assert record.levelno == logging.WARNING


def test_an_address_that_cannot_be_given_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    broker = image_broker(output_folder=str(tmp_path / "file"))
    broker.script = [Started(0, 0), Picture(0, 64, 64, png())]
    response = post(broker, "/v1/txt2img", {**CAT, "n": 2, "response_format": "url"})
    assert response.status_code == 500
    assert "cannot be saved" in response.json()["error"]["message"]
    assert broker.cancelled == broker.jobs


def test_a_picture_by_its_address(broker: FakeBroker) -> None:
    (entry,) = post(broker, "/v1/txt2img", CAT).json()["data"]
    response = ask(broker, "GET", entry["url"])
    assert response.content == png(0, 8)
    assert response.headers["content-type"] == "image/png"
    assert response.headers["cache-control"] == "private, max-age=86400, immutable"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cross-origin-resource-policy"] == "cross-origin"
    head = ask(broker, "HEAD", entry["url"])
    assert head.status_code == 200
    assert head.headers["content-length"] == str(len(png(0, 8)))


@pytest.mark.parametrize(
    "name",
    [
        "0123456789abcdef0123456789abcdef.png",
        "..%2fsecret.png",
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e",
        "../secret.png",
        "%2fetc%2fpasswd",
        "0123456789abcdef0123456789abcdef.png%00",
        "0123456789abcdef0123456789abcdef.png%0a",
        "link.png",
        "a" * 5000,
        "",
    ],
)
def test_nothing_else_can_be_fetched(broker: FakeBroker, tmp_path: Path, name: str) -> None:
    post(broker, "/v1/txt2img", CAT)
    (tmp_path / "secret.png").write_bytes(b"secret")
    (tmp_path / "images" / "link.png").symlink_to(tmp_path / "secret.png")
    response = ask(broker, "GET", f"/v1/images/{name}")
    assert response.status_code == 404
    assert response.json()["error"]["type"] == "not_found_error"


def test_old_pictures_go_when_the_server_starts(broker: FakeBroker, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    old = tmp_path / "images" / "0123456789abcdef0123456789abcdef.png"
    old.write_bytes(png())
    os.utime(old, (0, 0))
    with serving(broker):
        wait_until(lambda: not old.exists())


@pytest.fixture
def locked(tmp_path: Path) -> FakeBroker:
    return image_broker(output_folder=str(tmp_path), api_key="secret")


def test_a_pictures_address_is_absolute_and_stands_in_for_the_key(locked: FakeBroker) -> None:
    host = {"Host": "ai.example:8443"}
    (entry,) = post(locked, "/v1/txt2img", CAT, headers={**KEY, **host}).json()["data"]
    assert entry["url"].startswith("http://ai.example:8443/v1/images/")
    path = entry["url"].removeprefix("http://ai.example:8443")
    assert ask(locked, "GET", path).content == png(0, 8)
    assert ask(locked, "HEAD", path).status_code == 200
    unknown = {"Authorization": "Bearer unknown"}
    assert ask(locked, "GET", path, headers=unknown).status_code == 200


def test_without_a_signature_a_picture_needs_the_key(locked: FakeBroker) -> None:
    (entry,) = post(locked, "/v1/txt2img", CAT, headers=KEY).json()["data"]
    bare, _, query = entry["url"].partition("?")
    assert ask(locked, "GET", bare).json()["error"]["code"] == "invalid_api_key"
    assert ask(locked, "GET", bare, headers=KEY).status_code == 200
    assert ask(locked, "GET", bare, params={"expires": "1", "signature": "0"}, headers=KEY).status_code == 200
    for path, code in (
        (f"{bare}?{query}0", "invalid_signature"),
        (f"/v1/usage?{query}", "invalid_signature"),
        ("/v1/usage?expires=1", "invalid_api_key"),
    ):
        refused = ask(locked, "GET", path)
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, code)


def test_an_expired_address_says_so(locked: FakeBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    (entry,) = post(locked, "/v1/txt2img", CAT, headers=KEY).json()["data"]
    now_s = time.time()
    monkeypatch.setattr("router.keys.signed_urls.time.time", lambda: now_s + URL_LIFETIME_S + 2)
    refused = ask(locked, "GET", entry["url"])
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "url_expired")
    assert ask(locked, "GET", entry["url"], headers=KEY).status_code == 200


def test_an_address_ends_with_its_picture(tmp_path: Path) -> None:
    broker = image_broker(output_folder=str(tmp_path), output_keep_s=60)
    (entry,) = post(broker, "/v1/txt2img", CAT).json()["data"]
    (expires,) = parse_qs(urlsplit(entry["url"]).query)["expires"]
    assert int(expires) <= time.time() + 61


def test_an_address_outlives_the_router(tmp_path: Path) -> None:
    broker = image_broker(output_folder=str(tmp_path / "images"), api_key="secret", run_folder=str(tmp_path))
    broker.settings.save()
    (entry,) = post(broker, "/v1/txt2img", CAT, headers=KEY).json()["data"]
    restarted = FakeBroker(settings=ServerSettings.load(broker.settings.path))
    assert ask(restarted, "GET", entry["url"]).status_code == 200


@pytest.mark.parametrize("path", ["/v1/txt2img", "/v1/images/generations"])
def test_a_trusted_proxy_says_what_the_address_is(tmp_path: Path, path: str) -> None:
    told = {"X-Forwarded-Host": "ai.example", "X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"}
    body = {**CAT, "response_format": "url"}
    for proxies, url in ((("127.0.0.1",), "https://ai.example/v1/images/"), ((), "http://nexa/v1/images/")):
        broker = image_broker(output_folder=str(tmp_path), trusted_proxies=proxies)
        (entry,) = post(broker, path, body, headers=told).json()["data"]
        assert entry["url"].startswith(url)
