"""The examples in the documents for users work as printed, and answers have the printed fields.

``NOT_RUN`` in ``tests/support/printed.py`` lists those that are not run.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from functools import cache

import pytest

from scripts.make_media.cache import made
from scripts.make_minilm import minilm
from tests.support.printed import DOCUMENTS, RUN, Example, differences, examples
from tests.support.printed_shell import PrintedShell
from tests.support.running_server import RunningServer, running
from tests.support.tiny_sd import tiny_sd

EXAMPLES = examples(*DOCUMENTS)
FOLLOWED_BY = dict(itertools.pairwise(EXAMPLES))
RUNNABLE = [example for example in EXAMPLES if example.language in RUN and example.reason_not_to_run is None]


@pytest.fixture(scope="module")
def served() -> Iterator[RunningServer]:
    """A server with a text model of two workers, a speech, an image and an embedding model."""
    models = ("smollm2@workers=2,nctx=2048", "faster-whisper-base", str(tiny_sd()), str(minilm()))
    with running(*models) as ready:
        yield ready


@pytest.fixture(scope="module")
def seeing() -> Iterator[RunningServer]:
    """A server with a text model that sees and hears."""
    with running(str(made("smolvlm").model), "--alias", "smolvlm2-500m") as ready:
        yield ready


@pytest.fixture(scope="module")
def shells(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], PrintedShell]:
    """A shell for each document: its examples may build on earlier ones."""

    @cache
    def shell(document: str) -> PrintedShell:
        server = request.getfixturevalue("seeing" if document == "docs/media.md" else "served")
        return PrintedShell(tmp_path_factory.mktemp("printed"), server)

    return shell


@pytest.mark.parametrize("example", RUNNABLE, ids=str)
def test_an_example_works_as_printed(example: Example, shells: Callable[[str], PrintedShell]) -> None:
    output = shells(example.document).run(example)
    answer = FOLLOWED_BY.get(example)
    if example.language == "sh" and answer is not None and answer.language in ("json", "jsonc"):
        found = differences(json.loads(answer.text), json.loads(output))
        if answer.language == "jsonc":  # what it lists depends on the server's own models and keys
            found = [line for line in found if "is only printed" in line or ", really " in line]
        assert found == []
