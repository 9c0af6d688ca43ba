"""Routes whose JSON may hold pictures."""

from __future__ import annotations

from router.http.json_body import JsonLimits, UntypedJsonRoute
from shared.settings import ServerSettings


class PictureRoute(UntypedJsonRoute):
    """A route whose body may hold pictures as base64, which do not count as text."""

    def limits(self, settings: ServerSettings) -> JsonLimits:
        """No limit of text beside that of the body."""
        return JsonLimits(settings.max_json_values)
