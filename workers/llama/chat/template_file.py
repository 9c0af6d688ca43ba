"""Reads a chat template, and the tokens that matter to it, from a model file or from a file of its own."""

from __future__ import annotations

from pathlib import Path

import llama_cpp

from shared.errors import ModelError
from workers.chat.model_chat import ModelChat, learn_chat
from workers.chat.program import ChatProgram
from workers.chat.template_source import find_template
from workers.llama.native.log import capture_native_log
from workers.llama.native.model import template_of
from workers.llama.native.vocabulary import LlamaVocabulary
from workers.text.template_chat import chat_of


def read_chat(path: Path, bos: str = "", eos: str = "", given: str = "") -> ModelChat:
    """What the template in a file tells: Jinja, or that of a GGUF model for chats with tools.

    ``bos`` and ``eos`` are the texts of these tokens, for a template without its model. ``given`` is the template that
    a model has instead of its own, as for :func:`workers.chat.template_source.find_template`.

    Raises:
        ModelError: the file cannot be read.
        ValueError: the template's syntax is wrong, or there is no template that is ``given``.
    """
    with path.open("rb") as file:
        is_model = file.read(4) == b"GGUF"
    if is_model:
        return _read_model(path, given)
    try:
        source = path.read_text("utf-8")
    except UnicodeDecodeError:
        raise ModelError(f"{path}: expected a chat template or a GGUF model") from None
    try:
        program = ChatProgram(source, bos, eos)
    except ValueError as error:
        raise ModelError(f"{path}: {str(error).partition(';')[0]}") from None
    return ModelChat(program, learn_chat(program, (eos,) if eos else ()))


def _read_model(path: Path, given: str) -> ModelChat:
    capture_native_log()
    parameters = llama_cpp.llama_model_default_params()
    parameters.vocab_only = True
    model = llama_cpp.llama_model_load_from_file(str(path).encode(), parameters)
    if not model:
        raise ModelError(f"{path}: llama.cpp cannot read the model")
    try:
        vocabulary = LlamaVocabulary(llama_cpp.llama_model_get_vocab(model))
        source = find_template(given, template_of(model), vocabulary.is_special)
        return chat_of(vocabulary, source.texts[-1])
    finally:
        llama_cpp.llama_model_free(model)
