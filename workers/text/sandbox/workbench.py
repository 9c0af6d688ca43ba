"""What a process of the sandbox computes."""

from __future__ import annotations

import threading

from shared.wire.payloads import JobError
from workers.chat.model_chat import ModelChat
from workers.chat.program import ChatProgram, TemplateFailure, TemplateRefusal
from workers.text.constraints.compiler import GrammarCompiler
from workers.text.constraints.constraint import TokenConstraint
from workers.text.constraints.trial import try_out
from workers.text.sandbox.answer_grammars import AnswerGrammars
from workers.text.sandbox.decoding.pictures import decode_picture
from workers.text.sandbox.decoding.recordings import decode_recording
from workers.text.sandbox.limits import resident_bytes
from workers.text.sandbox.messages import (
    Compile,
    Compiled,
    Decode,
    DecodedFile,
    Learn,
    Learned,
    Render,
    Rendered,
    Task,
    TaskRefused,
    Template,
)
from workers.text.template_chat import chat_of
from workers.text.vocabulary import Vocabulary

TRIAL_STACK_BYTES = 4 * 1024 * 1024
"""Of the thread that tries a grammar out: half of what a worker's decoding thread has."""


class Workbench:
    """One model's vocabulary, with which tasks are done."""

    def __init__(self, vocabulary: Vocabulary, compiler: GrammarCompiler) -> None:
        self._vocabulary = vocabulary
        self._special_texts = vocabulary.special_texts()
        self._compiler = compiler
        self._grammars = AnswerGrammars(vocabulary, compiler)
        self._chats: dict[str, ModelChat] = {}

    def prepare_grammars(self) -> None:
        """Make what all grammars need of the vocabulary, which takes some seconds if it is large."""
        self._compiler.prepare()

    def do(self, task: Task) -> Learned | Rendered | Compiled | DecodedFile | TaskRefused:
        """Do a task.

        Raises:
            MemoryError: it wants more memory than this process may have.
        """
        try:
            match task:
                case Learn():
                    return self._learn(task.source)
                case Render():
                    return self._render(task)
                case Compile():
                    return self._compile(task)
                case Decode():
                    return _decoded(task)
        except JobError as error:
            return TaskRefused(error.failed)

    def _learn(self, source: str) -> Learned:
        try:
            return Learned(chat_of(self._vocabulary, source).chat)
        except ValueError as error:
            raise JobError(400, str(error)) from None

    def _render(self, task: Render) -> Rendered:
        chat = self._chat(task.template)
        try:
            return Rendered(chat.prompt(task.messages, task.tools, task.options, task.continues))
        except RecursionError:
            raise JobError(400, "messages: the arguments of a call are nested too deeply", "messages") from None
        except TemplateRefusal as refusal:
            message = f"messages: refused by the model's chat template: {refusal}"
            raise JobError(400, message, "messages") from None
        except TemplateFailure as failure:
            raise JobError(400, f"messages: the model's chat template failed: {failure}", "messages") from None

    def _chat(self, template: Template) -> ModelChat:
        """The chat of a template, which is compiled when it is first used."""
        chat = self._chats.get(template.source)
        if chat is None:
            program = ChatProgram(template.source, self._vocabulary.bos_text, self._vocabulary.eos_text)
            chat = self._chats[template.source] = ModelChat(program, template.chat, self._special_texts)
        return chat

    def _compile(self, task: Compile) -> Compiled:
        before_bytes = resident_bytes()
        constraint = self._grammars.constraint(task)
        memory_bytes = max(resident_bytes() - before_bytes, 0)
        _in_small_thread(constraint)
        compiled = constraint.grammar
        return Compiled(compiled.source, compiled.texts, compiled.closing, memory_bytes, compiled.warnings)


def _decoded(task: Decode) -> DecodedFile:
    if task.kind == "image":
        return DecodedFile(*decode_picture(task.data, task.field))
    return DecodedFile(0, 0, decode_recording(task.data, task.sample_rate, task.field).tobytes())


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
