"""A small model that says what it is told to say: a thought, a call or words, with any client and any question.

Its weights let a token decide alone which one comes next. The beginning of an answer depends on the chat, by the
template: with tools it is a call, but after a call's result, and without tools, a thought and words.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scripts.llama_cpp_models import llama_cpp_models
from scripts.make_gguf.file import GGUFTensor
from scripts.make_gguf.model import write_gguf
from scripts.make_gguf.vocabulary import CopiedVocabulary, read_vocabulary
from scripts.make_gguf.weights import CONSTANT, WIDTH, random_tensors

THOUGHT = "The user asks"
WORDS = "It is sunny in Paris."
VALUE = "Paris"
"""What it writes into every string of JSON."""

_THOUGHT_TOKENS = ["<think>", "The", " user", " asks", "</think>"]
_WORD_TOKENS = ["</think>", "It", " is", " sunny", " in", " Paris", ".", "<|im_end|>"]
_CALL_TOKENS = ["<|act|>", "<tool_call>"]
_OPENERS = [' "', '"', '{"', ' {"', '["', ' ["', ","]
_CLOSERS = ['"}', "}}", "}", '"', "]", "</tool_call>"]
_TOOLS = ["Read", "exec", "shell"]
"""Beginnings of the names of tools that it likes to call, where it has the choice."""
_LIKELY, _LIKED, _ENDING, _CLOSING, _OPENING = 80.0, 60.0, 40.0, 25.0, 12.0
"""Logits: of the next token of the script, of a tool that is liked, of the end of the turn, of what closes JSON, and of
what opens it."""

_TEMPLATE = (
    "{% if tools %}<|im_start|>system\nFunctions: {{ tools | tojson }}<|im_end|>\n{% endif %}"
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.role == 'assistant' and m.reasoning_content %}<think>{{ m.reasoning_content }}</think>{% endif %}"
    "{{ m.content }}{% for c in m.tool_calls or [] %}<tool_call>\n"
    "{{ {'name': c.function.name, 'arguments': c.function.arguments} | tojson }}\n</tool_call>{% endfor %}<|im_end|>\n"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if tools and messages[-1].role != 'tool' %}<|act|>"
    "{% elif enable_thinking is false %}<think></think>{% else %}<think>{% endif %}{% endif %}"
)
_ADDED = ("<|im_start|>", "<|im_end|>", "<|act|>", "<think>", "</think>", "<tool_call>", "</tool_call>")


def make_scripted_model(path: Path, context_tokens: int = 4096) -> None:
    """Write the model's file. The vocabulary is fetched if it is not in the cache."""
    source = read_vocabulary(llama_cpp_models() / "ggml-vocab-gpt-2.gguf")
    vocabulary = source.with_tokens(_ADDED).with_template(_TEMPLATE).with_end("<|im_end|>")
    embeddings, output = _weights(vocabulary)
    tensors = []
    for tensor in random_tensors(vocabulary, 0):
        if tensor.name == "token_embd.weight":
            tensor = GGUFTensor(tensor.name, embeddings)
        elif tensor.name == "output.weight":
            tensor = GGUFTensor(tensor.name, output)
        elif tensor.name.endswith("ffn_down.weight"):
            tensor = GGUFTensor(tensor.name, np.zeros_like(tensor.values))
        tensors.append(tensor)
    write_gguf(path, vocabulary, tensors, context_tokens)


def _weights(vocabulary: CopiedVocabulary) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The embeddings and the output matrix, so that each step of the script, and what closes JSON, is likely."""
    token_of = {_decoded(text): token for token, text in enumerate(vocabulary.texts)}
    embeddings = np.zeros((len(vocabulary.texts), WIDTH), np.float32)
    embeddings[:, 0] = CONSTANT
    output = np.zeros_like(embeddings)
    unscripted = CONSTANT / _rms(embeddings[0])
    for logit, texts in ((_OPENING, _OPENERS), (_CLOSING, _CLOSERS), (_ENDING, ["<|im_end|>"])):
        output[[token_of[text] for text in texts], 0] = logit / unscripted
    for index, (previous, following) in enumerate(_steps(token_of), start=1):
        tokens = [token_of[text] for text in previous]
        embeddings[tokens, index] = CONSTANT
        scripted = CONSTANT / _rms(embeddings[tokens[0]])
        output[token_of[following], index] = _LIKELY / scripted
        if following == VALUE:
            output[[token_of[text] for text in _TOOLS], index] = _LIKED / scripted
    return embeddings, output


def _steps(token_of: dict[str, int]) -> list[tuple[list[str], str]]:
    """Which tokens are followed by which."""
    steps = []
    for script in (_THOUGHT_TOKENS, _WORD_TOKENS, _CALL_TOKENS):
        steps += [([before], after) for before, after in pairwise(script)]
    opening = [text for text in token_of if text.endswith('"') and not set(text) - set('{[:," ')]
    return [*steps, (opening, VALUE), ([VALUE], '"')]


def _rms(row: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(row**2)))


def _decoded(text: str) -> str:
    return text.replace("Ġ", " ")
