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
    kind = (given or "").partition(";")[0].strip(" \t").lower()
    if kind.startswith("application/") and kind.endswith("+json"):
        kind = JSON
    if kind in accepted:
        return kind
    expected = " or ".join(accepted)
    if not given:
        raise ApiError(400, f"Content-Type is required: {expected}", "Content-Type")
    raise ApiError(400, f"Content-Type: expected {expected}, got {shown(given)}", "Content-Type")
