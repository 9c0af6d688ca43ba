"""Routes of clients that send JSON under any type, which may hold pictures."""

from __future__ import annotations

from router.http.json_body import PictureRoute, UntypedJsonRoute


class UntypedPictureRoute(PictureRoute, UntypedJsonRoute):
    """What both are."""
