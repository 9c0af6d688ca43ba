"""The tables about chat formats say what is right and what is wrong."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from scripts.formats.__main__ import main
from scripts.formats.answers import fault_of
from scripts.formats.chats import CHATS
from scripts.formats.engine import DrawnAnswer
from scripts.formats.jobs import WANTS, random_job
from scripts.formats.templates import inspect, table
from scripts.formats.values import KINDS
from scripts.formats.vocabularies import markers_in
from shared.wire.jobs import Constraint, ConstraintKind, TextJob, ToolChoice
from tests.support.models.spm_vocabulary import spm_gguf
from tests.support.workers import chat_templates
from workers.chat.formats.chat_format import CallFormat, CallKind, ChatFormat, Pair
from workers.chat.learning.learn import Origin

PARAMETERS = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
FORMAT = ChatFormat(calls=CallFormat(CallKind.JSON, call=Pair("<call>", "</call>")))
CALL = ["f", '{"a": 1}']


def template(folder: Path, name: str, source: str) -> Path:
    path = folder / f"{name}.jinja"
    path.write_text(source)
    return path


def test_a_template_that_is_learnt_takes_all_chats_and_keeps_all_calls(tmp_path: Path) -> None:
    report = inspect(template(tmp_path, "json", chat_templates.JSON_CALLS), trips=2, seed=0)
    assert (report.origin, report.kind, report.thinks) == (Origin.LEARNT, "json", False)
    assert (report.chats, report.faults) == ({}, {})
    assert report.trips == dict.fromkeys(KINDS, 2)


def test_chats_that_a_template_refuses_are_named(tmp_path: Path) -> None:
    refused = inspect(template(tmp_path, "never", "{{ raise_exception('never') }}"), trips=1, seed=0)
    broken = inspect(template(tmp_path, "broken", "{% if %}"), trips=1, seed=0)
    assert refused.chats == {chat.name: "TemplateRefusal: never" for chat in CHATS}
    assert refused.faults.keys() == KINDS.keys()
    assert list(broken.chats) == ["syntax"]
    lines = table([refused, broken], 1, details=False).splitlines()
    assert lines[-2] == f"usual chats: {len(CHATS) + 1} of {2 * len(CHATS)} go wrong"
    assert lines[-1] == f"random calls: 0 of {2 * len(KINDS)} are read back, all of 0 templates"


def test_texts_that_a_template_loses_are_named(tmp_path: Path) -> None:
    source = "{% for m in messages if m.role == 'user' %}<|u|>{{ m.content }}{% endfor %}<|a|>"
    report = inspect(template(tmp_path, "users", source), trips=1, seed=0)
    assert report.chats["turns"] == "lost: 'No. a7k'"
    assert "words" not in report.chats


@pytest.mark.parametrize("wants", WANTS)
def test_requests_are_as_their_name_says(wants: str) -> None:
    jobs = [random_job(random.Random(seed), wants) for seed in range(20)]
    assert {bool(job.tools) for job in jobs} == {wants != "schema"}
    assert {job.constraint is not None for job in jobs} == {wants.startswith("schema")}
    assert {job.tool_choice.value for job in jobs} <= {wants, "auto", "none"}


def job_with(choice: ToolChoice, schema: Any = None, parallel: bool = True) -> TextJob:
    tools = [{"type": "function", "function": {"name": "f", "description": "", "parameters": PARAMETERS}}]
    constraint = None if schema is None else Constraint(ConstraintKind.JSON_SCHEMA, schema)
    return TextJob(messages=[], tools=tools, tool_choice=choice, constraint=constraint, parallel_tool_calls=parallel)


REQUIRED, AUTO = job_with(ToolChoice.REQUIRED), job_with(ToolChoice.AUTO)
BY_SCHEMA = job_with(ToolChoice.AUTO, PARAMETERS)


@pytest.mark.parametrize(
    ("job", "answer"),
    [
        (REQUIRED, DrawnAnswer(calls=[CALL, CALL])),
        (AUTO, DrawnAnswer("Hello.", calls=[CALL])),
        (AUTO, DrawnAnswer("Hello.")),
        (BY_SCHEMA, DrawnAnswer('{"a": 3}')),
        (BY_SCHEMA, DrawnAnswer(calls=[CALL])),
    ],
)
def test_right_answers_have_no_fault(job: TextJob, answer: DrawnAnswer) -> None:
    assert fault_of(answer, job, FORMAT) is None


@pytest.mark.parametrize(
    ("job", "answer", "fault"),
    [
        (REQUIRED, DrawnAnswer("Hello."), "no call"),
        (REQUIRED, DrawnAnswer("Hello.", calls=[CALL]), "words beside calls"),
        (AUTO, DrawnAnswer(calls=[["g", "{}"]]), "a call of 'g'"),
        (AUTO, DrawnAnswer(calls=[["f", '{"a": "1"}']]), "arguments of f: '1' is not of type 'integer'"),
        (AUTO, DrawnAnswer(calls=[["f", '{"a": ']]), "is no JSON"),
        (AUTO, DrawnAnswer('<call>{"name"'), "words with '<call>'"),
        (job_with(ToolChoice.AUTO, parallel=False), DrawnAnswer(calls=[CALL, CALL]), "2 calls instead of one"),
        (BY_SCHEMA, DrawnAnswer("Hello."), "is no JSON"),
        (BY_SCHEMA, DrawnAnswer("Hello.", calls=[CALL]), "words beside calls"),
        (AUTO, DrawnAnswer("Hello.", tokens=9, max_tokens=8), "expected at most 8 tokens, got 9"),
        (AUTO, DrawnAnswer("Hello.", strays=["<|x|>"]), "special tokens that are no markers: ['<|x|>']"),
    ],
)
def test_wrong_answers_are_told(job: TextJob, answer: DrawnAnswer, fault: str) -> None:
    assert fault in (fault_of(answer, job, FORMAT) or "")


def test_markers_are_found_in_templates() -> None:
    source = "{{ '<|im_start|>' }}<think></think><tool_call>[TOOL_CALLS][1]<p>{% if a <b and c>d %}"
    assert markers_in([source]) == ["</think>", "<think>", "<tool_call>", "<|im_start|>", "[TOOL_CALLS]"]


def test_random_answers_of_own_templates_are_valid(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ggml-vocab-letters.gguf").write_bytes(spm_gguf(["<|stop|>"], ["<call>"]))
    template(tmp_path, "json", chat_templates.JSON_CALLS)
    words = ["answers", "--count", "10", "--templates", str(tmp_path), "--vocabularies", str(tmp_path)]
    assert main(words) == 0, capsys.readouterr().out
    counts = capsys.readouterr().out.splitlines()[-1].split()
    assert counts[:2] == ["all", "10"]
    assert int(counts[2]) > 3  # a call is demanded of as many
    assert counts[4] == "0"


def test_a_folder_without_templates_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["templates", "--templates", str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"{tmp_path}: expected templates (*.jinja) with such names, got none\n"
