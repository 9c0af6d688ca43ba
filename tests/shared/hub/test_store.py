"""Pulling from a hub over real sockets: resuming, verification, errors, and the store's folders."""

from __future__ import annotations

import shutil
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import huggingface_hub.constants
import pytest

from shared.engines.files import HubFile
from shared.errors import ModelError
from shared.hub.client import Hub, HubError
from shared.hub.store import ModelStore
from shared.kinds import JobKind
from shared.models.catalog import load_catalog
from shared.models.resolution import resolve
from shared.models.source import HubSource
from tests.support.models.gguf_builder import build_gguf
from tests.support.models.hub_server import COMMIT, FakeRepo, HubServer, serve_hub
from tests.support.models.tiny_repository import MODEL, SPEC, files_in, one_line_error


class RecordedProgress:
    """Records its calls."""

    def __init__(self) -> None:
        self.starts: list[tuple[str, int, int]] = []
        self.advanced_bytes = 0
        self.finished = 0

    def start(self, file: HubFile, done_bytes: int) -> None:
        self.starts.append((file.path, file.size_bytes, done_bytes))

    def advance(self, count_bytes: int) -> None:
        self.advanced_bytes += count_bytes

    def finish(self) -> None:
        self.finished += 1


def test_pull_installs_a_whole_model(store: ModelStore) -> None:
    progress = RecordedProgress()
    model = store.pull(SPEC, progress)
    assert model.path.read_bytes() == MODEL
    assert (model.name, model.kinds, model.engine) == ("owner/tiny", ("text",), "llama")
    assert (model.source, model.licence) == (SPEC, "mit")
    assert files_in(store) == ["tiny-Q4_K_M.gguf"]
    assert progress.starts == [("tiny-Q4_K_M.gguf", len(MODEL), 0)]
    assert (progress.advanced_bytes, progress.finished) == (len(MODEL), 1)
    (installed,) = store.installed()
    assert (installed.commit, installed.size_bytes) == (COMMIT, len(MODEL))


@pytest.mark.parametrize(
    ("spec", "repo", "fetched", "name"),
    [
        (
            "hf:ggml-org/SmolVLM-256M-Instruct-GGUF:Q8_0",
            "ggml-org/SmolVLM-256M-Instruct-GGUF",
            "SmolVLM-256M-Instruct-Q8_0.gguf",
            "ggml-org/SmolVLM-256M-Instruct-GGUF:Q8_0",
        ),
        ("llama2:Q8_0", "TheBloke/Llama-2-7B-Chat-GGUF", "llama-2-7b-chat.Q8_0.gguf", "llama2:Q8_0"),
    ],
)
def test_the_model_of_a_quantization_is_fetched_and_never_its_projector_instead(
    tmp_path: Path, spec: str, repo: str, fetched: str, name: str
) -> None:
    projector = build_gguf({"general.architecture": "clip", "general.type": "mmproj"})
    files = FakeRepo({f"mmproj-{fetched}": projector, fetched: MODEL})
    with serve_hub(**{repo: files}) as hub:
        store = ModelStore(tmp_path / "models", Hub(hub.url, retry_delay_s=0.0))
        model = store.pull(spec)
        assert files_in(store) == sorted([f"mmproj-{fetched}", fetched])
        assert (model.name, model.path.name, model.kinds) == (name, fetched, (JobKind.TEXT,))
        assert store.remove(spec).name == name
        assert store.installed() == []


def test_installed_model_needs_no_hub(store: ModelStore, hub: HubServer) -> None:
    first = store.pull(SPEC)
    hub.down = True
    hub.requests.clear()
    assert store.pull(SPEC) == first
    assert resolve(SPEC, store) == first
    assert hub.requests == []


def test_resolve_pulls_a_missing_model(store: ModelStore) -> None:
    assert resolve(SPEC, store).path.read_bytes() == MODEL


def test_catalog_entry_gives_name_licence_and_kinds(store: ModelStore) -> None:
    kinds = (JobKind.TEXT, JobKind.SPEECH)
    entry = replace(load_catalog().get("gemma"), source=HubSource("owner/tiny"), kinds=kinds)
    model = store.ensure(entry)
    assert (model.name, model.licence, model.kinds) == ("gemma", "gemma", kinds)


def test_after_a_dropped_connection_only_the_rest_is_fetched(store: ModelStore, hub: HubServer) -> None:
    hub.drop_after_bytes, hub.drops_left = 400_000, 1
    model = store.pull(SPEC)
    assert model.path.read_bytes() == MODEL
    first, second = [request for request in hub.downloads() if request.path.startswith("/cdn/")]
    assert (first.range, first.sent_bytes) == (None, 400_000)
    assert (second.range, second.sent_bytes) == ("bytes=400000-", len(MODEL) - 400_000)


def test_next_pull_fetches_only_the_rest(store: ModelStore, hub: HubServer) -> None:
    hub.drop_after_bytes, hub.drops_left, hub.down_after_drops = 400_000, 1, True
    message = one_line_error(store)
    assert f"stopped at 400,000 of {len(MODEL):,} bytes" in message
    assert "run it again" in message
    hub.down = False
    hub.requests.clear()
    progress = RecordedProgress()
    again = ModelStore(store.root, Hub(hub.url, retry_delay_s=0.0))
    assert again.pull(SPEC, progress).path.read_bytes() == MODEL
    assert progress.starts == [("tiny-Q4_K_M.gguf", len(MODEL), 400_000)]
    assert sum(request.sent_bytes for request in hub.downloads()) == len(MODEL) - 400_000
    assert files_in(store) == ["tiny-Q4_K_M.gguf"]


def test_a_hub_that_ignores_ranges_sends_the_file_again(store: ModelStore, hub: HubServer) -> None:
    hub.drop_after_bytes, hub.drops_left, hub.ignore_range = 400_000, 1, True
    progress = RecordedProgress()
    assert store.pull(SPEC, progress).path.read_bytes() == MODEL
    assert progress.advanced_bytes == len(MODEL)


def test_a_changed_file_is_not_appended_to_its_earlier_beginning(store: ModelStore, hub: HubServer) -> None:
    hub.drop_after_bytes, hub.drops_left, hub.down_after_drops = 400_000, 1, True
    one_line_error(store)
    hub.down = False
    newer = build_gguf(tensors=[("t", (512, 512))], data=b"\1" * 512 * 512 * 4)
    hub.repos["owner/tiny"].files["tiny-Q4_K_M.gguf"] = newer
    assert store.pull(SPEC).path.read_bytes() == newer
    assert files_in(store) == ["tiny-Q4_K_M.gguf"]


@pytest.mark.parametrize("stored_in_git", [False, True])
def test_wrong_bytes_are_detected_and_discarded(store: ModelStore, hub: HubServer, stored_in_git: bool) -> None:
    if stored_in_git:
        hub.repos["owner/tiny"].plain.add("tiny-Q4_K_M.gguf")
    hub.wrong_bytes = True
    assert ("expected sha1 " if stored_in_git else "expected sha256 ") in one_line_error(store)
    assert files_in(store) == []
    hub.wrong_bytes = False
    assert store.pull(SPEC).path.read_bytes() == MODEL


def test_a_file_with_another_hash_than_in_the_catalog_is_not_fetched(store: ModelStore, hub: HubServer) -> None:
    entry = replace(load_catalog().get("gemma"), source=HubSource("owner/tiny"), sha256="0" * 64)
    what = r"with sha256 000000000000\.\.\., got \w{12}\.\.\.; it was replaced .*: hf:owner/tiny:tiny-Q4_K_M\.gguf$"
    with pytest.raises(ModelError, match=what):
        store.ensure(entry)
    assert hub.downloads() == []
    assert store.pull("hf:owner/tiny:tiny-Q4_K_M.gguf").path.is_file()


def test_a_file_whose_hash_only_the_catalog_has_is_checked(store: ModelStore, hub: HubServer) -> None:
    hub.repos["owner/tiny"].plain = {"tiny-Q4_K_M.gguf"}
    entry = replace(load_catalog().get("gemma"), source=HubSource("owner/tiny"), sha256="0" * 64)
    with pytest.raises(HubError, match=r"expected sha256 000000000000\.\.\."):
        store.ensure(entry)
    assert store.installed() == []


def test_model_that_cannot_be_served_is_not_kept(store: ModelStore, hub: HubServer) -> None:
    hub.repos["owner/tiny"].files["tiny-Q4_K_M.gguf"] = MODEL[:-100]
    assert "cannot be served: tiny-Q4_K_M.gguf: expected at least" in one_line_error(store)
    assert files_in(store) == []


def test_missing_repository(store: ModelStore) -> None:
    assert "has no model owner/nothing" in one_line_error(store, "hf:owner/nothing")


def test_gated_repository_and_its_token(store: ModelStore, hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.repos["owner/tiny"].gated_for = "let-me-in"
    message = one_line_error(store)
    assert "owner/tiny is gated" in message
    assert f"{hub.url}/owner/tiny" in message
    assert "HF_TOKEN" in message
    monkeypatch.setenv("HF_TOKEN", "let-me-in")
    assert store.pull(SPEC).path.read_bytes() == MODEL


def test_unreachable_hub(tmp_path: Path, hub: HubServer) -> None:
    with serve_hub() as gone:
        url = gone.url
    store = ModelStore(tmp_path / "models", Hub(url, retry_delay_s=0.0))
    assert f"cannot reach the hub at {url}" in one_line_error(store)


def test_hub_that_is_down(store: ModelStore, hub: HubServer) -> None:
    hub.down = True
    assert "answered 503" in one_line_error(store)


def test_web_page_instead_of_a_hub(store: ModelStore, hub: HubServer) -> None:
    hub.body_instead = b"<html>Log in to the hotel's network</html>"
    assert "expected a model hub's answer" in one_line_error(store)


def test_offline_mode(store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE is set" in one_line_error(store)


def test_endpoint_comes_from_the_environment(hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", hub.url + "/")
    assert ModelStore(tmp_path).pull(SPEC).path.read_bytes() == MODEL


def test_a_full_disk_is_an_error_before_the_download(
    store: ModelStore, hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10, 9, 1_000))
    message = one_line_error(store)
    assert "not enough disk space for tiny-Q4_K_M.gguf" in message
    assert "got 1,000;" in message
    assert hub.downloads() == []


@pytest.mark.parametrize(
    "name", ["../evil.gguf", "/tmp/evil.gguf", "a/../../evil.gguf", "a\\..\\evil.gguf", "C:evil.gguf"]
)
def test_file_names_cannot_leave_the_folder(store: ModelStore, hub: HubServer, name: str) -> None:
    hub.repos["owner/tiny"].files = {name: MODEL}
    assert "expected safe relative names" in one_line_error(store)
    assert hub.downloads() == []
    assert list(store.root.parent.rglob("*evil*")) == []


def test_link_in_the_store_is_not_followed(store: ModelStore, hub: HubServer, tmp_path: Path) -> None:
    store.pull(SPEC)
    (folder,) = [model.folder for model in store.installed()]
    store.remove(SPEC)
    outside = tmp_path / "outside"
    outside.mkdir()
    (folder / "files").mkdir(parents=True)
    (folder / "files" / "sub").symlink_to(outside)
    hub.repos["owner/tiny"].files = {"sub/tiny.gguf": MODEL}
    with pytest.raises(ModelError, match="outside"):
        store.pull(SPEC)
    assert list(outside.iterdir()) == []
