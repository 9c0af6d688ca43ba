"""What keeps a certificate from being made."""

from __future__ import annotations


class CertificateProblem(Exception):
    """The message is one line, with what mends it."""
