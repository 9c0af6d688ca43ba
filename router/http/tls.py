"""The certificate of ``--ssl-certfile`` and ``--ssl-keyfile``, checked before anything is started."""

from __future__ import annotations

import ssl
from pathlib import Path


class CertificateError(Exception):
    """The certificate cannot be used; the message is one line that names the option and the file."""


def check_certificate(certfile: str, keyfile: str) -> None:
    """See that TLS can be served with these files. Nothing is checked when none is named.

    Raises:
        CertificateError: one of them is missing, unreadable or no PEM, or they do not belong together.
    """
    if not certfile and not keyfile:
        return
    if not certfile:
        raise CertificateError("--ssl-keyfile needs --ssl-certfile, the certificate that the key belongs to")
    for option, path in (("--ssl-certfile", certfile), ("--ssl-keyfile", keyfile)):
        if path:
            _check_readable(option, path)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certfile, keyfile or None, _no_passphrase)
    except ssl.SSLError as error:
        raise CertificateError(_reason(error, certfile, keyfile)) from None


def _check_readable(option: str, path: str) -> None:
    try:
        with Path(path).open("rb"):
            pass
    except OSError as error:
        raise CertificateError(f"{option} {path}: {error.strerror}") from None


def _no_passphrase() -> str:
    """Asked for when the key is encrypted. OpenSSL itself would ask on the terminal."""
    raise CertificateError("--ssl-keyfile: the key has a passphrase; accepted are keys without one")


def _reason(error: ssl.SSLError, certfile: str, keyfile: str) -> str:
    if "KEY_VALUES_MISMATCH" in str(error):
        return f"--ssl-certfile {certfile} and --ssl-keyfile {keyfile} do not belong together"
    files = f"--ssl-certfile {certfile}" + (f" and --ssl-keyfile {keyfile}" if keyfile else "")
    accepted = "PEM files, one with the certificate chain and one with its key" if keyfile else "a PEM file with both"
    return f"{files}: no usable certificate with its key; accepted is {accepted}"
