"""Checks of a request's Content-Type."""

from __future__ import annotations

from router.schemas.errors import ApiError
from router.schemas.shown import shown

JSON = "application/json"
FORM = "multipart/form-data"


def check_content_type(given: str | None, *accepted: str) -> str:
    """Return which of the ``accepted`` media types the header names; ``application/...+json`` counts as JSON.

    Accepting only JSON keeps out web pages of other origins: browsers send forms across origins without a preflight
    request, but not JSON.

    Raises:
        ApiError: 400, the header is missing or names another type.
    """
    kind = JSON if is_json(given) else _kind(given)
    if kind in accepted:
        return kind
    expected = " or ".join(accepted)
    if not given:
        raise ApiError(400, f"Content-Type is required: {expected}", "Content-Type")
    raise ApiError(400, f"Content-Type: expected {expected}, got {shown(given)}", "Content-Type")


def is_json(given: str | None) -> bool:
    """Whether the header names JSON."""
    kind = _kind(given)
    return kind == JSON or (kind.startswith("application/") and kind.endswith("+json"))


def _kind(given: str | None) -> str:
    return (given or "").partition(";")[0].strip(" \t").lower()
