"""The Content-Type that a request must name."""

from __future__ import annotations

from router.schemas.errors import ApiError
from router.schemas.shown import shown

JSON = "application/json"
FORM = "multipart/form-data"


def check_content_type(given: str | None, *accepted: str) -> str:
    """The one of the ``accepted`` media types that the header's value names; ``application/...+json`` counts as JSON.

    Accepting JSON alone keeps out web pages of other origins: a browser lets them send forms without asking this server
    first, but not JSON.

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
