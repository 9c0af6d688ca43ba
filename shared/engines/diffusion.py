"""stable-diffusion.cpp: image models as GGUF files or as checkpoints."""

from __future__ import annotations

from pathlib import Path

from shared.engines.files import Candidate, HubFile, Listing, ModelFiles
from shared.engines.gguf_files import choose_gguf
from shared.engines.helper_files import without_helpers
from shared.engines.spec import EngineSpec
from shared.errors import ModelError
from shared.kinds import JobKind

_ARCHITECTURES = frozenset(("chroma", "flux", "sd1", "sd2", "sd3", "sdxl"))
_SERVED = "Stable Diffusion 1, 2, 3 and XL, FLUX.1 and Chroma"
_OTHER_ARCHITECTURES = {
    "anima": "Anima",
    "aura": "AuraFlow",
    "cosmos": "Cosmos",
    "ernie_image": "ERNIE-Image",
    "flux2": "FLUX.2",
    "hidream": "HiDream",
    "hyvid": "HunyuanVideo",
    "hyvideo": "HunyuanVideo",
    "ideogram4": "Ideogram 4",
    "krea2": "Krea 2",
    "ltx2": "LTX-2",
    "ltxv": "LTX-Video",
    "lumina2": "Lumina 2 or Z-Image",
    "omnigen2": "OmniGen 2",
    "ovis_image": "Ovis-Image",
    "qwen_image": "Qwen-Image",
    "wan": "Wan",
    "z_image": "Z-Image",
}
"""Image and video models as GGUF files that this engine cannot serve: the library does not know them, or they need a
language model as text encoder, for which there is no option. The names of architectures are those of ComfyUI-GGUF."""

_NO_ARCHITECTURE = (None, "pig")  # gguf-comfy writes the latter whatever the model
_TENSORS = ("model.diffusion_model.", "first_stage_model.", "cond_stage_model.", "double_blocks.")
_TRANSFORMER_TENSORS = (
    *_TENSORS,
    "diffusion_model.",
    "img_in.",
    "joint_blocks.",
    "patch_embedding.",
    "single_blocks.",
    "time_embedding.",
    "transformer_blocks.",
    "x_embedder.",
)
"""Beginnings of the names of tensors in image and video models, and in no text model."""

_FLUX2_TENSOR = "double_stream_modulation_img."
"""In the names of tensors of FLUX.2, whose GGUF files often have the architecture of FLUX.1, or none."""

_LANGUAGE_MODEL = "text_encoders.llm."
"""The beginning of the names of a language model's tensors in a whole checkpoint, which needs no other file."""

_CHECKPOINTS = (".safetensors", ".ckpt")


def _recognise(candidate: Candidate) -> ModelFiles | None:
    path: Path | None = candidate.path
    if candidate.header is not None:
        path = candidate.path if _is_diffusion(candidate.header.architecture, candidate) else None
    elif candidate.path.is_dir():
        path = _find_checkpoint(candidate.path)
    elif candidate.path.suffix.lower() not in _CHECKPOINTS:
        path = None
    return ModelFiles(path, DIFFUSION.name, DIFFUSION.kinds) if path else None


def _is_diffusion(architecture: str | None, candidate: Candidate) -> bool:
    """Whether this engine opens a GGUF file. Raises :class:`ModelError` for other image and video models."""
    if architecture == "flux" or architecture in _NO_ARCHITECTURE:
        architecture = "flux2" if _needs_language_model(candidate) else architecture
    if architecture in _ARCHITECTURES:
        return True
    if architecture in _NO_ARCHITECTURE:
        return any(name.startswith(_TENSORS) for name in candidate.tensor_names)
    known = _OTHER_ARCHITECTURES.get(architecture)
    if known or any(name.startswith(_TRANSFORMER_TENSORS) for name in candidate.tensor_names):
        what = known or f"an unknown one ({architecture})"
        raise ModelError(
            f"{candidate.path.name}: expected a text model, or an image model of these: {_SERVED}; got {what}"
        )
    return False


def _needs_language_model(candidate: Candidate) -> bool:
    """Whether a GGUF file holds FLUX.2 without its text encoder."""
    names = candidate.tensor_names
    return any(_FLUX2_TENSOR in name for name in names) and not any(name.startswith(_LANGUAGE_MODEL) for name in names)


def _find_checkpoint(folder: Path) -> Path | None:
    """The only checkpoint in ``folder``. One beside a ``config.json`` is a model for transformers."""
    if (folder / "config.json").exists():
        return None
    found = [file for file in folder.glob("[!.]*") if file.suffix.lower() in _CHECKPOINTS and file.is_file()]
    found = sorted(without_helpers(found, lambda file: file.name))
    if len(found) > 1:
        names = ", ".join(file.name for file in found[:5])
        raise ModelError(f"{folder}: expected one checkpoint, got {len(found)}; name one of them: {names}")
    return found[0] if found else None


def _choose(listing: Listing) -> list[HubFile]:
    return choose_gguf(listing) or _choose_checkpoint(listing)


def _choose_checkpoint(listing: Listing) -> list[HubFile]:
    found = listing.matching(*_CHECKPOINTS)
    if not listing.pattern:
        if any(file.path == "config.json" for file in listing.files):
            return []
        found = [file for file in found if "/" not in file.path]
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
    opens="a .safetensors or .ckpt checkpoint",
    suffixes=_CHECKPOINTS,
    recognise=_recognise,
    choose=_choose,
)
