"""Requests to known APIs that the server does not have: 501, with what there is instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from router.schemas.errors import ApiError
from router.schemas.shown import shown


@dataclass(frozen=True, slots=True)
class MissingApi:
    """What an API would do, and what of this server comes nearest."""

    what: str
    instead: str


def missing_api(method: str, path: str, missing: Mapping[str, MissingApi]) -> ApiError | None:
    """The error, if ``path``, with or without ``/v1``, is one of the ``missing`` paths or below one."""
    for candidate in (path, f"/v1{path}"):
        for prefix, api in missing.items():
            if candidate == prefix or candidate.startswith(f"{prefix}/"):
                message = f"{method} {shown(path)}: this server has no {api.what}; {api.instead}"
                return ApiError(501, message, code="not_supported")
    return None
