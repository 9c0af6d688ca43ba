"""Reads a chat template, and the tokens that matter to it, from a model file or from a file of its own."""

from __future__ import annotations

from pathlib import Path

import llama_cpp

from shared.errors import ModelError
from workers.chat.model_chat import ModelChat, learn_chat
from workers.chat.program import ChatProgram
from workers.llama.native.log import capture_native_log
from workers.llama.native.model import template_of
from workers.llama.native.vocabulary import Vocabulary


def read_chat(path: Path, bos: str = "", eos: str = "") -> ModelChat:
    """What the template in a file tells: Jinja, or that of a GGUF model for chats with tools.

    ``bos`` and ``eos`` are the texts of these tokens, for a template without its model.

    Raises:
        ModelError: the file cannot be read, or has no template.
        ValueError: the template's syntax is wrong.
    """
    with path.open("rb") as file:
        is_model = file.read(4) == b"GGUF"
    if is_model:
        return _read_model(path)
    try:
        source = path.read_text("utf-8")
    except UnicodeDecodeError:
        raise ModelError(f"{path}: expected a chat template or a GGUF model") from None
    program = ChatProgram(source, bos, eos)
    return ModelChat(program, learn_chat(program, (eos,) if eos else ()))


def _read_model(path: Path) -> ModelChat:
    capture_native_log()
    parameters = llama_cpp.llama_model_default_params()
    parameters.vocab_only = True
    model = llama_cpp.llama_model_load_from_file(str(path).encode(), parameters)
    if not model:
        raise ModelError(f"{path}: llama.cpp cannot read the model")
    try:
        source = template_of(model)
        if source is None:
            raise ModelError(f"{path}: the model has no chat template")
        vocabulary = Vocabulary(llama_cpp.llama_model_get_vocab(model))
        return chat_of(vocabulary, source.texts[-1])
    finally:
        llama_cpp.llama_model_free(model)


def chat_of(vocabulary: Vocabulary, source: str) -> ModelChat:
    """What a template tells, with the special tokens of its model.

    Raises:
        ValueError: the template's syntax is wrong.
    """
    program = ChatProgram(source, vocabulary.bos_text, vocabulary.eos_text)
    chat = learn_chat(program, *marker_texts(vocabulary, source))
    return ModelChat(program, chat, vocabulary.special_texts())


def marker_texts(vocabulary: Vocabulary, source: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The texts of the tokens that end an answer, and of the other special tokens that a template has."""
    special = vocabulary.special_texts()
    markers = [text for text in sorted(special.control | special.user_defined) if len(text) > 1 and text in source]
    ends = vocabulary.end_texts()
    return ends, tuple(text for text in markers if text not in ends)
