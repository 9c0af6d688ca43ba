"""A chat template with the special tokens of its model."""

from __future__ import annotations

from workers.chat.model_chat import ModelChat, learn_chat
from workers.chat.program import ChatProgram
from workers.text.vocabulary import Vocabulary


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
