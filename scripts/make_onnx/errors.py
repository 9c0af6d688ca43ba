"""What can go wrong."""

from __future__ import annotations


class MakingError(Exception):
    """A model, or the environment that makes it, could not be made; the message says why, in a few lines."""
