"""Models in Ollama's store: manifests by name and tag, and blobs by hash.

    manifests/registry.ollama.ai/library/NAME/TAG     JSON with a list of layers
    blobs/sha256-HEX                                  one layer: a GGUF file, a template, parameters, ...

A manifest is written last, so what it names is whole. Of the layers only the model and its projector are used: the GGUF
file has a chat template of its own, and Ollama's is in another language.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
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
_PROJECTOR = f"{_LAYER}projector"
_DIGEST = re.compile(r"sha256[:-](?P<hex>[0-9a-f]{64})")
_OWN_HOST, _OWN_OWNER = "registry.ollama.ai", "library"
_DEPTH = 3


@dataclass(frozen=True, slots=True)
class _Manifest:
    """The digests of a model's GGUF file and of its projector, as hex; empty if there is none, for a ``trouble``."""

    model: str = ""
    projector: str = ""
    trouble: str = ""


class OllamaStore:
    """One store of Ollama. Manifests that have not changed are not read again."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[Path, tuple[FileFacts, _Manifest]] = {}

    def sightings(self, problem: Problem) -> Iterator[Sighting]:
        """The models that have a manifest."""
        manifests = self._root / "manifests"
        if not manifests.is_dir():
            return
        seen: dict[Path, tuple[FileFacts, _Manifest]] = {}
        for folder in walk(manifests, problem, max_depth=_DEPTH):
            host, *rest = folder.path.relative_to(manifests).parts or ("",)
            if len(rest) != 2:
                continue
            for facts in folder.facts(*folder.names):
                known = self._known.get(facts.path)
                manifest = known[1] if known and known[0] == facts else _read_manifest(facts.path)
                seen[facts.path] = (facts, manifest)
                yield self._sighting(_name(host, rest[0], rest[1], facts.path.name), facts.path, manifest)
        self._known = seen

    def _sighting(self, name: str, path: Path, manifest: _Manifest) -> Sighting:
        trouble = manifest.trouble
        found = self._blob(manifest.model)
        if manifest.model and not found:
            trouble = f"expected its file sha256-{manifest.model[:12]}..., got none"
        return Sighting(
            ModelForm.GGUF,
            found[0].path if found else path,
            ModelPlace.OLLAMA,
            found,
            name=name,
            sha256=manifest.model,
            missing=trouble,
            beside=self._blob(manifest.projector),
        )

    def _blob(self, digest: str) -> tuple[FileFacts, ...]:
        blobs = [self._root / "blobs" / f"sha256{separator}{digest}" for separator in "-:"] if digest else []
        return tuple(facts for facts in map(FileFacts.of, blobs) if facts is not None)[:1]


def _name(host: str, owner: str, model: str, tag: str) -> str:
    """The name by which Ollama lists a model, without the tag that it adds itself."""
    parts = [host, owner, model]
    if host == _OWN_HOST:
        parts = parts[2:] if owner == _OWN_OWNER else parts[1:]
    return "/".join(parts) + ("" if tag == LATEST else f":{tag}")


def _read_manifest(path: Path) -> _Manifest:
    try:
        layers = _layers(json.loads(read_small_file(path)))
    except OSError as error:
        return _Manifest(trouble=f"cannot be read: {error.strerror or error}")
    except (ValueError, RecursionError):
        return _Manifest(trouble="expected one of Ollama's manifests, got a file with an error")
    if any(layer.get("mediaType") == _ADAPTER for layer in layers):
        return _Manifest(trouble="expected a model alone, got one with an adapter, which only Ollama applies")
    models, projectors = _digests(layers, _MODEL), _digests(layers, _PROJECTOR)
    if len(models) != 1 or not models[0]:
        expected = "expected one GGUF file, got a model in a form of Ollama's own, or one that it runs elsewhere"
        return _Manifest(trouble=expected)
    return _Manifest(models[0], projectors[0] if len(projectors) == 1 else "")


def _digests(layers: list[dict[str, Any]], media_type: str) -> list[str]:
    found = [_DIGEST.fullmatch(str(layer.get("digest"))) for layer in layers if layer.get("mediaType") == media_type]
    return [match["hex"] if match else "" for match in found]


def _layers(manifest: Any) -> list[dict[str, Any]]:
    layers = manifest.get("layers") if isinstance(manifest, dict) else None
    return [layer for layer in layers if isinstance(layer, dict)] if isinstance(layers, list) else []
