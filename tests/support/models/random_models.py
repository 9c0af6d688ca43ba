"""Small models with random weights, one for each way in which models write, with real vocabularies.

The templates are our own. Their markers are special tokens of the vocabulary, or are added to it as such, but where
models write them as text.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from scripts.llama_cpp_models import llama_cpp_models
from scripts.make_gguf import make_gguf

_CALLS = "{% for c in m.tool_calls or [] %}{% set f = c.function %}"
_OBJECT = "{{ {'name': f.name, 'arguments': f.arguments} | tojson }}"


def _chat(turn: str, end: str, answer: str, prompt: str = "", bot: str = "assistant") -> str:
    """A template: ``turn`` begins one of ``{{ role }}``, ``answer`` is an assistant's, ``prompt`` begins the next."""
    return (
        f"{{%- macro begin(role) %}}{turn}{{% endmacro %}}"
        f"{{%- if tools %}}{{{{ begin('system') }}}}Functions: {{{{ tools | tojson }}}}{end}{{% endif %}}"
        f"{{%- for m in messages %}}{{% if m.role == 'assistant' %}}{{{{ begin('{bot}') }}}}{answer}{end}"
        f"{{%- else %}}{{{{ begin(m.role) }}}}{{{{ m.content }}}}{end}{{% endif %}}{{% endfor %}}"
        f"{{%- if add_generation_prompt %}}{{{{ begin('{bot}') }}}}{prompt}{{% endif %}}"
    )


_UNMARKED = _chat(
    "<|start_header_id|>{{ role }}<|end_header_id|>\n\n",
    "<|eot_id|>",
    "{% if m.tool_calls %}{% if m.tool_calls | length > 1 %}{{ raise_exception('one call at a time') }}{% endif %}"
    "{% set f = m.tool_calls[0].function %}{{ {'name': f.name, 'parameters': f.arguments} | tojson }}"
    "{% else %}{{ m.content }}{% endif %}",
)

_THOUGHT = "{% if m.reasoning_content %}<think>\n{{ m.reasoning_content }}\n</think>\n\n{% endif %}"
_CLOSED = "{% if enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}"

_HERMES = _chat(
    "<|im_start|>{{ role }}\n",
    "<|im_end|>\n",
    f"{_THOUGHT}{{{{ m.content }}}}{_CALLS}\n<tool_call>\n{_OBJECT}\n</tool_call>{{% endfor %}}",
    _CLOSED,
)

_MISTRAL = (
    "{{ bos_token }}{% if tools %}[AVAILABLE_TOOLS]{{ tools | tojson }}[/AVAILABLE_TOOLS]{% endif %}"
    "{% for m in messages %}{% if m.role == 'assistant' %}{% if m.tool_calls %}[TOOL_CALLS][{% for c in m.tool_calls %}"
    "{% if c.id | length != 9 %}{{ raise_exception('ids have nine characters') }}{% endif %}"
    "{{ {'name': c.function.name, 'arguments': c.function.arguments, 'id': c.id} | tojson }}"
    "{% if not loop.last %}, {% endif %}{% endfor %}]{% else %}{{ m.content }}{% endif %}</s>"
    "{% elif m.role == 'tool' %}[TOOL_RESULTS]{{ m.content }}[/TOOL_RESULTS]"
    "{% else %}[INST]{{ m.content }}[/INST]{% endif %}{% endfor %}"
)

_NAMED = _chat(
    "<|User|>{{ role }}: ",
    "<|EOT|>",
    "{% if m.reasoning_content %}<think>{{ m.reasoning_content }}</think>{% endif %}{{ m.content }}"
    "{% if m.tool_calls %}<|list|>"
    + _CALLS
    + "<|item|>{{ f.name }}:{{ loop.index0 }}<|args|>{{ f.arguments | tojson }}<|/item|>{% endfor %}<|/list|>"
    "{% endif %}",
    "{% if enable_thinking is false %}</think>{% else %}<think>{% endif %}",
)

_TAGGED = _chat(
    "<|{{ role }}|>\n",
    "<|end|>\n",
    f"{_THOUGHT}{{{{ m.content }}}}{_CALLS}\n<call>\n<function={{{{ f.name }}}}>\n"
    "{% for k, v in f.arguments.items() %}<parameter={{ k }}>\n{{ v if v is string else v | tojson }}\n</parameter>\n"
    "{% endfor %}</function>\n</call>{% endfor %}",
    "{% if enable_thinking is false %}<think>\n\n</think>\n\n{% else %}<think>\n{% endif %}",
)

_PYTHON = _chat(
    "<|turn|>{{ role }}\n",
    "<|stop|>",
    "{{ m.content }}{% if m.tool_calls %}<|run|>[" + _CALLS + "{{ f.name }}({% for k, v in f.arguments.items() %}"
    "{{ k }}={{ v | tojson }}{% if not loop.last %}, {% endif %}{% endfor %}){% if not loop.last %}, {% endif %}"
    "{% endfor %}]<|/run|>{% endif %}",
)

_DICT = (
    """{% macro show(v) %}{% if v is string %}<|"|>{{ v }}<|"|>{% elif v is mapping %}{{ '{' }}"""
    """{% for k, x in v.items() %}{{ k }}:{{ show(x) }}{% if not loop.last %},{% endif %}{% endfor %}{{ '}' }}"""
    """{% elif v is iterable %}[{% for x in v %}{{ show(x) }}{% if not loop.last %},{% endif %}{% endfor %}]"""
    """{% else %}{{ v | tojson }}{% endif %}{% endmacro %}"""
) + _chat(
    "<|turn>{{ role }}\n",
    "<turn|>\n",
    "{% if m.reasoning_content %}<|channel>thought\n{{ m.reasoning_content }}<channel|>{% endif %}{{ m.content }}"
    + _CALLS
    + "<|tool_call>call:{{ f.name }}{{ show(f.arguments) }}<tool_call|>{% endfor %}",
    "{% if not enable_thinking %}<|channel>thought\n<channel|>{% endif %}",
    bot="model",
)

_CHANNELS = (
    "{%- macro begin(role) %}<|start|>{{ role }}{% endmacro %}"
    "{%- if tools %}{{ begin('developer') }}<|message|>Answer in analysis, commentary or final. Functions: "
    "{{ tools | tojson }}<|end|>{% endif %}"
    "{%- for m in messages %}{% if m.role == 'assistant' %}"
    "{% if m.reasoning_content %}<|start|>assistant<|channel|>analysis<|message|>"
    "{{ m.reasoning_content }}<|end|>{% endif %}"
    "{% for c in m.tool_calls or [] %}<|start|>assistant<|channel|>commentary to=functions.{{ c.function.name }} "
    "<|constrain|>json<|message|>{{ c.function.arguments | tojson }}<|call|>{% else %}"
    "<|start|>assistant<|channel|>final<|message|>{{ m.content }}<|end|>{% endfor %}"
    "{%- else %}{{ begin(m.role) }}<|message|>{{ m.content }}<|end|>{% endif %}{% endfor %}"
    "{%- if add_generation_prompt %}<|start|>assistant{% endif %}"
)


@dataclass(frozen=True, slots=True)
class RandomModel:
    """A model: its way to write, its vocabulary and what is added to that, and the thoughts that it may have.

    ``switch`` says whether ``enable_thinking`` turns them on and off.
    """

    name: str
    vocabulary: str
    template: str
    added: tuple[str, ...] = ()
    end: str | None = None
    thinks: bool = False
    switch: bool = True


RANDOM_MODELS = (
    RandomModel("unmarked-json", "llama-bpe", _UNMARKED),
    RandomModel("hermes", "qwen2", _HERMES, ("<think>", "</think>", "<tool_call>", "</tool_call>"), thinks=True),
    RandomModel("mistral", "llama-spm", _MISTRAL, ("[TOOL_CALLS]", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]")),
    RandomModel(
        "named-json",
        "deepseek-coder",
        _NAMED,
        ("<think>", "</think>", "<|list|>", "<|item|>", "<|args|>", "<|/item|>", "<|/list|>"),
        end="<|EOT|>",
        thinks=True,
    ),
    RandomModel("tagged", "phi-3", _TAGGED, ("<think>", "</think>"), thinks=True),
    RandomModel("python", "gpt-2", _PYTHON, ("<|turn|>", "<|stop|>", "<|run|>", "<|/run|>"), end="<|stop|>"),
    RandomModel("dict", "gemma-4", _DICT, thinks=True),
    RandomModel(
        "channels",
        "starcoder",
        _CHANNELS,
        ("<|start|>", "<|message|>", "<|channel|>", "<|constrain|>", "<|call|>", "<|return|>", "<|end|>"),
        end="<|return|>",
        thinks=True,
        switch=False,
    ),
)
"""A model for each kind."""


def make_models(folder: Path, models: Iterable[RandomModel] = RANDOM_MODELS) -> list[Path]:
    """The files of these models, named after them. The vocabularies are fetched if they are not in the cache."""
    vocabularies = llama_cpp_models()
    paths = []
    for model in models:
        path = folder / f"{model.name}.gguf"
        source = vocabularies / f"ggml-vocab-{model.vocabulary}.gguf"
        make_gguf(path, source, model.template, added=model.added, end=model.end)
        paths.append(path)
    return paths
