"""stable-diffusion.cpp: image models as GGUF files or as checkpoints."""

from __future__ import annotations

from pathlib import Path

from shared.engines.files import Candidate, HubFile, Listing, ModelFiles
from shared.engines.gguf_files import NOT_A_MODEL, choose_gguf
from shared.engines.spec import EngineSpec
from shared.errors import ModelError
from shared.gguf.header import GGUFHeader
from shared.kinds import JobKind

_ARCHITECTURES = frozenset(
    ("aura", "chroma", "cosmos", "flux", "hidream", "lumina2", "qwen_image", "sd1", "sd2", "sd3", "sdxl", "z_image")
)
_TENSORS = ("model.diffusion_model.", "first_stage_model.", "cond_stage_model.", "double_blocks.")
_CHECKPOINTS = (".safetensors", ".ckpt")


def _recognise(candidate: Candidate) -> ModelFiles | None:
    path: Path | None = candidate.path
    if candidate.header is not None:
        path = candidate.path if _is_diffusion(candidate.header) else None
    elif candidate.path.is_dir():
        path = _find_checkpoint(candidate.path)
    elif candidate.path.suffix.lower() not in _CHECKPOINTS:
        path = None
    return ModelFiles(path, DIFFUSION.name, DIFFUSION.kinds) if path else None


def _is_diffusion(header: GGUFHeader) -> bool:
    if header.architecture is not None:
        return header.architecture in _ARCHITECTURES
    return any(tensor.name.startswith(_TENSORS) for tensor in header.tensors)


def _find_checkpoint(folder: Path) -> Path | None:
    """The only checkpoint in ``folder``. One beside a ``config.json`` is a model for transformers."""
    found = [file for file in folder.iterdir() if file.suffix.lower() in _CHECKPOINTS and file.is_file()]
    return found[0] if len(found) == 1 and not (folder / "config.json").exists() else None


def _choose(listing: Listing) -> list[HubFile]:
    return choose_gguf(listing) or _choose_checkpoint(listing)


def _choose_checkpoint(listing: Listing) -> list[HubFile]:
    found = listing.matching(*_CHECKPOINTS)
    if not listing.pattern:
        if any(file.path == "config.json" for file in listing.files):
            return []
        found = [file for file in found if "/" not in file.path and not NOT_A_MODEL.search(file.path)]
    if len(found) > 1:
        names = ", ".join(file.path for file in found[:5])
        raise ModelError(f"hf:{listing.repo}: expected one checkpoint, got {len(found)}; name one of them: {names}")
    return found


DIFFUSION = EngineSpec(
    name="diffusion",
    kinds=(JobKind.IMAGE,),
    factory="workers.diffusion.factory:create",
    extra="images",
    module="stable_diffusion_cpp",
    opens="a .safetensors or .ckpt checkpoint",
    suffixes=_CHECKPOINTS,
    recognise=_recognise,
    choose=_choose,
)
