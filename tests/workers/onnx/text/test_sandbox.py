"""The sandbox reads a folder's vocabulary too, and forks without a word."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from shared.wire.jobs import Constraint, ConstraintKind
from tests.support.models.tokenizer_folders import letters_folder
from tests.support.workers.sandbox_tasks import LIMITS, chat, nursery_of, schema
from workers.engine import EngineLoadError
from workers.onnx.text.vocabulary import FolderVocabulary
from workers.text.constraints.compiler import GrammarCompiler
from workers.text.sandbox.attempt import PreparationAttempt
from workers.text.sandbox.sandbox import Sandbox

READER = "workers.onnx.text.vocabulary:read_vocabulary"


@pytest.fixture
def sandbox(smollm2_folder: Path) -> Iterator[Sandbox]:
    opened = Sandbox(str(smollm2_folder), READER)
    opened.open()
    yield opened
    opened.close()


def test_tasks_are_done_in_processes_that_are_forked_from_one_thread(
    sandbox: Sandbox, folder_compiler: GrammarCompiler, capfd: pytest.CaptureFixture[str]
) -> None:
    attempt = PreparationAttempt(LIMITS)
    assert psutil.Process(nursery_of(sandbox).pid).num_threads() == 1
    assert sandbox.render(chat(), attempt).pieces == ["hi"]
    task = schema({"enum": ["café <|im_end|>"]})
    compiled = sandbox.compile(task, attempt)
    own = folder_compiler.compile(Constraint(ConstraintKind.JSON_SCHEMA, {"enum": ["café <|im_end|>"]}))
    assert compiled.closing == own.closing()
    assert psutil.Process(nursery_of(sandbox).pid).num_threads() == 1
    assert capfd.readouterr() == ("", "")


def test_a_damaged_folder_ends_the_nursery_without_a_word(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The worker reads the same files, and says what is wrong with them."""
    letters_folder(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{")
    sandbox = Sandbox(str(tmp_path), READER)
    with pytest.raises(EngineLoadError):
        sandbox.open()
    sandbox.close()
    assert capfd.readouterr() == ("", "")


def test_whole_texts_become_tokens_without_threads(folder_vocabulary: FolderVocabulary) -> None:
    """After them a process may not fork."""
    before = psutil.Process().num_threads()
    for text in ("word " * 20_000, "x" * 100_000, "<|im_start|>" * 9000):
        assert folder_vocabulary.detokenize(folder_vocabulary.tokenize(text, False, True)) == text
    assert psutil.Process().num_threads() == before
