"""What was learnt from templates, kept on disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.workers.chat_templates import CALL_TEMPLATES, JSON_CALLS, THINKS, program
from workers.chat.learning import cache
from workers.chat.learning.cache import LearntCache, template_key
from workers.chat.learning.learn import Learnt, learn
from workers.chat.learning.needs import Needs, learn_needs

KEY = template_key(THINKS, "<s>", "</s>")


def learnt_from(source: str) -> tuple[Learnt, Needs]:
    render = program(source).render
    learnt = learn(render, source, ends=("</s>",))
    return learnt, learn_needs(render, learnt.arguments or "object", learnt.arguments is not None)


@pytest.mark.parametrize("name", ["json array", "typed", "tagged", "dict"])
def test_what_was_learnt_is_known_at_the_next_start(name: str, tmp_path: Path) -> None:
    known = learnt_from(CALL_TEMPLATES[name])
    LearntCache(tmp_path / "formats").put(KEY, *known)
    assert LearntCache(tmp_path / "formats").get(KEY) == known


def test_an_unknown_template_is_not_known(tmp_path: Path) -> None:
    assert LearntCache(tmp_path / "none").get(KEY) is None


@pytest.mark.parametrize(
    "other",
    [
        template_key(JSON_CALLS, "<s>", "</s>"),
        template_key(THINKS, "<b>", "</s>"),
        template_key(THINKS, "<s>", "</e>"),
        template_key(THINKS, "<s>", "</s>", ends=("</s>",)),
        template_key(THINKS, "<s>", "</s>", tokens=("</s>",)),
    ],
)
def test_all_that_decides_what_is_learnt_is_in_the_key(other: str) -> None:
    assert other != KEY


def test_other_code_learns_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_code_digest", lambda: "another version")
    assert template_key(THINKS, "<s>", "</s>") != KEY


@pytest.mark.parametrize(
    "stored", [b"", b"{", b"\xff\xfe", b'{"key": "x"}', b"[1, 2]", b"0" * 2_000_000, b'{"x":' + b"[" * 90_000]
)
def test_a_damaged_file_is_ignored_and_written_anew(
    stored: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / f"{KEY}.json").write_bytes(stored)
    formats, known = LearntCache(tmp_path), learnt_from(THINKS)
    assert formats.get(KEY) is None
    assert formats.get(KEY) is None
    assert len(caplog.records) == 1
    formats.put(KEY, *known)
    assert formats.get(KEY) == known


def test_a_file_of_another_template_is_ignored(tmp_path: Path) -> None:
    formats, other = LearntCache(tmp_path), template_key(JSON_CALLS, "", "")
    formats.put(KEY, *learnt_from(THINKS))
    (tmp_path / f"{KEY}.json").rename(tmp_path / f"{other}.json")
    assert formats.get(other) is None


def test_a_folder_that_cannot_be_written_is_told_of_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    formats = LearntCache(blocked / "formats")
    for _ in range(2):
        formats.put(KEY, *learnt_from(THINKS))
        assert formats.get(KEY) is None
    assert len(caplog.records) == 1


def test_the_files_that_were_used_last_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MAX_CACHED", 2)
    formats, known = LearntCache(tmp_path), learnt_from(THINKS)
    for at, key in enumerate("ab"):
        formats.put(key, *known)
        os.utime(tmp_path / f"{key}.json", (at + 1, at + 1))
    assert formats.get("a") == known
    formats.put("c", *known)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "c.json"]
