"""The table of families in docs/image-models.md is that of the code."""

from __future__ import annotations

from pathlib import Path

from shared.engines.diffusion.families import FAMILIES
from shared.models.catalog import load_catalog

PAGE = (Path(__file__).parents[2] / "docs" / "image-models.md").read_text()


def test_the_table_has_all_families_with_their_defaults() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `") and line.count("|") == 8]
    printed = [[cell.strip() for cell in row.strip("|").split("|")][:-1] for row in rows]
    expected = []
    for family in FAMILIES.values():
        if family.video:
            continue
        encoders = ", ".join(f"`{encoder}`" for encoder in family.encoders) or "in the checkpoint"
        defaults = family.defaults
        size = f"{defaults.width}x{defaults.height}"
        expected.append(
            [f"`{family.name}`", family.title, encoders, str(defaults.steps), f"{defaults.cfg_scale:g}", size]
        )
    assert printed == expected


def test_the_first_example_is_a_model_of_several_files() -> None:
    entry = load_catalog().get("z-image-turbo")
    assert f"nexa server {entry.name} " in PAGE
    assert dict(entry.parts)["llm"] in PAGE
