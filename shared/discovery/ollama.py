"""Models in Ollama's store: manifests by name and tag, and blobs by hash.

    manifests/registry.ollama.ai/library/NAME/TAG     JSON with a list of layers
    blobs/sha256-HEX                                  one layer: a GGUF file, a template, parameters, ...

A manifest is written last, so what it names is whole. Of the layers only the model is used: its GGUF file has a chat
template of its own, and Ollama's is in another language.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shared.discovery.found import ModelPlace
from shared.discovery.other_programs import read_small_file
from shared.discovery.sightings import ModelForm, Sighting
from shared.discovery.walking import FileFacts, Problem, walk
from shared.models.names import LATEST

_LAYER = "application/vnd.ollama.image."
_MODEL = f"{_LAYER}model"
_ADAPTER = f"{_LAYER}adapter"
_DIGEST = re.compile(r"sha256[:-](?P<hex>[0-9a-f]{64})")
_OWN_HOST, _OWN_OWNER = "registry.ollama.ai", "library"
_DEPTH = 3


class OllamaStore:
    """One store of Ollama. Manifests that have not changed are not read again."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[Path, tuple[FileFacts, tuple[str, str]]] = {}

    def sightings(self, problem: Problem) -> Iterator[Sighting]:
        """The models that have a manifest."""
        manifests = self._root / "manifests"
        if not manifests.is_dir():
            return
        seen: dict[Path, tuple[FileFacts, tuple[str, str]]] = {}
        for folder in walk(manifests, problem, max_depth=_DEPTH):
            host, *rest = folder.path.relative_to(manifests).parts or ("",)
            if len(rest) != 2:
                continue
            for facts in folder.facts(*folder.names):
                known = self._known.get(facts.path)
                layer = known[1] if known and known[0] == facts else _model_layer(facts.path)
                seen[facts.path] = (facts, layer)
                yield self._sighting(_name(host, rest[0], rest[1], facts.path.name), facts, *layer)
        self._known = seen

    def _sighting(self, name: str, manifest: FileFacts, digest: str, trouble: str) -> Sighting:
        blobs = [self._root / "blobs" / f"sha256{separator}{digest}" for separator in "-:"] if digest else []
        found = [facts for facts in map(FileFacts.of, blobs) if facts is not None]
        if digest and not found:
            trouble = f"expected its file sha256-{digest[:12]}..., got none"
        path = found[0].path if found else manifest.path
        return Sighting(
            ModelForm.GGUF, path, ModelPlace.OLLAMA, tuple(found[:1]), name=name, sha256=digest, missing=trouble
        )


def _name(host: str, owner: str, model: str, tag: str) -> str:
    """The name by which Ollama lists a model, without the tag that it adds itself."""
    parts = [host, owner, model]
    if host == _OWN_HOST:
        parts = parts[2:] if owner == _OWN_OWNER else parts[1:]
    return "/".join(parts) + ("" if tag == LATEST else f":{tag}")


def _model_layer(path: Path) -> tuple[str, str]:
    """The digest of the GGUF file that a manifest names, as hex; else an empty one, and why there is none."""
    try:
        layers = _layers(json.loads(read_small_file(path)))
    except OSError as error:
        return "", f"cannot be read: {error.strerror or error}"
    except (ValueError, RecursionError):
        return "", "expected one of Ollama's manifests, got a file with an error"
    if any(layer.get("mediaType") == _ADAPTER for layer in layers):
        return "", "expected a model alone, got one with an adapter, which only Ollama applies"
    digests = [_DIGEST.fullmatch(str(layer.get("digest"))) for layer in layers if layer.get("mediaType") == _MODEL]
    if len(digests) != 1 or digests[0] is None:
        return "", "expected one GGUF file, got a model in a form of Ollama's own, or one that it runs elsewhere"
    return digests[0]["hex"], ""


def _layers(manifest: Any) -> list[dict[str, Any]]:
    layers = manifest.get("layers") if isinstance(manifest, dict) else None
    return [layer for layer in layers if isinstance(layer, dict)] if isinstance(layers, list) else []
