"""The files that an image model is put together from: named by its options, listed in the catalog, or found beside it.

A part is named by its path, or as a file of the hub: ``hf:owner/repo:path/in/it.safetensors``.
"""

from __future__ import annotations

from shared.models.source import HubSource, parse_source


def is_of_hub(part: str) -> bool:
    """Whether a part is named as a file of the hub."""
    return part.lower().startswith(("hf:", "hf.co/", "huggingface.co/", "https://huggingface.co/", "https://hf.co/"))


def hub_source(part: str) -> HubSource:
    """The source of a part on the hub.

    Raises:
        ModelError: it is malformed.
    """
    source = parse_source(part)
    assert isinstance(source, HubSource)
    return source
