"""What the page knows of the API by heart is what the API has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from router.schemas.images import request, sampling
from router.schemas.languages import LANGUAGE_NAMES
from router.web import built
from shared.engines.diffusion_names import SAMPLERS, SCHEDULERS

SOURCES = Path(built.__file__).parent / "src"
SETTINGS = (SOURCES / "pictures" / "settings" / "settings.ts").read_text(encoding="utf-8")
LANGUAGES = (SOURCES / "speech" / "languages.ts").read_text(encoding="utf-8")


def listed(source: str, name: str) -> list[str]:
    """The words in the text literals of the constant ``name``."""
    found = re.search(rf"const {name} = [\[(](.*?)[\])]", source, re.DOTALL)
    assert found is not None
    return [word for literal in re.findall(r'"([^"]*)"', found[1]) for word in literal.split()]


def test_samplers_and_schedulers() -> None:
    assert listed(SETTINGS, "SAMPLERS") == list(SAMPLERS)
    assert listed(SETTINGS, "SCHEDULERS") == list(SCHEDULERS)


def test_languages() -> None:
    assert listed(LANGUAGES, "LANGUAGES") == sorted(LANGUAGE_NAMES)


@pytest.mark.parametrize(
    ("name", "bound"),
    [
        ("MAX_PROMPT_CHARS", request.MAX_PROMPT_CHARS),
        ("MAX_STEPS", sampling.MAX_STEPS),
        ("MAX_CFG_SCALE", sampling.MAX_CFG_SCALE),
        ("MAX_COUNT", request.MAX_PICTURES),
    ],
)
def test_bounds_are_within_those_of_requests(name: str, bound: int) -> None:
    found = re.search(rf"const {name} = ([\d_]+);", SETTINGS)
    assert found is not None
    assert int(found[1]) <= bound
