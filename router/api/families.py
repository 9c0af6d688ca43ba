"""All families of endpoints, in the order of the documentation. A new family is a folder and a line here."""

from __future__ import annotations

from router.api.a1111.family import A1111
from router.api.admin.family import ADMIN
from router.api.anthropic.family import ANTHROPIC
from router.api.audio.family import AUDIO
from router.api.batches.family import BATCHES
from router.api.certificates.family import CERTIFICATES
from router.api.embeddings.family import EMBEDDINGS
from router.api.files.family import FILES
from router.api.images.family import IMAGES
from router.api.missing.family import MISSING
from router.api.ollama.family import OLLAMA
from router.api.page.family import PAGE
from router.api.responses.family import RESPONSES
from router.api.server.family import SERVER
from router.api.text.family import TEXT

FAMILIES = (
    TEXT,
    ANTHROPIC,
    RESPONSES,
    EMBEDDINGS,
    AUDIO,
    IMAGES,
    A1111,
    OLLAMA,
    FILES,
    BATCHES,
    ADMIN,
    SERVER,
    PAGE,
    CERTIFICATES,
    MISSING,
)

OPEN_PATHS = frozenset(path for family in FAMILIES for path in family.open_paths)
PATHS = {
    path: frozenset().union(*(family.paths.get(path, frozenset()) for family in FAMILIES))
    for path in dict.fromkeys(path for family in FAMILIES for path in family.paths)
}
QUIET_PATHS = frozenset(path for family in FAMILIES for path in family.quiet_paths)
WRITERS = {path: writer for family in FAMILIES for path, writer in family.writers.items()}
ERROR_WRITERS = {path: writer for family in FAMILIES for path, writer in family.error_writers.items()}
MISSING_APIS = {path: api for family in FAMILIES for path, api in family.missing.items()}
OPERATIONS = {path: operation for family in FAMILIES for path, operation in family.operations.items()}


JSON_BYTES_PER_TEXT = 4
"""How large JSON may be in relation to its text: escapes take up to 3 times as much, token ids a few bytes each."""


def body_limits(max_body_bytes: int, max_text_bytes: int, max_form_bytes: int) -> dict[str, int]:
    """The paths whose bodies have other limits than ``max_body_bytes``, with these limits in bytes."""
    max_json_bytes = min(max_body_bytes, max_text_bytes * JSON_BYTES_PER_TEXT)
    texts = dict.fromkeys((path for family in FAMILIES for path in family.text_paths), max_json_bytes)
    forms = dict.fromkeys((path for family in FAMILIES for path in family.form_paths), max_form_bytes)
    either = (path for family in FAMILIES for path in family.form_or_json_paths)
    return {**texts, **forms, **dict.fromkeys(either, max(max_form_bytes, max_body_bytes))}
