"""Reads a chat template, and the tokens that matter to it, from a model file or from a file of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import llama_cpp

from shared.errors import ModelError
from workers.chat.model_chat import ModelChat
from workers.chat.program import ChatProgram
from workers.llama.native.log import capture_native_log


@dataclass(frozen=True, slots=True)
class TemplateFile:
    """A template with the texts of the tokens that end an answer, and of the model's other marker tokens."""

    source: str
    bos: str
    eos: str
    ends: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()

    def chat(self) -> ModelChat:
        """Learn what the template tells.

        Raises:
            ValueError: its syntax is wrong.
        """
        return ModelChat(ChatProgram(self.source, self.bos, self.eos), self.ends, self.tokens)


def read_template(path: Path, bos: str = "", eos: str = "") -> TemplateFile:
    """The template in a file: Jinja, or a GGUF model.

    Raises:
        ModelError: the file cannot be read, or has no template.
    """
    with path.open("rb") as file:
        is_model = file.read(4) == b"GGUF"
    if not is_model:
        try:
            return TemplateFile(path.read_text("utf-8"), bos, eos, ends=(eos,) if eos else ())
        except UnicodeDecodeError:
            raise ModelError(f"{path}: expected a chat template or a GGUF model") from None
    return _read_model(path)


def _read_model(path: Path) -> TemplateFile:
    capture_native_log()
    parameters = llama_cpp.llama_model_default_params()
    parameters.vocab_only = True
    model = llama_cpp.llama_model_load_from_file(str(path).encode(), parameters)
    if not model:
        raise ModelError(f"{path}: llama.cpp cannot read the model")
    try:
        source = llama_cpp.llama_model_chat_template(model, b"tool_use") or llama_cpp.llama_model_chat_template(
            model, None
        )
        if not source:
            raise ModelError(f"{path}: the model has no chat template")
        vocabulary = llama_cpp.llama_model_get_vocab(model)
        ends, tokens = list[str](), list[str]()
        marked = llama_cpp.LLAMA_TOKEN_ATTR_CONTROL | llama_cpp.LLAMA_TOKEN_ATTR_USER_DEFINED
        for token in range(llama_cpp.llama_vocab_n_tokens(vocabulary)):
            if llama_cpp.llama_vocab_get_attr(vocabulary, token) & marked:
                text = llama_cpp.llama_vocab_get_text(vocabulary, token).decode("utf-8", "replace")
                (ends if llama_cpp.llama_vocab_is_eog(vocabulary, token) else tokens).append(text)

        def text_of(token: int) -> str:
            return llama_cpp.llama_vocab_get_text(vocabulary, token).decode("utf-8", "replace") if token >= 0 else ""

        bos, eos = text_of(llama_cpp.llama_vocab_bos(vocabulary)), text_of(llama_cpp.llama_vocab_eos(vocabulary))
        return TemplateFile(source.decode("utf-8"), bos, eos, tuple(ends), tuple(tokens))
    finally:
        llama_cpp.llama_model_free(model)
