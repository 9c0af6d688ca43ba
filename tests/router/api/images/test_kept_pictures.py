"""Finished pictures are kept, and fetched by URL."""

from __future__ import annotations

import base64
import logging
import os
from pathlib import Path

import pytest

from shared.wire.payloads import Picture, Started
from tests.support.requests.images import CAT, image_broker
from tests.support.requests.pictures import png
from tests.support.router.client import ask, post, serving, wait_until
from tests.support.router.fake_broker import FakeBroker


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
    broker.script = [Started(0, 0), Picture(0, 0, 64, 64, png())]
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
        "generations",
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


def test_the_key_is_needed_for_pictures_too(tmp_path: Path) -> None:
    broker = image_broker(output_folder=str(tmp_path), api_key="secret")
    key = {"Authorization": "Bearer secret"}
    (entry,) = post(broker, "/v1/txt2img", CAT, headers=key).json()["data"]
    assert ask(broker, "GET", entry["url"]).status_code == 401
    assert ask(broker, "GET", entry["url"], headers=key).status_code == 200
