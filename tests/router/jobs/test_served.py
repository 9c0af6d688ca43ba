from __future__ import annotations

import pytest

from router.jobs.refusals import Refused
from router.jobs.served import find_model
from shared.kinds import JobKind
from shared.settings import ModelSettings

PAINTER = ModelSettings(name="painter", kinds=(JobKind.IMAGE,), engine="echo", path="")
BOTH = ModelSettings(name="both", kinds=(JobKind.TEXT, JobKind.SPEECH), engine="echo", path="", aliases=("other",))


@pytest.mark.parametrize("kind", [JobKind.TEXT, JobKind.SPEECH])
@pytest.mark.parametrize("name", [None, "both", "other"])
def test_a_model_of_two_kinds_is_found_for_each(kind: JobKind, name: str | None) -> None:
    assert find_model((PAINTER, BOTH), name, kind) is BOTH


def test_a_model_of_other_kinds_is_refused_with_its_kinds() -> None:
    with pytest.raises(Refused, match="expected one of kind image, got 'both' of kind text, speech"):
        find_model((PAINTER, BOTH), "both", JobKind.IMAGE)
