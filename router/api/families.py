"""All families of endpoints, in the order of the documentation. A new family is a folder and a line here."""

from __future__ import annotations

from router.api.admin.family import ADMIN
from router.api.audio.family import AUDIO
from router.api.images.family import IMAGES
from router.api.text.family import TEXT

FAMILIES = (TEXT, AUDIO, IMAGES, ADMIN)

OPEN_PATHS = frozenset(path for family in FAMILIES for path in family.open_paths)
PATHS = {path: methods for family in FAMILIES for path, methods in family.paths.items()}
QUIET_PATHS = frozenset(path for family in FAMILIES for path in family.quiet_paths)
WRITERS = {path: writer for family in FAMILIES for path, writer in family.writers.items()}
OPERATIONS = {path: operation for family in FAMILIES for path, operation in family.operations.items()}


def body_limits(max_body_bytes: int, max_form_bytes: int) -> dict[str, int]:
    """The paths whose bodies may be larger than ``max_body_bytes``, with their limits in bytes."""
    forms = dict.fromkeys((path for family in FAMILIES for path in family.form_paths), max_form_bytes)
    either = (path for family in FAMILIES for path in family.form_or_json_paths)
    return {**forms, **dict.fromkeys(either, max(max_form_bytes, max_body_bytes))}
