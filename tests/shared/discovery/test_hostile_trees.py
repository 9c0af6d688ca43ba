"""Folders that hold anything at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.discovery.found import ModelPlace
from shared.discovery.naming import clean_name
from shared.discovery.sightings import sightings_in
from shared.discovery.walking import walk
from tests.support.models.foreign_stores import IMAGE_CHECKPOINT, write_old
from tests.support.models.searched_machine import MODEL, SearchedMachine, names

NAMES = st.sampled_from(
    [
        b"config.json",
        b"model.bin",
        b"model.onnx",
        b"model_index.json",
        b"genai_config.json",
        b"tokenizer.json",
        b"onnx",
        b"unet",
        b"a.gguf",
        b"A.GGUF",
        b"a-00001-of-00002.gguf",
        b"a-00002-of-00002.gguf",
        b"a-00001-of-99999.gguf",
        b"b.safetensors",
        b"mmproj.gguf",
        b"\xff\xfe.gguf",
        b"new\nline.gguf",
        "bidi\u202e.gguf".encode(),
        b" .gguf",
        b"a.gguf.part",
        b"@x=y.gguf",
    ]
)
CONTENTS = st.one_of(
    st.sampled_from([b"", MODEL, MODEL[:50], IMAGE_CHECKPOINT, b"{}", b"[" * 5000, b"GGUF" + b"\xff" * 60]),
    st.binary(max_size=64),
)
ENTRIES = st.one_of(
    st.tuples(st.just("file"), CONTENTS),
    st.tuples(st.just("link"), st.one_of(NAMES, st.sampled_from([b".", b"..", b"/dev/zero", b"/etc", b"nowhere"]))),
    st.tuples(st.just("pipe"), st.just(b"")),
)
TREES = st.lists(st.tuples(st.lists(NAMES, min_size=1, max_size=3), ENTRIES), max_size=12)


def grow(root: Path, tree: list[tuple[list[bytes], tuple[str, bytes]]]) -> None:
    for parts, (kind, content) in tree:
        path = os.path.join(os.fsencode(root), *parts)
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if os.path.lexists(path):
                continue
            if kind == "file":
                write_old(Path(os.fsdecode(path)), content)
            elif kind == "link":
                os.symlink(content, path)
            else:
                os.mkfifo(path)
        except OSError:  # the tree has something else there, or a link leads to what is not ours
            continue


@given(tree=TREES)
@settings(max_examples=150, deadline=None)
def test_any_tree_is_searched_to_its_end(tree: list[tuple[list[bytes], tuple[str, bytes]]]) -> None:
    with tempfile.TemporaryDirectory() as root:
        machine = SearchedMachine(Path(root))
        grow_in_own_folder(machine.folder, tree)
        searched = machine.discovery()
        found = searched.scan()
        assert searched.scan() == found
        all_names = [name for model in found.models for name in (model.name, *model.aliases)]
        assert len(all_names) == len(set(all_names))
        assert all(name.isprintable() and name.strip() and name.encode() for name in all_names)
        assert all(item.reason.isprintable() for item in found.unservable)
        assert all(model.path.exists() for model in found.models)


def grow_in_own_folder(root: Path, tree: list[tuple[list[bytes], tuple[str, bytes]]]) -> None:
    """Grow the tree, but write nothing through links that lead out of it."""
    links = [branch for branch in tree if branch[1][0] == "link"]
    grow(root, [branch for branch in tree if branch[1][0] != "link"])
    for parts, entry in links:
        folder = os.path.join(os.fsencode(root), *parts[:-1])
        if os.path.realpath(folder).startswith(os.path.realpath(os.fsencode(root))):
            grow(root, [(parts, entry)])


def test_a_huge_tree_is_looked_at_in_part(tmp_path: Path) -> None:
    for number in range(30):
        write_old(tmp_path / f"f{number}" / "x.txt")
    told: list[str] = []
    folders = list(walk(tmp_path, lambda _, reason: told.append(reason), max_entries=40))
    assert len(folders) <= 11
    assert told == ["expected at most 40 files and folders, got more; the rest is not looked at"]


def test_a_deep_tree_ends(tmp_path: Path) -> None:
    write_old(tmp_path.joinpath(*"abcdefghijkl") / "deep.gguf", MODEL)
    assert max(len(folder.path.relative_to(tmp_path).parts) for folder in walk(tmp_path, lambda *_: None)) == 8


def test_a_folder_that_cannot_be_read_is_told(machine: SearchedMachine) -> None:
    write_old(machine.folder / "chat.gguf", MODEL)
    told: list[str] = []
    assert list(walk(machine.folder / "none", lambda _, reason: told.append(reason))) == []
    assert told == ["cannot be read: No such file or directory"]
    assert names(machine.scan()) == ["chat"]


def test_a_file_that_claims_very_many_parts_costs_little(machine: SearchedMachine) -> None:
    for number in range(300):
        write_old(machine.folder / f"m{number}-00001-of-99999.gguf", MODEL)
    (folder,) = walk(machine.folder, lambda *_: None)
    found = list(sightings_in(folder, ModelPlace.FOLDER))
    assert len(found) == 300
    assert all(sighting.missing for sighting in found)


def test_pipes_are_not_opened(machine: SearchedMachine) -> None:
    """Reading one would wait for somebody to write."""
    write_old(machine.folder / "speech" / "config.json", "{}")
    for name in ("speech/model.bin", "chat.gguf", "art.safetensors", "genai_config.json", "model.onnx"):
        os.mkfifo(machine.folder / name)
    assert names(machine.scan()) == []


def test_names_are_texts_that_can_be_sent() -> None:
    assert clean_name("plain-Name_1.5:Q4") == "plain-Name_1.5:Q4"
    assert clean_name("a\nb\udcffc\u202e") == "a_b_c_"
    assert clean_name("  ") == "model"
