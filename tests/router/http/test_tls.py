"""Certificates are checked before any process starts; with a good one the server speaks HTTPS."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from router.http.tls import CertificateError, check_certificate
from tests.support.running_server import RunningServer


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def files(authority: trustme.CA, tmp_path: Path) -> tuple[str, str]:
    """A certificate for this machine, and its key."""
    certificate = authority.issue_cert("127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    return str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")


def refusal(certfile: str, keyfile: str) -> str:
    with pytest.raises(CertificateError) as refused:
        check_certificate(certfile, keyfile)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_certificate_and_its_key_are_accepted(files: tuple[str, str]) -> None:
    check_certificate(*files)
    check_certificate("", "")


def test_a_certificate_with_its_key_in_one_file_is_accepted(files: tuple[str, str], tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    both.write_text("".join(Path(path).read_text() for path in files))
    check_certificate(str(both), "")


def test_a_certificate_without_its_key_is_refused(files: tuple[str, str]) -> None:
    assert "expected a PEM file with the certificate chain and its key" in refusal(files[0], "")


def test_a_key_of_another_certificate_is_refused(authority: trustme.CA, files: tuple[str, str], tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    authority.issue_cert("127.0.0.1").private_key_pem.write_to_path(other)
    assert "got another certificate's" in refusal(files[0], str(other))


def test_a_file_that_is_not_pem_is_refused(files: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    assert "PEM" in refusal(str(tmp_path / "text"), files[1])


def test_a_missing_key_file_is_named(files: tuple[str, str]) -> None:
    assert refusal(files[0], "/none.pem") == "--ssl-keyfile /none.pem: No such file or directory"


def test_an_encrypted_key_is_refused_without_a_prompt(files: tuple[str, str], tmp_path: Path) -> None:
    key = serialization.load_pem_private_key(Path(files[1]).read_bytes(), None)
    locked = tmp_path / "locked.pem"
    form = serialization.PrivateFormat.PKCS8
    encryption = serialization.BestAvailableEncryption(b"secret")
    locked.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, encryption))
    assert "passphrase" in refusal(files[0], str(locked))


@contextlib.contextmanager
def serving_tls(authority: trustme.CA, files: tuple[str, str]) -> Iterator[RunningServer]:
    server = RunningServer("echo", "--ssl-certfile", files[0], "--ssl-keyfile", files[1])
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    server.client = httpx.Client(base_url=f"https://127.0.0.1:{server.port}", verify=trusted, timeout=120.0)
    server.api.http = server.client
    try:
        server.wait_ready()
        yield server
    finally:
        server.stop()


def test_the_server_speaks_https_and_says_so(authority: trustme.CA, files: tuple[str, str]) -> None:
    with serving_tls(authority, files) as server:
        assert server.post("/v1/completions", {"prompt": "one two", "max_tokens": 2})["result"]
        assert f"https://127.0.0.1:{server.port}" in server.output()
        chunks = list(server.stream("/v1/completions", {"prompt": "one two", "max_tokens": 2}))
        assert chunks
        with pytest.raises(httpx.HTTPError):
            httpx.get(server.url + "/health")
