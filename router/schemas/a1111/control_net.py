"""The unit of the extension ControlNet in a request, as far as this server has it.

Source: https://github.com/Mikubill/sd-webui-controlnet/wiki/API
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from router.schemas.errors import ApiError
from router.schemas.shown import shown

SCRIPT = "controlnet"
"""The extension's name, in small letters."""

_FIELD = "alwayson_scripts"
_DEFAULT_WEIGHT = 1.0
_PLAIN = ("", "none")


@dataclass(frozen=True, slots=True)
class ControlUnit:
    """The picture that guides the composition, as base64, and how: ``edges`` are found in it first."""

    image: str
    weight: float = _DEFAULT_WEIGHT
    edges: bool = False
    notes: tuple[str, ...] = ()


def control_unit(scripts: Mapping[str, Any]) -> ControlUnit | None:
    """The unit that is enabled, None without one.

    Raises:
        ApiError: 400, it has no picture, or something else than is expected.
    """
    script = next((value for name, value in scripts.items() if name.casefold() == SCRIPT), None)
    units = script.get("args", []) if isinstance(script, dict) else []
    enabled = [unit for unit in units if isinstance(unit, dict) and unit.get("enabled", True)]
    if not enabled:
        return None
    unit, notes = enabled[0], []
    if len(enabled) > 1:
        notes.append(f"{_FIELD}.ControlNet: one unit is used, {len(enabled) - 1} are left out")
    if str(unit.get("model") or "None") != "None":
        notes.append(f"{_FIELD}.ControlNet: the ControlNet of the served model is used")
    module = str(unit.get("module") or "").casefold()
    if module != "canny" and module not in _PLAIN:
        notes.append(f"{_FIELD}.ControlNet: {shown(module)}: not supported, the picture is used as it is")
    return ControlUnit(_image_of(unit), _weight_of(unit), module == "canny", tuple(notes))


def _image_of(unit: Mapping[str, Any]) -> str:
    given = unit.get("image") or unit.get("input_image")
    image = given.get("image") if isinstance(given, dict) else given
    if not isinstance(image, str) or not image.strip():
        raise ApiError(400, f"{_FIELD}: expected a picture as base64 in image of ControlNet's unit", _FIELD)
    return image


def _weight_of(unit: Mapping[str, Any]) -> float:
    weight = unit.get("weight", _DEFAULT_WEIGHT)
    if isinstance(weight, bool) or not isinstance(weight, int | float):
        raise ApiError(400, f"{_FIELD}: expected a number as weight of ControlNet's unit, got {shown(weight)}", _FIELD)
    return float(weight)
