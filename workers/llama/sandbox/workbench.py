"""What a process of the sandbox computes."""

from __future__ import annotations

import threading
from functools import cached_property

from shared.wire.jobs import ToolChoice
from shared.wire.payloads import JobError
from workers.llama.chat.template import ChatTemplate
from workers.llama.chat.tool_format import format_of
from workers.llama.chat.tool_grammar import calls_grammar
from workers.llama.constraints.compiler import GrammarCompiler, tool_schema
from workers.llama.constraints.constraint import TokenConstraint
from workers.llama.constraints.trial import try_out
from workers.llama.native.vocabulary import Vocabulary
from workers.llama.sandbox.limits import resident_bytes
from workers.llama.sandbox.messages import (
    CheckTemplate,
    Compile,
    Compiled,
    Render,
    Rendered,
    Task,
    TaskRefused,
)

TRIAL_STACK_BYTES = 4 * 1024 * 1024
"""Of the thread that tries a grammar out: half of what a worker's decoding thread has."""


class Workbench:
    """One model's vocabulary and chat template, with which tasks are done."""

    def __init__(self, vocabulary: Vocabulary, compiler: GrammarCompiler, template: str) -> None:
        self._vocabulary = vocabulary
        self._special_texts = vocabulary.special_texts()
        self._compiler = compiler
        self._source = template

    @cached_property
    def template(self) -> ChatTemplate:
        """The chat template, compiled when it is first used.

        Raises:
            ValueError: its syntax is wrong.
        """
        vocabulary = self._vocabulary
        return ChatTemplate(self._source, vocabulary.bos_text, vocabulary.eos_text, self._special_texts)

    def do(self, task: Task) -> Rendered | Compiled | TaskRefused:
        """Do a task.

        Raises:
            MemoryError: it wants more memory than this process may have.
        """
        try:
            match task:
                case CheckTemplate():
                    return self._check_template()
                case Render():
                    return Rendered(self.template.render(task.messages, task.tools, task.options))
                case Compile():
                    return self._compile(task)
        except JobError as error:
            return TaskRefused(error.failed)

    def _check_template(self) -> Rendered:
        try:
            self.template  # noqa: B018
        except ValueError as error:
            raise JobError(400, str(error)) from None
        return Rendered([])

    def _compile(self, task: Compile) -> Compiled:
        before_bytes = resident_bytes()
        if task.tools:
            constraint = self._compiler.constrain(self._calls_grammar(task), "tools")
        else:
            assert task.constraint is not None
            constraint = self._compiler.compile(task.constraint)
        memory_bytes = max(resident_bytes() - before_bytes, 0)
        _in_small_thread(constraint)
        compiled = constraint.grammar
        return Compiled(compiled.source, compiled.texts, compiled.closing, memory_bytes)

    def _calls_grammar(self, task: Compile) -> str:
        functions = [tool["function"] for tool in task.tools]
        if task.tool_choice is ToolChoice.NAMED:
            functions = [function for function in functions if function["name"] == task.tool_name]
        given = {f["name"]: f.get("parameters") or {"properties": {}} for f in functions}
        for name, schema in given.items():
            self._compiler.check_schema({"type": "object", **schema}, f"tools: the parameters of {name!r}")
        return calls_grammar(
            format_of(self._source),
            {name: tool_schema(schema) for name, schema in given.items()},
            parallel=task.parallel_tool_calls,
            content_allowed=task.tool_choice is ToolChoice.AUTO,
            special_token=self._vocabulary.special_token,
        )


def _in_small_thread(constraint: TokenConstraint) -> None:
    """Try the constraint out where a recursion that is too deep for a worker's decoding thread ends this process."""
    errors: list[JobError] = []

    def work() -> None:
        try:
            try_out(constraint)
        except JobError as error:
            errors.append(error)

    usual_bytes = threading.stack_size(TRIAL_STACK_BYTES)
    try:
        thread = threading.Thread(target=work)
        thread.start()
    finally:
        threading.stack_size(usual_bytes)
    thread.join()
    if errors:
        raise errors[0]
