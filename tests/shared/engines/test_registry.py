"""The registry. A new engine needs only a spec in it, a class, and a factory."""

from __future__ import annotations

import importlib.util
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

from router.cli.models.finding import find_models
from shared.engines import registry
from shared.engines.files import HubFile
from shared.engines.spec import EngineSpec
from shared.errors import ModelError
from shared.hub.choice import choose_files
from shared.kinds import JobKind
from shared.models.catalog import load_catalog
from shared.models.recognition import inspect_model
from shared.models.source import HubSource, looks_like_path
from shared.settings import ServerSettings
from shared.settings.loading import load_options
from shared.wire.payloads import Done, Tokens
from shared.wire.supervision import WorkerState
from tests.support.models.gguf_builder import build_gguf
from tests.support.router.router_end import RouterEnd
from tests.support.toy_engine import TOY

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Register the toy engine; returns a model of it."""
    monkeypatch.setattr(registry, "ENGINES", (*registry.ENGINES, TOY))
    model = tmp_path / "small.toy"
    model.write_text("hello from the toy")
    return model


@pytest.mark.parametrize("engine", registry.ENGINES, ids=lambda engine: engine.name)
def test_each_engine_has_all_that_it_needs(engine: EngineSpec) -> None:
    assert engine.kinds
    assert registry.find_engine(engine.name) is engine
    assert bool(engine.extra) == bool(engine.module)
    if engine.module and importlib.util.find_spec(engine.module) is None:
        pytest.skip(f"{engine.module} is not installed")
    assert callable(pkgutil.resolve_name(engine.factory))


def test_each_kind_of_job_has_an_engine() -> None:
    assert {kind for engine in registry.ENGINES for kind in engine.kinds} == set(JobKind)


def test_an_added_engine_recognises_its_files_and_leaves_others_alone(toy: Path) -> None:
    files = inspect_model(toy)
    assert (files.path, files.engine, files.kinds) == (toy, "toy", (JobKind.TEXT,))
    assert looks_like_path("small.toy")
    gguf = toy.with_name("m.gguf")
    gguf.write_bytes(build_gguf())
    assert inspect_model(gguf).engine == "llama"
    with pytest.raises(ModelError, match=r"expected .*, a \.toy file, or a folder"):
        inspect_model(toy.parent.parent)


def test_files_of_an_added_engine_are_chosen_from_a_hub_repository(toy: Path) -> None:
    files = [HubFile("README.md", 1), HubFile("a.toy", 2), HubFile("b.toy", 3)]
    assert choose_files(HubSource("o/r", "b"), files) == [files[2]]
    assert choose_files(HubSource("o/r"), [*files, HubFile("m.gguf", 4)], "toy") == [files[1]]


@pytest.mark.parametrize(("engine", "kinds"), [("toy", ["image"]), ("toy", []), ("nobody", ["text"])])
def test_a_catalog_entry_names_an_engine_and_kinds_that_it_has(toy: Path, engine: str, kinds: list[str]) -> None:
    row = '[[model]]\nname = "t"\nkinds = {}\nengine = "{}"\nsource = "hf:o/r"\nlicence = "MIT"\nsize_bytes = 1\n'
    path = toy.with_name("catalog.toml")
    path.write_text(row.format(["text"], "toy"))
    assert load_catalog(path).get("t").engine == "toy"
    wrong = toy.with_name("wrong.toml")
    wrong.write_text(row.format(kinds, engine))
    with pytest.raises(ValueError, match="catalog: t"):
        load_catalog(wrong)


def test_a_model_of_an_added_engine_is_served_by_a_worker(toy: Path) -> None:
    loaded = load_options({"model_path": [str(toy)]}, None)
    (model,) = find_models(loaded.models, ())
    assert (model.name, model.engine, model.kinds) == ("small", "toy", (JobKind.TEXT,))
    router = RouterEnd()
    settings = ServerSettings(models=(model,), run_folder=str(router.folder))
    settings.save()
    arguments = ["--settings", str(settings.path), "--model", model.name, "--worker-name", "small/0"]
    worker = subprocess.Popen(
        [sys.executable, "-m", "tests.support.toy_engine", *arguments, "--worker-id", "worker"], cwd=REPOSITORY
    )
    try:
        router.wait_for_heartbeat(lambda beat: beat.state is WorkerState.READY)
        router.probe()
        router.submit("job")
        _, answer, done = [event.payload for event in router.wait_for_end("job")]
    finally:
        worker.kill()
        worker.wait()
        router.close()
    assert isinstance(answer, Tokens)
    assert answer.text == "hello from the toy"
    assert isinstance(done, Done)
