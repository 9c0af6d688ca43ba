"""What Automatic1111's bodies may ask for that this server does not do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router.schemas.shown import shown

MAX_NOTES = 20

_HARMLESS = frozenset(
    {
        "all_negative_prompts",
        "all_prompts",
        "auth",
        "codeformer_weight",
        "comments",
        "disable_extra_networks",
        "do_not_save_grid",
        "do_not_save_samples",
        "firstphase_height",
        "firstphase_width",
        "force_task_id",
        "hr_additional_modules",
        "include_init_images",
        "inpaint_full_res_padding",
        "latent_mask",
        "override_settings_restore_afterwards",
        "refiner_switch_at",
        "save_images",
        "script_args",
        "subseed",
        "s_tmax",
        "upscale_first",
        "upscaling_crop",
        "url",
    }
)
"""Fields that change nothing of a picture by themselves."""

_ASKS_NOTHING: dict[str, tuple[Any, ...]] = {
    "eta": (0, 1),
    "extras_upscaler_2_visibility": (0,),
    "gfpgan_visibility": (0,),
    "hr_checkpoint_name": ("", "Use same checkpoint"),
    "hr_negative_prompt": ("",),
    "hr_prompt": ("",),
    "hr_sampler_name": ("", "Use same sampler"),
    "hr_scheduler": ("", "Automatic", "Use same scheduler"),
    "codeformer_visibility": (0,),
    "enable_hr": (False,),
    "hr_resize_x": (0,),
    "hr_resize_y": (0,),
    "image_cfg_scale": (1.5,),
    "infotext": ("",),
    "initial_noise_multiplier": (1,),
    "refiner_checkpoint": ("", "None"),
    "restore_faces": (False,),
    "s_churn": (0,),
    "s_min_uncond": (0,),
    "s_noise": (0, 1),
    "s_tmin": (0,),
    "script_name": ("", "None"),
    "seed_resize_from_h": (0, -1),
    "seed_resize_from_w": (0, -1),
    "styles": ([],),
    "subseed_strength": (0,),
    "tiling": (False,),
    "upscaler_2": ("", "None"),
}
"""The values with which other fields ask for nothing."""

_SETTINGS_ASK_NOTHING: dict[str, tuple[Any, ...]] = {
    "forge_additional_modules": ([],),
    "samples_format": ("png",),
    "sd_checkpoint_hash": ("",),
    "sd_vae": ("", "Automatic", "None"),
}
"""The same for settings."""


def unmet_fields(given: Mapping[str, Any]) -> list[str]:
    """Notes on fields of a body that nothing reads."""
    asked = {name: value for name, value in given.items() if name not in _HARMLESS}
    return _notes(asked, _ASKS_NOTHING, "")


def unmet_settings(given: Mapping[str, Any]) -> list[str]:
    """Notes on settings that nothing reads."""
    return _notes(given, _SETTINGS_ASK_NOTHING, "override_settings.")


def _notes(asked: Mapping[str, Any], nothing: Mapping[str, tuple[Any, ...]], prefix: str) -> list[str]:
    names = [name for name, value in asked.items() if value is not None and value not in nothing.get(name, ())]
    notes = [f"{prefix}{shown(name).strip(chr(39))}: not supported, left out" for name in names[:MAX_NOTES]]
    if len(names) > MAX_NOTES:
        notes.append(f"and {len(names) - MAX_NOTES} more fields")
    return notes
