"""Chat templates for models without one, and for ``--chat-template NAME``."""

from __future__ import annotations

from collections.abc import Callable

_CHATML = """{%- for message in messages -%}
<|im_start|>{{ message['role'] }}
{{ message['content'] }}<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}
<|im_start|>assistant
{% endif -%}"""

_LLAMA2 = """{%- set system = namespace(text='') -%}
{%- for message in messages -%}
{%- if message['role'] == 'system' -%}
{%- set system.text = '<<SYS>>\n' + message['content'] + '\n<</SYS>>\n\n' -%}
{%- elif message['role'] == 'user' -%}
{{ bos_token + '[INST] ' + system.text + message['content'] + ' [/INST]' }}
{%- set system.text = '' -%}
{%- else -%}
{{ ' ' + message['content'] + ' ' + eos_token }}
{%- endif -%}
{%- endfor -%}"""

_LLAMA3 = """{{- bos_token -}}
{%- for message in messages -%}
{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + message['content'] + '<|eot_id|>' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{%- endif -%}"""

_GEMMA = """{{- bos_token -}}
{%- for message in messages -%}
{%- if message['role'] == 'system' -%}{{ raise_exception('system messages are not supported') }}{%- endif -%}
{%- set role = 'model' if message['role'] == 'assistant' else message['role'] -%}
{{ '<start_of_turn>' + role + '\n' + message['content'] + '<end_of_turn>\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<start_of_turn>model\n' }}{%- endif -%}"""

_ZEPHYR = """{%- for message in messages -%}
{{ '<|' + message['role'] + '|>\n' + message['content'] + eos_token + '\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|assistant|>\n' }}{%- endif -%}"""

_PLAIN = """{%- for message in messages -%}
{%- if message['role'] == 'system' -%}{{ message['content'] + '\n\n' }}
{%- else -%}{{ message['role'] | capitalize + ': ' + message['content'] + '\n' }}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ 'Assistant:' }}{%- endif -%}"""

BUILTIN_TEMPLATES: dict[str, str] = {
    "chatml": _CHATML,
    "llama2": _LLAMA2,
    "llama3": _LLAMA3,
    "gemma": _GEMMA,
    "zephyr": _ZEPHYR,
    "plain": _PLAIN,
}
"""Jinja sources by name."""

BUILTIN_STOPS: dict[str, tuple[str, ...]] = {"plain": ("\nUser:",)}
"""Strings that end a turn, for templates that do not end it with a special token."""

_BY_TOKEN = {
    "<|im_start|>": "chatml",
    "<|start_header_id|>": "llama3",
    "<start_of_turn>": "gemma",
}


def guess_template(is_special: Callable[[str], bool]) -> str:
    """The name of the template that fits a vocabulary's special tokens; ``plain`` if none does."""
    return next((name for token, name in _BY_TOKEN.items() if is_special(token)), "plain")
