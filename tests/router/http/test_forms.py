"""Forms with files, through the audio endpoints."""

from __future__ import annotations

import contextlib
import gc
import mmap
import os
import socket
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from router.http.forms import FORM_OVERHEAD_BYTES
from shared.wire.payloads import Started
from tests.support.requests.speech import ROUTE, speech_broker, upload
from tests.support.router.client import ask, serving, wait_until
from tests.support.router.fake_broker import FakeBroker

LARGE = 3_000_000
FORM = {"Content-Type": "multipart/form-data; boundary=b"}
FILE_HEAD = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'


def open_files() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


def open_file_sizes(folder: Path) -> list[int]:
    """Sizes of this process's open files in ``folder``, including unnamed ones."""
    sizes = []
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed in the meantime
            if str(link.readlink()).startswith(str(folder)):
                sizes.append(link.stat().st_size)
    return sizes


def connect(url: str, path: str, body_bytes: int) -> socket.socket:
    """A connection that has sent a form's headers."""
    address = urlsplit(url)
    connection = socket.create_connection((address.hostname or "", address.port or 0), timeout=10)
    headers = ["Host: nexa", f"Content-Type: {FORM['Content-Type']}", f"Content-Length: {body_bytes}"]
    connection.sendall("\r\n".join([f"POST {path} HTTP/1.1", *headers, "", ""]).encode())
    return connection


def refused(response: httpx.Response, status: int, param: str | None) -> str:
    assert response.status_code == status, response.text
    error: dict[str, Any] = response.json()["error"]
    assert error["param"] == param
    return str(error["message"])


def test_a_small_file_arrives_unchanged() -> None:
    broker = speech_broker()
    assert upload(broker, b"\0sound\xff").status_code == 200
    assert broker.jobs[0].request.blobs == (b"\0sound\xff",)


def test_a_large_file_is_mapped_and_leaves_no_temporary_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    broker, content = speech_broker(), os.urandom(LARGE)
    assert upload(broker, content).status_code == 200
    (blob,) = broker.jobs[0].request.blobs
    assert isinstance(blob, mmap.mmap)
    assert blob[:] == content
    assert list(tmp_path.iterdir()) == []


async def large_form() -> AsyncIterator[bytes]:
    """A form with a large file, in parts as they come from the network."""
    yield FILE_HEAD
    for _ in range(LARGE // 50_000):
        yield bytes(50_000)
    yield b"\r\n--b--\r\n"


def test_a_large_file_takes_little_of_its_users_memory() -> None:
    broker = speech_broker(max_user_inflight_bytes=LARGE // 2)
    response = ask(broker, "POST", ROUTE, content=large_form(), headers=FORM)
    assert response.status_code == 200, response.text
    assert "bytes of a request in memory" in refused(upload(broker, prompt="x" * LARGE), 413, None)


def test_a_large_file_counts_among_the_files() -> None:
    broker = speech_broker(max_spool_bytes=LARGE)
    response = ask(broker, "POST", ROUTE, content=large_form(), headers=FORM)
    assert "bytes of a request in files" in refused(response, 413, None)
    assert upload(broker, bytes(1000)).status_code == 200


def test_files_are_closed_with_their_jobs() -> None:
    broker = speech_broker(max_upload_bytes=LARGE)
    upload(broker, bytes(1))
    before = open_files()
    for _ in range(3):
        assert upload(broker, bytes(LARGE)).status_code == 200
        assert upload(broker, bytes(LARGE + 1)).status_code == 413
    assert open_files() == before + 3
    broker.jobs.clear()
    assert open_files() == before


def test_a_file_over_the_limit_is_413() -> None:
    broker = speech_broker(max_upload_bytes=1000)
    message = refused(upload(broker, bytes(1001)), 413, "file")
    assert message == "file: expected at most 1000 bytes, got 1001"
    assert upload(broker, bytes(1000)).status_code == 200


def test_a_form_over_the_limit_is_413_by_its_content_length() -> None:
    broker = speech_broker(max_upload_bytes=1000, max_body_bytes=500)
    response = upload(broker, bytes(1_100_000))
    assert "expected at most 1049576 bytes" in refused(response, 413, None)
    assert response.headers["Connection"] == "close"


def test_a_chunked_form_over_the_limit_is_413_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    broker = speech_broker(max_upload_bytes=LARGE)
    upload(broker, bytes(1))
    before = open_files()
    taken_bytes = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal taken_bytes
        yield FILE_HEAD
        while True:
            taken_bytes += 100_000
            yield bytes(100_000)

    response = ask(broker, "POST", ROUTE, content=chunks(), headers=FORM)
    assert f"expected at most {LARGE + FORM_OVERHEAD_BYTES} bytes" in refused(response, 413, None)
    assert taken_bytes == 4_100_000
    assert open_files() == before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("extra_bytes", [1, LARGE])
def test_a_full_folder_for_temporary_files_is_507(extra_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it is noticed while the file is written, or when the last bytes are."""
    broker = speech_broker()
    upload(broker, bytes(1))
    before = open_files()

    def full(self: tempfile.SpooledTemporaryFile[bytes]) -> None:
        file = open("/dev/full", "w+b")  # noqa: SIM115
        file.write(b"what was in memory")
        vars(self).update(_file=file, _rolled=True)

    monkeypatch.setattr("tempfile.SpooledTemporaryFile.rollover", full)
    message = refused(upload(broker, bytes(1024 * 1024 + extra_bytes)), 507, None)
    assert message == "folder for temporary files (TMPDIR): expected room for the file, got a full disk"
    assert open_files() == before


def test_an_interrupted_upload_leaves_no_job_and_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    caplog.set_level("INFO", logger="nexa.request")
    broker = speech_broker()
    with serving(broker) as url:
        connection = connect(url, ROUTE, 2 * LARGE)
        connection.sendall(FILE_HEAD + bytes(LARGE))
        wait_until(lambda: any(size_bytes >= LARGE for size_bytes in open_file_sizes(tmp_path)))
        connection.close()
        wait_until(lambda: any(record.name == "nexa.request" for record in caplog.records))
        assert open_file_sizes(tmp_path) == []
    (line,) = [record for record in caplog.records if record.name == "nexa.request"]
    assert (line.levelname, vars(line)["outcome"]) == ("INFO", "cancelled")
    assert broker.jobs == []


@pytest.mark.parametrize("stream", [b"true", b"false"])
def test_a_disconnect_after_an_upload_cancels_the_job(stream: bytes) -> None:
    broker = speech_broker()
    broker.script = [Started(0, 0)]
    field = b'--b\r\nContent-Disposition: form-data; name="stream"\r\n\r\n' + stream + b"\r\n"
    body = field + FILE_HEAD + b"sound\r\n--b--\r\n"
    with serving(broker) as url:
        connection = connect(url, ROUTE, len(body))
        connection.sendall(body)
        wait_until(lambda: broker.jobs)
        assert not broker.cancelled
        connection.close()
        wait_until(lambda: broker.cancelled)


def test_json_bodies_keep_their_own_limit() -> None:
    broker = speech_broker(max_upload_bytes=1_000_000, max_body_bytes=500)
    response = ask(broker, "POST", "/v1/completions", json={"prompt": "x" * 1000})
    assert "expected at most 500 bytes" in refused(response, 413, None)


@pytest.mark.parametrize(
    ("request_", "param", "said"),
    [
        ({"json": {"file": "x"}}, "Content-Type", "expected multipart/form-data, got 'application/json'"),
        ({}, "Content-Type", "Content-Type is required: multipart/form-data"),
        ({"files": {"audio": b"x"}}, "file", "file is required: a file in the form"),
        (
            {"files": {"other": b"x"}, "data": {"file": "jfk.flac"}},
            "file",
            "a file with a file name, got the text",
        ),
        ({"files": [("file", b"x"), ("file", b"y")]}, "file", "file: expected one file, got 2"),
        ({"files": {"file": b""}}, "file", "file: expected a file with content, got an empty one"),
    ],
)
def test_a_request_without_a_form_with_one_file_is_refused(request_: dict[str, Any], param: str, said: str) -> None:
    assert said in refused(ask(speech_broker(), "POST", ROUTE, **request_), 400, param)


def test_a_malformed_form_is_refused() -> None:
    for headers, body in [
        ({"Content-Type": "multipart/form-data"}, b"x"),
        ({"Content-Type": "multipart/form-data; boundary=b"}, b"--b\r\nno header\r\n\r\n"),
        ({"Content-Type": "multipart/form-data; boundary=b"}, b""),
    ]:
        assert ask(speech_broker(), "POST", ROUTE, headers=headers, content=body).status_code == 400


def test_too_many_parts_are_refused() -> None:
    files = [("file", b"x")] * 21
    assert "Too many files" in refused(ask(speech_broker(), "POST", ROUTE, files=files), 400, None)


@pytest.mark.parametrize(("site", "status"), [("cross-site", 403), ("same-origin", 200), ("none", 200)])
def test_a_form_from_another_site_is_refused(site: str, status: int) -> None:
    broker: FakeBroker = speech_broker()
    files = {"file": b"sound"}
    assert ask(broker, "POST", ROUTE, files=files, headers={"Sec-Fetch-Site": site}).status_code == status
    assert len(broker.jobs) == (status == 200)


@pytest.mark.parametrize(
    ("origin", "status"),
    [("https://evil.example", 403), ("null", 403), ("http://nexa", 200), ("http://nexa:81", 403), ("file://", 403)],
)
def test_a_form_from_another_origin_is_refused_where_browsers_say_no_more(origin: str, status: int) -> None:
    broker: FakeBroker = speech_broker()
    assert ask(broker, "POST", ROUTE, files={"file": b"sound"}, headers={"Origin": origin}).status_code == status
    assert len(broker.jobs) == (status == 200)


def test_a_file_field_left_empty_in_a_browser_counts_as_missing() -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename=""\r\n\r\n\r\n--b--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    response = ask(speech_broker(), "POST", ROUTE, headers=headers, content=part)
    assert "file is required: a file in the form" in refused(response, 400, "file")
