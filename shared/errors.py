"""Errors that several packages raise or report."""

from __future__ import annotations


class ModelError(Exception):
    """A model that cannot be named, found, fetched or served. The message is one line for whoever asked for it."""
