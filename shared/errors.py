"""Errors that several packages raise or report."""

from __future__ import annotations


class ModelError(Exception):
    """A model's name is wrong, or it cannot be found, fetched or served. The message is one line for the user."""
