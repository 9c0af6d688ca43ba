"""Stable Diffusion in ONNX: folders in the layout of diffusers, with ``model_index.json``."""

from __future__ import annotations

from shared.engines.files import Candidate, HubFile, Listing, ModelFiles
from shared.engines.onnx.folders import EXTRA, MODULE
from shared.engines.spec import EngineSpec
from shared.errors import ModelError
from shared.kinds import JobKind

INDEX = "model_index.json"
UNET = "unet/model.onnx"
REQUIRED = ("text_encoder/model.onnx", UNET, "vae_decoder/model.onnx", "scheduler/scheduler_config.json")
"""What a folder must hold. ``vae_encoder/model.onnx`` is only needed to begin with a picture."""

_FOLDERS = ("text_encoder", "text_encoder_2", "unet", "vae_decoder", "vae_encoder")
_SETTINGS_FOLDERS = ("scheduler", "tokenizer", "tokenizer_2")
_SETTINGS = (".json", ".txt")
_NOT_SERVED = (".bin", ".ckpt", ".mapping", ".md", ".msgpack", ".png", ".safetensors", ".xml")
"""Files of models for other libraries. Weights of the graphs may have any other name."""


def _recognise(candidate: Candidate) -> ModelFiles | None:
    folder = candidate.path if candidate.path.is_dir() else candidate.path.parent
    if not (folder / INDEX).is_file() and (folder.parent / INDEX).is_file() and folder.name in _FOLDERS:
        folder = folder.parent
    if not (folder / INDEX).is_file():
        return None
    missing = [name for name in REQUIRED if not (folder / name).is_file()]
    if missing:
        raise ModelError(f"{folder}: expected a Stable Diffusion model with {missing[0]}, got none")
    return ModelFiles(folder, ONNX_IMAGES.name, ONNX_IMAGES.kinds)


def _choose(listing: Listing) -> list[HubFile]:
    roots = sorted(file.path.removesuffix(INDEX) for file in listing.files if file.path.rpartition("/")[2] == INDEX)
    names = {file.path for file in listing.files}
    whole = [root for root in roots if all(root + name in names for name in REQUIRED)]
    if listing.pattern:
        wanted = listing.pattern.lower().strip("/")
        whole = [root for root in whole if root.lower().strip("/") == wanted]
    if not whole:
        return []
    root = whole[0]
    files = [file for file in listing.files if file.path.startswith(root) and _belongs(file.path.removeprefix(root))]
    return sorted(files, key=lambda file: (file.path != root + INDEX, file.path))


def _belongs(path: str) -> bool:
    folder, _, name = path.rpartition("/")
    if folder in _FOLDERS:
        return not name.lower().endswith(_NOT_SERVED)
    return path == INDEX or (folder in _SETTINGS_FOLDERS and name.endswith(_SETTINGS))


ONNX_IMAGES = EngineSpec(
    name="onnx-images",
    kinds=(JobKind.IMAGE,),
    factory="workers.onnx.images.factory:create",
    extra=EXTRA,
    module=MODULE,
    opens=f"a Stable Diffusion folder in diffusers' layout ({INDEX}, {UNET})",
    onnx=True,
    recognise=_recognise,
    choose=_choose,
)
