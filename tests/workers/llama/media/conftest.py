from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from scripts.make_media.cache import made
from shared.settings.placement import LlamaCppOptions
from tests.support.media.llama_prompts import open_context
from workers.llama.media.decoder import MediaContext
from workers.llama.media.model import SeeingLlama
from workers.llama.media.options import ProjectorOptions

Open = Callable[[str], SeeingLlama]


@pytest.fixture(scope="package")
def seeing() -> Iterator[Open]:
    """Opens a pair by its name; one is open at a time."""
    opened: dict[str, SeeingLlama] = {}

    def open_pair(name: str) -> SeeingLlama:
        if name not in opened:
            while opened:
                opened.popitem()[1].close()
            files = made(name)
            options = ProjectorOptions(str(files.projector), 1024, 2)
            cpu = LlamaCppOptions(gpu_layers=0, repack="off")
            opened[name] = SeeingLlama(options, str(files.model), cpu, lambda fraction: None)
        return opened[name]

    yield open_pair
    for model in opened.values():
        model.close()


@pytest.fixture
def model(seeing: Open, request: pytest.FixtureRequest) -> SeeingLlama:
    """The pair that the test is parametrized with."""
    return seeing(request.param)


@pytest.fixture
def context(model: SeeingLlama) -> Iterator[MediaContext]:
    """A context of its own for each test."""
    context = open_context(model)
    yield context
    context.close()
