"""The certificate of this machine's own authority (``nexa cert``), which devices download to trust the server."""

from __future__ import annotations

import re
from pathlib import Path

from shared.settings import ServerSettings

AUTHORITY_NAME = "nexa-ca.crt"
"""The name of its file, on this machine and on devices."""

AUTHORITY_PATH = f"/{AUTHORITY_NAME}"
"""Where clients find it, without a key."""

MEDIA_TYPE = "application/x-x509-ca-cert"
"""What makes phones and browsers offer to install it."""

MAX_BYTES = 64 * 1024
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----[\sA-Za-z0-9+/=]+-----END CERTIFICATE-----\n?")


def has_authority(settings: ServerSettings) -> bool:
    """Whether this machine has an authority whose certificate can be downloaded."""
    return authority_certificate(settings) is not None


def authority_certificate(settings: ServerSettings) -> bytes | None:
    """The certificate (PEM); None if there is none. Whatever else the file may hold, nothing but that is returned."""
    if not settings.authority_file:
        return None
    try:
        with Path(settings.authority_file).open("rb") as file:
            found = _CERTIFICATE.search(file.read(MAX_BYTES))
    except OSError:  # `nexa cert` has not been run, or by another user
        return None
    return found[0] if found else None
