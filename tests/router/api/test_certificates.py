"""``/nexa-ca.crt``: the authority's certificate, for everyone, and never more than that."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from router.http.certificates.local_authority import AUTHORITY_PATH, has_authority
from tests.support.router.client import ask
from tests.support.router.fake_broker import FakeBroker


def broker_with(file: Path) -> FakeBroker:
    broker = FakeBroker()
    broker.settings = broker.settings.model_copy(
        update={"authority_file": str(file), "api_key": "secret", "key_required": True}
    )
    return broker


def test_everyone_gets_the_certificate_and_nothing_else_of_its_file(tmp_path: Path) -> None:
    file, authority = tmp_path / "nexa-ca.crt", trustme.CA()
    certificate = authority.cert_pem.bytes()
    file.write_bytes(authority.private_key_pem.bytes() + certificate)
    broker = broker_with(file)
    answer = ask(broker, "GET", AUTHORITY_PATH)
    assert (answer.status_code, answer.content) == (200, certificate)
    assert answer.headers["content-type"] == "application/x-x509-ca-cert"
    assert answer.headers["content-disposition"] == "attachment; filename=nexa-ca.crt"
    assert has_authority(broker.settings)


@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_without_an_authority_there_is_none(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "nexa-ca.crt"
    if content is not None:
        file.write_bytes(content)
    broker = broker_with(file)
    answer = ask(broker, "GET", AUTHORITY_PATH)
    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == "this server has no authority of its own; nexa cert makes one"
    assert not has_authority(broker.settings)
