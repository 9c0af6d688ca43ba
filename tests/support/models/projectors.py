"""Headers of small projectors, and of models that they are for."""

from __future__ import annotations

from tests.support.models.gguf_builder import Value, build_gguf

WIDTH = 576
"""Of the models here."""


def projector(
    width: int = WIDTH,
    *,
    sees: bool = True,
    hears: bool = False,
    architecture: str = "clip",
    content: int = 0,
    **metadata: Value,
) -> bytes:
    """A projector for models of this width. ``content`` makes it differ from others, ``metadata`` replaces entries.

    Keys of ``metadata`` have two underscores for a dot.
    """
    told: dict[str, Value] = {
        "general.architecture": architecture,
        "general.type": "mmproj",
        "general.name": f"projector {content}",
        "clip.has_vision_encoder": sees,
        "clip.has_audio_encoder": hears,
        "clip.vision.projection_dim": width,
        "clip.vision.embedding_length": 64,
    }
    told |= {key.replace("__", "."): value for key, value in metadata.items()}
    tensors = [("v.patch_embd.weight", (14, 14, 3, 64)), ("mm.model.fc.weight", (256, width))]
    return build_gguf(told, tensors)


def seeing_model(width: int = WIDTH, content: int = 0) -> bytes:
    """A text model of this width."""
    metadata: dict[str, Value] = {
        "general.architecture": "llama",
        "general.name": f"model {content}",
        "llama.context_length": 128,
        "llama.embedding_length": width,
    }
    return build_gguf(metadata, [("token_embd.weight", (width, 4))])
