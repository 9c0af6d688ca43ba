"""The draft model of a text model: from its name to its file."""

from __future__ import annotations

from shared.errors import ModelError
from shared.kinds import JobKind
from shared.models.resolution import ModelFinder, resolve

DRAFTING_ENGINE = "llama"
"""The engine of models that can have a draft model, and that a draft model is for."""


def draft_path(spec: str, finder: ModelFinder, origin: str = "draft") -> str:
    """The file of the draft model that ``spec`` names, as a model's name or path; ``origin`` says where.

    Raises:
        ModelError: there is none, it cannot be read, or it is no text model in GGUF.
    """
    try:
        found = resolve(spec, finder)
    except OSError as error:
        raise ModelError(f"{origin}: {spec}: cannot be read: {error.strerror or error}") from None
    except ModelError as error:
        raise ModelError(f"{origin}: {str(error).removeprefix('model: ')}") from None
    if found.engine != DRAFTING_ENGINE or JobKind.TEXT not in found.kinds:
        raise ModelError(f"{origin}: expected a text model in GGUF, got {spec}, a model of the engine {found.engine}")
    return str(found.path)
