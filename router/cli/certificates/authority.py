"""A certificate authority of this machine, which can vouch for private names and addresses only.

Whoever trusts it trusts this machine to speak for ``box.local`` and ``192.168.1.5``, but not for a bank: the name
constraints (RFC 5280, 4.2.1.10) say so in the authority's certificate itself.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from router.cli.certificates.errors import CertificateProblem
from router.cli.machine.addresses import PRIVATE_NETWORKS, host_name, is_ip_address, within

LIFE = datetime.timedelta(days=3650)
SKEW = datetime.timedelta(days=1)
"""How far a device's clock may be behind."""

PRIVATE_ENDINGS = ("localhost", "local", "lan", "home", "internal", "home.arpa")
"""Names of which no registry on the internet has any: RFC 6761, 6762, 8375, and what routers use."""


@dataclass(frozen=True, slots=True)
class Authority:
    """The authority's certificate and its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def permits(self, name: str) -> bool:
        """Whether it may vouch for a DNS name or an IP address."""
        constraints = self.certificate.extensions.get_extension_for_class(x509.NameConstraints).value
        subtrees = constraints.permitted_subtrees or []
        if is_ip_address(name):
            return within(name, [str(subtree.value) for subtree in subtrees if isinstance(subtree, x509.IPAddress)])
        endings = [subtree.value for subtree in subtrees if isinstance(subtree, x509.DNSName)]
        return any(name == ending or name.endswith(f".{ending}") for ending in endings)

    def fingerprint(self) -> str:
        """SHA-256 of the certificate, as devices show it."""
        return self.certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def make_authority(names: list[str], now: datetime.datetime) -> Authority:
    """A new authority for private names and addresses, this machine's name, and ``names``."""
    key = ec.generate_private_key(ec.SECP256R1())
    machine = host_name() or "this machine"
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "nexa server"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"nexa on {machine}, {now:%Y-%m-%d}"[:64]),
        ]
    )
    endings = [*PRIVATE_ENDINGS, *([host_name()] if host_name() else [])]
    endings += [name for name in names if not is_ip_address(name)]
    networks = [*PRIVATE_NETWORKS, *(name for name in names if is_ip_address(name))]
    permitted: list[x509.GeneralName] = [x509.DNSName(name) for name in dict.fromkeys(endings)]
    permitted += [x509.IPAddress(ipaddress.ip_network(network)) for network in networks]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_signs_certificates(), critical=True)
        .add_extension(x509.NameConstraints(permitted, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate, key)


def load_authority(certificate: Path, key: Path) -> Authority | None:
    """The authority in these files; None if there is none.

    Raises:
        CertificateProblem: only one of the files is there, or they are damaged.
    """
    if not certificate.exists() and not key.exists():
        return None
    try:
        loaded = serialization.load_pem_private_key(key.read_bytes(), None)
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
    except (OSError, ValueError, TypeError) as error:
        raise CertificateProblem(
            f"the authority in {certificate.parent} cannot be read ({error}); nexa cert --new-ca makes another one"
        ) from None
    if not isinstance(loaded, ec.EllipticCurvePrivateKey) or found.public_key() != loaded.public_key():
        raise CertificateProblem(
            f"{key}: expected the key of {certificate.name}, got another one; nexa cert --new-ca makes a new authority"
        )
    return Authority(found, loaded)


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
    draft.replace(path)


def write_public(path: Path, data: bytes) -> None:
    """Write a file that all users may read, whole or not at all."""
    write_private(path, data)
    path.chmod(0o644)


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A private key as PEM, without a passphrase: the server must start without anyone there."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def certificate_pem(certificate: x509.Certificate) -> bytes:
    """A certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def _signs_certificates() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
