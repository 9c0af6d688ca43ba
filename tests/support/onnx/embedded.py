"""The embedded text model in both forms."""

from __future__ import annotations

from pathlib import Path

from tests.support.onnx.made_models import made_model

FORMS = ["gguf", "onnx"]


def embedded(form: str, folder: Path, kind: str = "text") -> list[str]:
    """The words of ``nexa server`` for SmolLM2 in one of :data:`FORMS`, called ``smollm2``.

    ``folder`` gets a link to the model in ONNX, of 4 bits or another ``kind``. Those of 4 bits round by the batch.
    """
    if form == "gguf":
        return ["smollm2"]
    link = folder / "smollm2"
    link.symlink_to(made_model(kind), target_is_directory=True)
    return ["onnx", str(link)]
