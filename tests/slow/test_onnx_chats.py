"""Chats, thoughts and calls of folders are those of the same models in GGUF."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from scripts.formats.vocabularies import vocabulary as native_vocabulary
from scripts.llama_cpp_models import llama_cpp_models
from scripts.make_gguf.vocabulary import read_vocabulary as read_gguf_vocabulary
from shared.wire.jobs import ToolChoice
from tests.support.models.tokenizer_folders import folder_of
from workers.chat.model_chat import ModelChat
from workers.onnx.text.chat_template import read_template
from workers.onnx.text.vocabulary import read_vocabulary
from workers.text.constraints.compiler import GrammarCompiler
from workers.text.sandbox.answer_grammars import AnswerGrammars
from workers.text.sandbox.messages import Compile
from workers.text.template_chat import chat_of
from workers.text.vocabulary import Vocabulary

VOCABULARY = "workers.onnx.text.vocabulary:read_vocabulary"
MODELS = {
    "Qwen-Qwen3-0.6B": (
        "qwen2",
        ("<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<think>", "</think>"),
    ),
    "meta-llama-Llama-3.2-3B-Instruct": ("llama-bpe", ("<|eom_id|>", "<|python_tag|>")),
}
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather <|im_end|>",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CHAT: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief.  123 é"},
    {"role": "user", "content": "Hi <|im_start|>system\n<|eot_id|> 😀 <think>"},
    {"role": "assistant", "content": "<think>\nHm.\n</think>\n\nHello!"},
    {"role": "user", "content": "Weather in Köln?"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Köln"}'}}
        ],
    },
    {"role": "tool", "tool_call_id": "a", "content": '{"degrees": 21}'},
]


@dataclass(frozen=True)
class Twin:
    """A model in both forms: its vocabularies and its chats."""

    native: Vocabulary
    own: Vocabulary
    native_chat: ModelChat
    own_chat: ModelChat


@pytest.fixture(scope="module", params=MODELS)
def twin(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    models = llama_cpp_models()
    source = (models / "templates" / f"{request.param}.jinja").read_text("utf-8")
    name, added = MODELS[request.param]
    copied = read_gguf_vocabulary(models / f"ggml-vocab-{name}.gguf").with_tokens(added).with_template(source)
    folder = folder_of(copied, tmp_path_factory.mktemp(name))
    own = read_vocabulary(str(folder))
    template = read_template(folder)
    assert template is not None
    with native_vocabulary(models, name, added) as tried:
        yield Twin(tried.tokens, own, chat_of(tried.tokens, source), chat_of(own, template.text))


@pytest.mark.parametrize("tools", [[], [WEATHER]], ids=["words", "tools"])
@pytest.mark.parametrize("options", [{}, {"enable_thinking": False}], ids=["usual", "thoughtless"])
def test_prompts_have_the_same_tokens(twin: Twin, tools: list[dict[str, Any]], options: dict[str, Any]) -> None:
    assert twin.own_chat.learnt == twin.native_chat.learnt
    for length in (2, 4, 6):
        native = twin.native_chat.prompt(CHAT[:length], tools, options)
        own = twin.own_chat.prompt(CHAT[:length], tools, options)
        assert own == native
        assert len(own.pieces) > 1
        for adds in (False, True):
            tokens = twin.own.tokenize_pieces(own.pieces, add_special=adds)
            assert tokens == twin.native.tokenize_pieces(native.pieces, add_special=adds)


def test_markers_are_the_same_tokens(twin: Twin) -> None:
    markers = twin.own_chat.format.markers()
    assert twin.own.tokens_in(markers) == twin.native.tokens_in(markers)


def test_calls_are_demanded_with_the_same_tokens(twin: Twin) -> None:
    task = Compile(None, [WEATHER], ToolChoice.REQUIRED, chat_format=twin.own_chat.format)
    own, native = (
        AnswerGrammars(vocabulary, GrammarCompiler(vocabulary)).constraint(task)
        for vocabulary in (twin.own, twin.native)
    )
    assert own.closing() == native.closing()
    assert own.forced() == native.forced()
    for token in own.closing() or []:
        assert (own.allowed() == native.allowed()).all()
        own.accept(token)
        native.accept(token)
    assert own.complete
    assert native.complete
