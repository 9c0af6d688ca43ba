from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.workers import chat_templates
from tests.support.workers.chat_templates import program
from workers.chat.model_chat import ModelChat
from workers.chat.report import BadLine, describe, parse_line

REPOSITORY = Path(__file__).parents[3]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"properties": {"a": {"type": "integer"}}}}}
CALL = '<call>{"name": "f", "arguments": {"a": 1}}</call>'


def parsed(source: str, **line: Any) -> dict[str, Any]:
    return parse_line(ModelChat(program(source)), json.dumps(line))


def test_what_was_learnt_is_described_with_an_example() -> None:
    text = describe(ModelChat(program(chat_templates.TAGGED)))
    assert "calls                 learnt\n" in text
    assert "kind of calls         tagged\n" in text
    assert "each argument         '<parameter=' KEY '>\\n' VALUE '\\n</parameter>\\n'\n" in text
    assert "<|user|>Is it warm in Rome?<|stop|>" in text
    assert "<function=get_weather>\n<parameter=city>\nRome\n</parameter>" in text


def test_the_example_call_of_an_answer_in_parts_names_its_function() -> None:
    text = describe(ModelChat(program("<|channel|>analysis<|message|>commentary" + chat_templates.PLAIN)))
    header = "<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>"
    assert text.endswith(header + '{"city": "Rome", "days": 3}')


@pytest.mark.parametrize("name", chat_templates.CALL_TEMPLATES)
def test_every_format_can_be_described(name: str) -> None:
    assert "example call" in describe(ModelChat(program(chat_templates.CALL_TEMPLATES[name])))


def test_a_raw_answer_becomes_the_message_of_the_api() -> None:
    message = parsed(chat_templates.JSON_CALLS, output=f"I look. {CALL}", tools=[TOOL])
    function = {"name": "f", "arguments": '{"a": 1}'}
    assert message["content"] == "I look."
    assert [call["function"] for call in message["tool_calls"]] == [function]


def test_functions_may_stand_alone() -> None:
    assert parsed(chat_templates.JSON_CALLS, output=CALL, tools=[TOOL["function"]])["tool_calls"]


def test_no_call_is_read_without_tools_or_against_the_choice() -> None:
    assert parsed(chat_templates.JSON_CALLS, output=CALL)["content"] == CALL
    for tools_first in (False, True):
        source = ("{{ raise_exception('tools') if tools }}" if tools_first else "") + chat_templates.JSON_CALLS
        assert parsed(source, output=CALL, tools=[TOOL], tool_choice="none")["content"] == CALL


def test_the_prompt_says_whether_a_thought_is_open() -> None:
    source = chat_templates.THINKS_IN_PROMPT
    message = parsed(source, output="Hm.\n</think>\n\nHello", enable_thinking=True)
    assert (message["reasoning_content"], message["content"]) == ("Hm.", "Hello")
    assert parsed(source, output="Hello", enable_thinking=False) == {"role": "assistant", "content": "Hello"}


def test_thoughts_stay_in_the_words_with_reasoning_format_none() -> None:
    message = parsed(chat_templates.THINKS, output="<think>\nHm.\n</think>\n\nHello", reasoning_format="none")
    assert message == {"role": "assistant", "content": "<think>\nHm.\n</think>\n\nHello"}


def test_json_may_stand_in_a_fence() -> None:
    message = parsed(chat_templates.PLAIN, output="```json\n1\n```", response_format={"type": "json_object"})
    assert message["content"] == "1"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("no json", "expected a JSON object, got 'no json'"),
        ("[]", "expected a JSON object, got '[]'"),
        ("{}", "output is required"),
        ('{"output": 3}', "output: expected text, got 3"),
        ('{"output": "", "tools": {}}', "tools: expected a list, got {}"),
        ('{"output": "", "chat_template_kwargs": []}', "chat_template_kwargs: expected an object, got []"),
        ('{"output": "", "enable_thinking": "yes"}', "enable_thinking: expected a boolean, got 'yes'"),
        ('{"output": "", "parallel_tool_calls": 1}', "parallel_tool_calls: expected a boolean, got 1"),
        ('{"output": "", "reasoning_format": "x"}', "reasoning_format: expected auto or deepseek or none, got 'x'"),
        ('{"output": "", "tool_choice": "no"}', "tool_choice: expected 'auto', 'none', 'required' or an object, got"),
        ('{"output": "", "tools": [{}]}', "tools[0]: expected a function with a name, got {}"),
    ],
)
def test_a_wrong_line_names_its_field(line: str, reason: str) -> None:
    with pytest.raises(BadLine) as error:
        parse_line(ModelChat(program(chat_templates.PLAIN)), line)
    assert str(error.value).startswith(reason)


def run(*arguments: str | Path, given: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "workers.llama.chat", *map(str, arguments)]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, input=given)


def test_the_command_prints_one_message_for_each_line(tmp_path: Path) -> None:
    template, lines = tmp_path / "template.jinja", tmp_path / "lines.jsonl"
    template.write_text(chat_templates.JSON_CALLS)
    lines.write_text("\n".join(json.dumps({"output": output, "tools": [TOOL]}) for output in ("hello", CALL)))
    done = run(template, "--bos", "<s>", "--eos", "<|stop|>", "--parse", lines)
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    assert [message["content"] for message in messages] == ["hello", None]
    assert done.returncode == 0


def test_a_wrong_line_is_named_by_its_number_and_the_others_are_read(tmp_path: Path) -> None:
    template, lines = tmp_path / "template.jinja", tmp_path / "lines.jsonl"
    template.write_text(chat_templates.PLAIN)
    lines.write_text('{"output": "x"}\n{}\n{"output": "\\ud800"}\n')
    done = run(template, "--parse", lines)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer.get("content", answer.get("error")) for answer in answers] == [
        "x",
        "output is required",
        "\ud800",
    ]
    assert (done.returncode, done.stderr) == (1, f"nexa: {lines}: line 2: output is required\n")


def test_lines_are_read_as_programs_write_them(tmp_path: Path) -> None:
    template, lines = tmp_path / "template.jinja", tmp_path / "lines.jsonl"
    template.write_text(chat_templates.PLAIN)
    lines.write_bytes(b'\xef\xbb\xbf{"output": "a"}\r\n\r\n{"output": "\xff"}\r\n{"output": "b\\u2028\\u0085"}')
    done = run(template, "--parse", lines)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer.get("content") for answer in answers] == ["a", None, "b\u2028\x85"]
    assert answers[1]["error"].startswith("expected UTF-8, got ")


def test_lines_come_from_stdin(tmp_path: Path) -> None:
    template = tmp_path / "template.jinja"
    template.write_text(chat_templates.PLAIN)
    done = run(template, "--parse", "-", given='{"output": "a"}\n{}\n')
    assert json.loads(done.stdout.splitlines()[0])["content"] == "a"
    assert done.stderr == "nexa: stdin: line 2: output is required\n"


def test_a_template_with_wrong_syntax_is_named(tmp_path: Path) -> None:
    template = tmp_path / "template.jinja"
    template.write_text("{% for")
    done = run(template)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith(f"nexa: {template}: chat template: not valid Jinja: ")
    assert "--chat-template" not in done.stderr


def test_a_reader_that_has_enough_is_no_error(tmp_path: Path) -> None:
    template = tmp_path / "template.jinja"
    template.write_text(chat_templates.TAGGED)
    command = [sys.executable, "-m", "workers.llama.chat", str(template)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_keys_and_who_opens_thoughts_are_described() -> None:
    assert "keys of calls         name, args, id\n" in describe(ModelChat(program(chat_templates.JSON_ARRAY)))
    opened = "thoughts opened by    the prompt, with thinking on: the prompt, off: nobody\n"
    assert opened in describe(ModelChat(program(chat_templates.THINKS_IN_PROMPT)))
    opened = "thoughts opened by    the model, with thinking on: the model, off: the model\n"
    assert opened in describe(ModelChat(program(chat_templates.THINKS)))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"output": "", "messages": [{"content": "hi"}]}, r"^messages\[0\]: expected a message with a role, got "),
        (
            {"output": "", "tools": [{"name": "f", "parameters": "{"}]},
            r"^tools\[0\].parameters: expected JSON, got '{'",
        ),
    ],
)
def test_a_line_that_is_no_request_is_told(line: dict[str, Any], message: str) -> None:
    with pytest.raises(BadLine, match=message):
        parsed(chat_templates.PLAIN, **line)
