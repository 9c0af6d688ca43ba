"""stable-diffusion.cpp: image models as GGUF files or as checkpoints."""

from __future__ import annotations

from pathlib import Path

from shared.engines.diffusion.families import FAMILIES, describe
from shared.engines.diffusion.parts import part_kind
from shared.engines.diffusion.tensors import CHECKPOINTS, PICKLES, SAFETENSORS, read_shapes, shapes_in
from shared.engines.diffusion.versions import Shapes
from shared.engines.files import Candidate, HubFile, Listing, ModelFiles
from shared.engines.gguf_files import choose_gguf
from shared.engines.helper_files import HelperFileError, without_helpers
from shared.engines.spec import EngineSpec
from shared.errors import ModelError
from shared.kinds import JobKind

_OTHER_ARCHITECTURES = {
    "aura": "AuraFlow",
    "cosmos": "Cosmos",
    "hidream": "HiDream",
    "hyvid": "HunyuanVideo",
    "hyvideo": "HunyuanVideo",
    "ideogram4": "Ideogram 4",
    "krea2": "Krea 2",
    "ltx2": "LTX-2",
    "ltxv": "LTX-Video",
    "lumina2": "Lumina 2",
    "omnigen2": "OmniGen 2",
}
"""Image and video models as GGUF files that the library does not know. The names are those of ComfyUI-GGUF."""

_USUAL = (*SAFETENSORS, ".ckpt")
"""Ends of names that are looked for where none is given: others are mostly something else."""

_KNOWN_ARCHITECTURES = frozenset(
    (*FAMILIES, "flux", "sd1", "sd2", "sd3", "sdxl", "chroma", "lumina2", "wan", "z_image", "ovis", "radiance")
)
_TRANSFORMER_TENSORS = (
    "model.diffusion_model.",
    "first_stage_model.",
    "cond_stage_model.",
    "diffusion_model.",
    "double_blocks.",
    "img_in.",
    "input_blocks.",
    "joint_blocks.",
    "patch_embedding.",
    "single_blocks.",
    "time_embedding.",
    "transformer_blocks.",
    "x_embedder.",
)
"""Beginnings of the names of tensors in image and video models, and in no text model."""


def _recognise(candidate: Candidate) -> ModelFiles | None:
    path: Path | None = candidate.path
    if candidate.header is not None:
        path = candidate.path if _is_diffusion_gguf(candidate) else None
    elif candidate.path.is_dir():
        path = _find_checkpoint(candidate.path)
    elif candidate.path.suffix.lower() not in CHECKPOINTS:
        path = None
    if path is not None and candidate.header is None:
        _check_checkpoint(path)
    return ModelFiles(path, DIFFUSION.name, DIFFUSION.kinds) if path else None


def _is_diffusion_gguf(candidate: Candidate) -> bool:
    """Whether this engine opens a GGUF file. Raises :class:`ModelError` for image and video models that it does not."""
    assert candidate.header is not None
    if _is_served(candidate.path.name, shapes_in(candidate.header)):
        return True
    architecture, names = candidate.header.architecture, candidate.tensor_names
    known = _OTHER_ARCHITECTURES.get(architecture or "")
    if known or architecture in _KNOWN_ARCHITECTURES or any(name.startswith(_TRANSFORMER_TENSORS) for name in names):
        what = known or ("one that the library does not know" + (f" ({architecture})" if architecture else ""))
        raise ModelError(
            f"{candidate.path.name}: expected a text model, or an image model of these: {_served()}; got {what}"
        )
    return False


def _check_checkpoint(path: Path) -> None:
    """Check that a checkpoint is an image model. Of old pickles, which tell nothing, that is taken for granted.

    Raises:
        HelperFileError: it is a part of an image model, or a LoRA.
        ModelError: it is another model, or damaged.
    """
    try:
        shapes = read_shapes(path)
    except OSError as error:
        raise ModelError(f"{path.name}: cannot be read: {error.strerror or error}") from None
    if _is_served(path.name, shapes) or (not shapes and path.suffix.lower() in PICKLES):
        return
    kind = part_kind(shapes)
    if kind is not None and kind.name != "diffusion_model":
        raise HelperFileError(f"{path.name}: expected a model, got {kind.title}")
    raise ModelError(f"{path.name}: expected an image model of these: {_served()}; got other tensors")


def _is_served(name: str, shapes: Shapes) -> bool:
    """Whether a file with these tensors is an image model for this engine. Raises for one that makes videos."""
    described = describe(shapes, name)
    if described is not None and described.family.video:
        raise ModelError(f"{name}: expected an image model, got {described.family.title}, which makes videos")
    return described is not None


def _served() -> str:
    return ", ".join(family.title for family in FAMILIES.values() if not family.video)


def _find_checkpoint(folder: Path) -> Path | None:
    """The only checkpoint in ``folder``. One beside a ``config.json`` is a model for transformers."""
    if (folder / "config.json").exists():
        return None
    found = [file for file in folder.glob("[!.]*") if file.suffix.lower() in CHECKPOINTS and file.is_file()]
    found = sorted(without_helpers(found, lambda file: file.name))
    if len(found) > 1:
        names = ", ".join(file.name for file in found[:5])
        raise ModelError(f"{folder}: expected one checkpoint, got {len(found)}; name one of them: {names}")
    return found[0] if found else None


def _choose(listing: Listing) -> list[HubFile]:
    return choose_gguf(listing) or _choose_checkpoint(listing)


def _choose_checkpoint(listing: Listing) -> list[HubFile]:
    found = listing.matching(*CHECKPOINTS)
    if not listing.pattern:
        if any(file.path == "config.json" for file in listing.files):
            return []
        found = [file for file in listing.matching(*_USUAL) if "/" not in file.path]
    found = without_helpers(found, lambda file: file.path)
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
    opens="a checkpoint (.safetensors, .sft, .ckpt, .pt, .pth)",
    suffixes=CHECKPOINTS,
    recognise=_recognise,
    choose=_choose,
)
