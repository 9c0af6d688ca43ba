"""Asks the server in this container for ``/health``, over HTTP or HTTPS; exits with 0 if it answers.

It is asked at the port that the variable ``NEXA_PORT`` says, or 8000.
"""

from __future__ import annotations

import http.client
import os
import ssl
import sys
import urllib.request

TIMEOUT_S = 2.5


def main() -> int:
    """Ask; returns the exit code."""
    trusting = ssl.create_default_context()
    # It is this machine, and the certificate has the names that others use.
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trusting))
    reasons = []
    for scheme in ("http", "https"):
        url = f"{scheme}://127.0.0.1:{os.environ.get('NEXA_PORT') or 8000}/health"
        try:
            with opener.open(url, timeout=TIMEOUT_S):
                return 0
        except (OSError, http.client.HTTPException) as error:
            reasons.append(f"{url}: {error}")
    print("; ".join(reasons), file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
