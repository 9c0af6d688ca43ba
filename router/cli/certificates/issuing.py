"""The server's certificate: made and renewed by this machine's authority."""

from __future__ import annotations

import datetime
import ipaddress
import json
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from router.cli.certificates.authority import (
    SKEW,
    Authority,
    certificate_pem,
    key_pem,
    load_authority,
    make_authority,
    write_private,
    write_public,
)
from router.cli.certificates.errors import CertificateProblem
from router.cli.certificates.names import may_be_certified
from router.cli.machine.addresses import is_ip_address, names_of_machine, private_addresses
from router.http.certificates.local_authority import AUTHORITY_NAME

LIFE = datetime.timedelta(days=397)
"""Phones refuse certificates of more than 825 days, also from authorities that their users have added."""

RENEWAL = datetime.timedelta(days=30)
"""A certificate is renewed when it has no more time left than this."""

_ALWAYS = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The files of the authority and of the server's certificate. The keys are readable by their owner only."""

    folder: Path

    @property
    def authority(self) -> Path:
        """The authority's certificate, which devices install."""
        return self.folder / AUTHORITY_NAME

    @property
    def authority_key(self) -> Path:
        """The authority's private key."""
        return self.folder / "nexa-ca.key"

    @property
    def certificate(self) -> Path:
        """The server's certificate."""
        return self.folder / "server.crt"

    @property
    def key(self) -> Path:
        """The private key of the server's certificate."""
        return self.folder / "server.key"

    @property
    def names(self) -> Path:
        """The names that the user gave, as a list in JSON."""
        return self.folder / "names.json"


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """The certificate that a server uses. ``left_out`` are names of this machine that its authority may not sign.

    ``reason`` says why it was made now; empty if it was there.
    """

    names: tuple[str, ...]
    expires: datetime.datetime
    authority: Authority
    new_authority: bool
    reason: str
    left_out: tuple[str, ...]


def ensure_certificate(
    files: TlsFiles, now: datetime.datetime, given: list[str] | None = None, new_authority: bool = False
) -> ServerCertificate:
    """The certificate for this machine's names and addresses, made or renewed if need be.

    ``given`` are further names, which replace those of last time; None keeps them.

    Raises:
        CertificateProblem: a given name that the authority may not sign, or damaged files.
        OSError: the files cannot be written.
    """
    files.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    extra = _kept_names(files) if given is None else [name.lower().rstrip(".") for name in given]
    found = None if new_authority else load_authority(files.authority, files.authority_key)
    authority = found or make_authority(extra, now)
    _check(authority, extra, now)
    if found is None:
        write_private(files.authority_key, key_pem(authority.key))
        write_public(files.authority, certificate_pem(authority.certificate))
    write_private(files.names, json.dumps(extra).encode())
    machine = list(dict.fromkeys([*_ALWAYS, *names_of_machine(), *private_addresses()]))
    wanted = tuple(dict.fromkeys([*extra, *(name for name in machine if authority.permits(name))]))
    reason = "its authority is new" if found is None else _reason_to_renew(files, authority, wanted, now)
    if reason:
        _issue(files, authority, wanted, now)
    certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    names, expires = _names_in(certificate), certificate.not_valid_after_utc
    left_out = tuple(name for name in machine if not authority.permits(name))
    return ServerCertificate(names, expires, authority, found is None, reason, left_out)


def _check(authority: Authority, names: list[str], now: datetime.datetime) -> None:
    """Raise :class:`CertificateProblem` if the authority may not sign one of the names, or ends soon."""
    refused = [name for name in names if not authority.permits(name)]
    if refused:
        raise CertificateProblem(
            f"--name: expected a name that the authority may sign, got {refused[0]!r}; with --new-ca as well, a new "
            "authority may, which all devices must install again"
        )
    ends = authority.certificate.not_valid_after_utc
    if now + RENEWAL > ends:
        remedy = "nexa cert --new-ca makes another one, which all devices must install"
        raise CertificateProblem(f"the authority ends on {ends:%Y-%m-%d}; {remedy}")


def _kept_names(files: TlsFiles) -> list[str]:
    if not files.names.exists():
        return []
    try:
        names = [str(name) for name in json.loads(files.names.read_text())]
    except (ValueError, TypeError):
        names = [""]
    if not all(map(may_be_certified, names)):
        raise CertificateProblem(f"{files.names}: expected a list of names; give them again with --name")
    return names


def _reason_to_renew(files: TlsFiles, authority: Authority, wanted: tuple[str, ...], now: datetime.datetime) -> str:
    """Why there must be a new certificate; empty if the one that is there will do."""
    if not files.certificate.exists() or not files.key.exists():
        return "there is none"
    try:
        certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
        certificate.verify_directly_issued_by(authority.certificate)
        key = serialization.load_pem_private_key(files.key.read_bytes(), None)
    except Exception as error:  # cryptography raises its own and ValueError for what it cannot read or verify
        return f"the former one cannot be used ({type(error).__name__})"
    if key.public_key() != certificate.public_key():  # two commands at once, or one that was interrupted
        return "its key belongs to another one"
    if certificate.not_valid_after_utc - now < RENEWAL:
        return f"the former one ends on {certificate.not_valid_after_utc:%Y-%m-%d}"
    missing = [name for name in wanted if name not in _names_in(certificate)]
    return f"the former one lacks {', '.join(missing)}" if missing else ""


def _issue(files: TlsFiles, authority: Authority, names: tuple[str, ...], now: datetime.datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    alternatives: list[x509.GeneralName] = [
        x509.IPAddress(ipaddress.ip_address(name)) if is_ip_address(name) else x509.DNSName(name) for name in names
    ]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nexa server")]))
        .issuer_name(authority.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(min(now + LIFE, authority.certificate.not_valid_after_utc))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    write_private(files.key, key_pem(key))
    write_public(files.certificate, certificate_pem(certificate))


def _names_in(certificate: x509.Certificate) -> tuple[str, ...]:
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return tuple(str(name.value) for name in found)
