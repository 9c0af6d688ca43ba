"""The authority and the certificates that it signs, checked by OpenSSL as a client does."""

from __future__ import annotations

import datetime
import socket
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

import router.cli.certificates.issuing
from router.cli.certificates.authority import certificate_pem, key_pem, load_authority
from router.cli.certificates.errors import CertificateProblem
from router.cli.certificates.issuing import TlsFiles, ensure_certificate
from router.cli.main import main

NOW = datetime.datetime.now(datetime.UTC)
YEAR = datetime.timedelta(days=365)


@pytest.fixture(autouse=True)
def _this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "Box")
    monkeypatch.setattr(router.cli.certificates.issuing, "private_addresses", lambda: ["192.168.1.5"])


@pytest.fixture
def files(tmp_path: Path) -> TlsFiles:
    return TlsFiles(tmp_path / "tls")


def shake_hands(files: TlsFiles, host: str, certificate: str = "", key: str = "") -> None:
    """A handshake over memory, by a client that trusts the authority and expects ``host``."""
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(certificate or files.certificate, key or files.key)
    trusting = ssl.create_default_context(cafile=str(files.authority))
    trusting.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(to_client, to_server, server_hostname=host)
    server = served.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(3):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "box", "box.local", "192.168.1.5"])
def test_a_device_that_trusts_the_authority_trusts_the_server(files: TlsFiles, host: str) -> None:
    made = ensure_certificate(files, NOW)
    assert made.names == ("localhost", "127.0.0.1", "::1", "box", "box.local", "192.168.1.5")
    assert (made.new_authority, made.reason, made.left_out) == (True, "its authority is new", ())
    shake_hands(files, host)
    with pytest.raises(ssl.SSLCertVerificationError, match=r"mismatch"):
        shake_hands(files, "192.168.1.6" if host[0].isdigit() else "other.local")


def test_a_key_of_another_certificate_is_replaced(files: TlsFiles) -> None:
    """Two commands at once, or one that was interrupted, leave such a pair: no server starts with it."""
    ensure_certificate(files, NOW)
    files.key.write_bytes(key_pem(ec.generate_private_key(ec.SECP256R1())))
    assert ensure_certificate(files, NOW).reason == "its key belongs to another one"
    shake_hands(files, "localhost")


@pytest.mark.parametrize("name", ["..", ".", "-a", "a..b", "x" * 64, ".".join(["abcd"] * 60), "a/b"])
def test_a_name_that_no_machine_can_have_is_refused(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert main(["cert", f"--name={name}", "--new-ca"]) == 2
    assert "--name: expected a name such as ai.example.com, or an address" in capsys.readouterr().err


@pytest.mark.parametrize("kept", ['[".."]', '["é.com"]', '["a", 5, "x y"]', "5", "\\xff", '{"a b": 1}'])
def test_kept_names_that_are_none_are_told(files: TlsFiles, kept: str) -> None:
    files.folder.mkdir()
    files.names.write_text(kept)
    with pytest.raises(CertificateProblem, match="expected a list of names; give them again with --name"):
        ensure_certificate(files, NOW)
    assert not files.authority.exists()


def test_keys_are_readable_by_their_owner_only(files: TlsFiles) -> None:
    ensure_certificate(files, NOW)
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in files.folder.iterdir()}
    assert modes == {
        "nexa-ca.crt": "0o644",
        "nexa-ca.key": "0o600",
        "server.crt": "0o644",
        "server.key": "0o600",
        "names.json": "0o600",
    }
    assert files.folder.stat().st_mode & 0o777 == 0o700
    assert b"PRIVATE" not in files.authority.read_bytes() + files.certificate.read_bytes()


@pytest.mark.parametrize("name", ["bank.example.com", "8.8.8.8", "notlocal"])
def test_a_stolen_authority_cannot_speak_for_the_internet(files: TlsFiles, name: str) -> None:
    """Even if someone signs such a certificate with the authority's key, clients refuse it."""
    ensure_certificate(files, NOW)
    authority = load_authority(files.authority, files.authority_key)
    assert authority is not None
    assert not authority.permits(name)
    router.cli.certificates.issuing._issue(files, authority, (name,), NOW)
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        shake_hands(files, name)


def test_without_need_nothing_is_changed(files: TlsFiles) -> None:
    ensure_certificate(files, NOW)
    before = {path: path.read_bytes() for path in files.folder.iterdir()}
    again = ensure_certificate(files, NOW + 0.9 * YEAR)
    assert (again.reason, again.new_authority) == ("", False)
    assert {path: path.read_bytes() for path in files.folder.iterdir()} == before


def test_it_is_renewed_near_its_end_by_the_same_authority(files: TlsFiles) -> None:
    first = ensure_certificate(files, NOW)
    second = ensure_certificate(files, NOW + 1.05 * YEAR)
    assert second.reason == f"the former one ends on {first.expires:%Y-%m-%d}"
    assert not second.new_authority
    assert second.authority.fingerprint() == first.authority.fingerprint()
    assert second.expires > first.expires
    assert second.expires - NOW - 1.05 * YEAR <= datetime.timedelta(days=397)


def test_it_is_renewed_for_a_new_address_and_kept_when_one_is_gone(
    files: TlsFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_certificate(files, NOW)
    issuing = router.cli.certificates.issuing
    monkeypatch.setattr(issuing, "private_addresses", lambda: ["10.0.0.7", "192.168.1.5"])
    assert ensure_certificate(files, NOW).reason == "the former one lacks 10.0.0.7"
    shake_hands(files, "10.0.0.7")
    monkeypatch.setattr(issuing, "private_addresses", lambda: ["10.0.0.7"])
    assert ensure_certificate(files, NOW).reason == ""


def test_given_names_are_kept_until_others_are_given(files: TlsFiles) -> None:
    ensure_certificate(files, NOW, ["AI.example.com", "203.0.113.9"])
    shake_hands(files, "ai.example.com")
    shake_hands(files, "203.0.113.9")
    assert ensure_certificate(files, NOW).reason == ""
    again = ensure_certificate(files, NOW, ["nexa.lan"])
    assert again.reason == "the former one lacks nexa.lan"
    assert "ai.example.com" not in again.names
    shake_hands(files, "nexa.lan")


def test_a_name_of_the_internet_needs_a_new_authority(files: TlsFiles) -> None:
    first = ensure_certificate(files, NOW)
    with pytest.raises(CertificateProblem, match=r"^--name: expected a name .* got 'ai\.example\.com'; with --new-ca"):
        ensure_certificate(files, NOW, ["ai.example.com"])
    second = ensure_certificate(files, NOW, ["ai.example.com"], new_authority=True)
    assert second.authority.fingerprint() != first.authority.fingerprint()
    shake_hands(files, "ai.example.com")


def test_a_name_that_the_authority_may_not_sign_is_left_out(files: TlsFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine got another name, of one word, after its authority was made."""
    ensure_certificate(files, NOW)
    monkeypatch.setattr(socket, "gethostname", lambda: "crate")
    made = ensure_certificate(files, NOW)
    assert made.left_out == ("crate",)
    assert "crate.local" in made.names


def test_an_authority_that_ends_soon_is_told(files: TlsFiles) -> None:
    ensure_certificate(files, NOW)
    with pytest.raises(CertificateProblem, match=r"the authority ends on .*; nexa cert --new-ca makes another one"):
        ensure_certificate(files, NOW + 9.98 * YEAR)


def test_damaged_files_are_told_and_a_damaged_certificate_is_made_again(files: TlsFiles) -> None:
    ensure_certificate(files, NOW)
    files.certificate.write_text("no certificate")
    assert ensure_certificate(files, NOW).reason.startswith("the former one cannot be used")
    shake_hands(files, "localhost")
    files.authority_key.write_bytes(key_pem(ec.generate_private_key(ec.SECP256R1())))
    with pytest.raises(CertificateProblem, match=r"expected the key of nexa-ca\.crt, got another one"):
        ensure_certificate(files, NOW)
    files.authority_key.unlink()
    with pytest.raises(CertificateProblem, match="cannot be read"):
        ensure_certificate(files, NOW)


def test_the_certificate_is_one_that_phones_accept(files: TlsFiles) -> None:
    """Apple's rules: at most 825 days, for servers, names in its extension (support.apple.com/103769)."""
    made = ensure_certificate(files, NOW)
    certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc < datetime.timedelta(days=825)
    assert certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value == x509.ExtendedKeyUsage(
        [ExtendedKeyUsageOID.SERVER_AUTH]
    )
    constraints = made.authority.certificate.extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    assert certificate_pem(made.authority.certificate) == files.authority.read_bytes()
