"""The certificate of ``--ssl-certfile`` and ``--ssl-keyfile``, checked before any process starts."""

from __future__ import annotations

import ssl
from pathlib import Path


class CertificateError(Exception):
    """The certificate cannot be used; the message is one line that names the option and the file."""


def check_certificate(certfile: str, keyfile: str) -> None:
    """Check that TLS can be served with these files, if any is named.

    Raises:
        CertificateError: one of them is missing, unreadable or not PEM, or the key is not the certificate's.
    """
    if not certfile and not keyfile:
        return
    if not certfile:
        raise CertificateError("--ssl-certfile is required with --ssl-keyfile: the certificate of that key")
    for option, path in (("--ssl-certfile", certfile), ("--ssl-keyfile", keyfile)):
        if path:
            _check_readable(option, path)
    try:
        tls_context(certfile, keyfile)
    except ssl.SSLError as error:
        raise CertificateError(_reason(error, certfile, keyfile)) from None


def tls_context(certfile: str, keyfile: str) -> ssl.SSLContext | None:
    """What serves TLS with these files; None if no certificate is named."""
    if not certfile:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certfile, keyfile or None, _no_passphrase)
    return context


def _check_readable(option: str, path: str) -> None:
    try:
        with Path(path).open("rb"):
            pass
    except OSError as error:
        raise CertificateError(f"{option} {path}: {error.strerror}") from None


def _no_passphrase() -> str:
    """Called when the key is encrypted; by default OpenSSL would ask on the terminal."""
    raise CertificateError("--ssl-keyfile: expected a key without a passphrase, got an encrypted one")


def _reason(error: ssl.SSLError, certfile: str, keyfile: str) -> str:
    if "KEY_VALUES_MISMATCH" in str(error):
        return f"--ssl-keyfile {keyfile}: expected the key of --ssl-certfile {certfile}, got another certificate's"
    if keyfile:
        expected, got = "PEM files with the certificate chain and its key", f"{certfile} and {keyfile}"
        return f"--ssl-certfile and --ssl-keyfile: expected {expected}, got {got}"
    return f"--ssl-certfile: expected a PEM file with the certificate chain and its key, got {certfile}"
