"""Learns from a model's chat templates when it is loaded."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from workers.chat.learning.cache import LearntCache, template_key
from workers.chat.learning.learn import Origin
from workers.chat.model_chat import LearntChat
from workers.chat.template_source import find_template
from workers.engine import EngineLoadError
from workers.text.chats import ModelChats, ReasoningOptions
from workers.text.model import TextModel
from workers.text.sandbox.attempt import PreparationAttempt
from workers.text.sandbox.messages import Template
from workers.text.sandbox.sandbox import Sandbox
from workers.text.template_chat import marker_texts
from workers.text.vocabulary import Vocabulary

log = logging.getLogger("nexa.text")


def load_chats(
    given: str, model: TextModel, sandbox: Sandbox, attempt: PreparationAttempt, reasoning: ReasoningOptions
) -> ModelChats:
    """The chats of a model.

    Args:
        given: the operator's template; see :func:`workers.chat.template_source.find_template`.
        model: the model.
        sandbox: renders templates, which are untrusted.
        attempt: the limits of learning.
        reasoning: the defaults of thoughts.

    Raises:
        EngineLoadError: there is no such template, its syntax is wrong, or it takes too much.
    """
    try:
        source = find_template(given, model.template(), model.vocabulary.is_special)
    except ValueError as error:
        raise EngineLoadError(str(error)) from None
    templates = [Template(text, _learnt(text, model.vocabulary, sandbox, attempt)) for text in source.texts]
    if templates[-1].chat.learnt.origin is Origin.OWN_PROMPT:
        log.info("the chat template shows no calls of tools: they are described by a prompt of nexa's own")
    return ModelChats(model.vocabulary, templates[0], templates[-1], source.stop, reasoning)


def formats_folder() -> Path:
    """Where it is kept what templates told."""
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "nexa" / "formats"


def _learnt(source: str, vocabulary: Vocabulary, sandbox: Sandbox, attempt: PreparationAttempt) -> LearntChat:
    """What a template tells, or told before."""
    cache = LearntCache(formats_folder())
    key = template_key(source, vocabulary.bos_text, vocabulary.eos_text, *marker_texts(vocabulary, source))
    known = cache.get(key)
    if known is not None:
        return LearntChat(*known)
    chat = sandbox.learn(source, attempt)
    cache.put(key, chat.learnt, chat.needs)
    return chat
