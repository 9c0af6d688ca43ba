"""URLs that need no API key, since they carry a signature: a page's ``<img>`` cannot send a key."""

from __future__ import annotations

import hashlib
import hmac
import math
import re
import time
from urllib.parse import parse_qs

from router.schemas.errors import ApiError
from router.schemas.shown import shown

URL_LIFETIME_S = 3600.0
"""How long a signature is valid."""

_INSTANT = re.compile(r"\d{1,12}", re.ASCII)


class SignedUrls:
    """Signs paths, and checks signatures. ``key`` is secret; a signature is valid for ``lifetime_s``."""

    def __init__(self, key: str, lifetime_s: float = URL_LIFETIME_S) -> None:
        self._key = key.encode()
        self._lifetime_s = lifetime_s

    def sign(self, path: str) -> str:
        """``path`` with a signature of it and the instant at which that expires, in seconds since the epoch."""
        expires = str(math.ceil(time.time() + self._lifetime_s))
        return f"{path}?expires={expires}&signature={self._signature(path, expires)}"

    def permit(self, path: str, query: bytes) -> bool:
        """Whether ``query`` holds a signature of ``path``; False if there is none at all.

        Raises:
            ApiError: 401, the signature has expired, or is not that of this path.
        """
        given = parse_qs(query.decode("latin-1"))
        if "signature" not in given:
            return False
        expires, signature = given.get("expires", [""])[-1], given["signature"][-1]
        if not hmac.compare_digest(signature.encode(), self._signature(path, expires).encode()):
            message = "signature: expected the one of this URL as it was answered, or an API key, got another"
            raise ApiError(401, message, "signature", "invalid_signature", headers={"WWW-Authenticate": "Bearer"})
        if not _INSTANT.fullmatch(expires) or int(expires) < time.time():
            message = f"expires: expected an instant to come, or an API key, got {shown(expires)}: this URL has expired"
            raise ApiError(401, message, "expires", "url_expired", headers={"WWW-Authenticate": "Bearer"})
        return True

    def _signature(self, path: str, expires: str) -> str:
        return hmac.new(self._key, f"{path}\n{expires}".encode(), hashlib.sha256).hexdigest()
