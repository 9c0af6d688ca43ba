"""Chat templates of our own, one for each way in which models write thoughts and calls."""

from __future__ import annotations

from workers.chat.program import ChatProgram

_HEAD = """{%- if tools %}<|sys|>Functions:
{% for tool in tools %}{{ tool | tojson }}
{% endfor %}<|stop|>{% endif %}"""


def _turns(assistant: str, generation: str = "<|bot|>") -> str:
    return (
        _HEAD
        + """{%- for m in messages %}
{%- if m.role == 'assistant' %}<|bot|>"""
        + assistant
        + """<|stop|>
{%- elif m.role == 'tool' %}<|result|>{{ m.content }}<|stop|>
{%- else %}<|{{ m.role }}|>{{ m.content }}<|stop|>{% endif %}{% endfor %}
{%- if add_generation_prompt %}"""
        + generation
        + "{% endif %}"
    )


_CALLS = "{% for c in m.tool_calls or [] %}{% set f = c.function %}"

JSON_CALLS = _turns(
    "{{ m.content }}" + _CALLS + "\n<call>{{ {'name': f.name, 'arguments': f.arguments} | tojson }}</call>{% endfor %}"
)
JSON_ARRAY = _turns(
    "{{ m.content }}{% if m.tool_calls %}[CALLS][{% for c in m.tool_calls %}"
    "{{ {'name': c.function.name, 'args': c.function.arguments, 'id': c.id} | tojson }}"
    "{% if not loop.last %}, {% endif %}{% endfor %}]{% endif %}"
)
NAME_IS_KEY = _turns(
    "{{ m.content }}{% if m.tool_calls %}<|tools|>[{% for c in m.tool_calls %}"
    "{{ {c.function.name: c.function.arguments} | tojson }}{% if not loop.last %}, {% endif %}"
    "{% endfor %}]<|/tools|>{% endif %}"
)
JSON_INSIDE = _turns(
    "{{ m.content }}"
    + _CALLS
    + "<call>{{ {'type': 'function', 'function': {'name': f.name, 'parameters': f.arguments}}"
    " | tojson }}</call>{% endfor %}"
)
NAMED_JSON = _turns(
    "{{ m.content }}{% if m.tool_calls %}<|calls|>"
    + _CALLS
    + "<|call|>functions.{{ f.name }}:{{ loop.index0 }}<|args|>"
    "{{ f.arguments | tojson }}<|/call|>{% endfor %}<|/calls|>{% endif %}"
)
TAGGED = _turns(
    "{{ m.content }}"
    + _CALLS
    + "\n<call>\n<function={{ f.name }}>\n{% for k, v in f.arguments.items() %}<parameter={{ k }}>\n"
    "{{ v if v is string else v | tojson }}\n</parameter>\n{% endfor %}</function>\n</call>{% endfor %}"
)
KEY_AND_VALUE = _turns(
    "{{ m.content }}" + _CALLS + "<call>{{ f.name }}{% for k, v in f.arguments.items() %}<key>{{ k }}</key><value>"
    "{{ v if v is string else v | tojson }}</value>{% endfor %}</call>{% endfor %}"
)
TYPED = _turns(
    "{{ m.content }}{% if m.tool_calls %}\n<calls>\n" + _CALLS + '<invoke name="{{ f.name }}">\n'
    "{% for k, v in f.arguments.items() %}<param name=\"{{ k }}\" text=\"{{ 'yes' if v is string else 'no' }}\">"
    "{{ v if v is string else v | tojson }}</param>\n{% endfor %}</invoke>\n{% endfor %}</calls>{% endif %}"
)
CDATA = _turns(
    "{{ m.content }}" + _CALLS + '<function name="{{ f.name }}">{% for k, v in f.arguments.items() %}'
    '{% set t = v if v is string else v | tojson %}<param name="{{ k }}">'
    "{% if '<' in t %}<![CDATA[{{ t }}]]>{% else %}{{ t }}{% endif %}</param>{% endfor %}</function>{% endfor %}"
)
DICT = _turns(
    """{% macro show(v) %}{% if v is string %}<|q|>{{ v }}<|q|>{% elif v is mapping %}{{ '{' }}"""
    """{% for k, x in v.items() %}"""
    """{{ k }}:{{ show(x) }}{% if not loop.last %},{% endif %}{% endfor %}{{ '}' }}"""
    """{% elif v is iterable %}[{% for x in v %}"""
    """{{ show(x) }}{% if not loop.last %},{% endif %}{% endfor %}]{% else %}{{ v | tojson }}"""
    """{% endif %}{% endmacro %}"""
    "{{ m.content }}" + _CALLS + "<|call>call:{{ f.name }}{{ show(f.arguments) }}<call|>{% endfor %}"
)
PYTHON = _turns(
    "{{ m.content }}{% if m.tool_calls %}<|run|>[" + _CALLS + "{{ f.name }}({% for k, v in f.arguments.items() %}"
    "{{ k }}={{ v | tojson }}{% if not loop.last %}, {% endif %}{% endfor %}){% if not loop.last %}"
    ", {% endif %}{% endfor %}]<|/run|>{% endif %}"
)
UNMARKED = _turns(
    "{% if m.tool_calls %}{% if m.tool_calls | length > 1 %}{{ raise_exception('one call at a time') }}{% endif %}"
    "{% set f = m.tool_calls[0].function %}{{ {'name': f.name, 'parameters': f.arguments} | tojson }}"
    "{% else %}{{ m.content }}{% endif %}"
)
TEXT_ARGUMENTS = _turns(
    "{{ m.content }}" + _CALLS + '<call>{"name": "{{ f.name }}", "arguments": {{ f.arguments }}}</call>{% endfor %}'
)

CALL_TEMPLATES = {
    "json": JSON_CALLS,
    "json array": JSON_ARRAY,
    "name is key": NAME_IS_KEY,
    "json inside": JSON_INSIDE,
    "named json": NAMED_JSON,
    "tagged": TAGGED,
    "key and value": KEY_AND_VALUE,
    "typed": TYPED,
    "cdata": CDATA,
    "dict": DICT,
    "python": PYTHON,
    "unmarked": UNMARKED,
    "text arguments": TEXT_ARGUMENTS,
}
"""Templates by the way in which their models write calls."""

_THOUGHT = "{% if m.reasoning_content %}<think>\n{{ m.reasoning_content }}\n</think>\n\n{% endif %}{{ m.content }}"
THINKS = _turns(_THOUGHT)
THINKS_IN_PROMPT = _turns(
    _THOUGHT, "<|bot|>{% if enable_thinking is false %}<think>\n\n</think>\n\n{% else %}<think>\n{% endif %}"
)
THINKS_IF_ASKED = _turns(_THOUGHT, "<|bot|>{% if enable_thinking %}<think>\n{% else %}<think></think>{% endif %}")
THINKS_IN_PARTS = _turns(
    "{% if m.content is string %}{{ m.content }}{% else %}{% for p in m.content %}"
    "{% if p.type == 'thinking' %}[THINK]{{ p.thinking }}[/THINK]{% else %}{{ p.text }}{% endif %}"
    "{% endfor %}{% endif %}"
)
FORGETS_THOUGHTS = _turns("{{ m.content.split('</think>')[-1] }}")
WRAPS_WORDS = _turns(
    "{% if m.reasoning_content %}<|think|>{{ m.reasoning_content }}<|/think|>{% endif %}"
    "{% if m.tool_calls %}<|act|>[{% for c in m.tool_calls %}"
    "{{ {'name': c.function.name, 'arguments': c.function.arguments} | tojson }}"
    "{% if not loop.last %}, {% endif %}{% endfor %}]<|/act|>{% else %}<|say|>{{ m.content }}<|/say|>{% endif %}"
)
PLAIN = _turns("{{ m.content }}")
STRICT = """{%- if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}
{%- for m in messages %}
{%- if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('user and model in turn') }}{% endif %}
{{- '<|' ~ m.role ~ '|>' ~ m.content ~ '<|stop|>' }}{% endfor %}<|assistant|>"""
"""Takes no system message, and users and assistants only in turn."""


_JSON_CALL = "<call>{{ {'name': f.name, 'arguments': f.arguments} | tojson }}</call>{% endfor %}"
NAMING_IDS = _turns(
    "{{ m.content }}" + _CALLS + "<|call|>{{ c.id }}<|args|>{{ f.arguments | tojson }}<|/call|>{% endfor %}"
).replace("{{ m.content }}<|stop|>\n{%- else", "{{ m.tool_call_id }}: {{ m.content }}<|stop|>\n{%- else")
"""Only the ids of calls tell which function they call."""
CALLS_OR_WORDS = _turns("{% if m.content %}{{ m.content }}{% else %}" + _CALLS + _JSON_CALL + "{% endif %}")
"""Loses the calls of messages that have words too."""
FIRST_CALL = _turns("{{ m.content }}" + _CALLS.replace("m.tool_calls or []", "(m.tool_calls or [])[:1]") + _JSON_CALL)
"""Loses all calls of a message but the first."""
CALLS_FOR_TOOLS = _turns("{{ m.content }}{% if tools %}" + _CALLS + _JSON_CALL + "{% endif %}")
"""Loses calls if the prompt has no tools."""
SYSTEM_FOR_USER = """{% for m in messages %}{% if m.role != 'system' %}{{ '<|' ~ m.role ~ '|>' }}
{%- if loop.last and m.role == 'user' and messages[0].role == 'system' %}{{ messages[0].content }}: {% endif %}
{{- m.content }}<|stop|>{% endif %}{% endfor %}<|assistant|>"""
"""Shows the system message only beside the user's last words."""
TOOLS_BY_SYSTEM = """{% for m in messages %}{{ '<|' ~ m.role ~ '|>' ~ m.content }}
{%- if m.role == 'system' and tools %}{{ tools | tojson }}{% endif %}<|stop|>{% endfor %}<|assistant|>"""
"""Shows tools only behind a system message."""
WRAPPED_BY_CALLS = _turns(
    "{% if m.tool_calls %}<|aside|>{{ m.content }}<|/aside|>"
    + _CALLS
    + "{{ {'name': f.name, 'parameters': f.arguments} | tojson }}{% endfor %}{% else %}{{ m.content }}{% endif %}"
)
"""Sets words off only if calls follow them."""
INDENTED = """{% for m in messages %}
    {% if m.role == 'assistant' %}
        {{ '<|bot|>' ~ m.content ~ '<|stop|>' }}
    {% else %}
        {{ '<|' ~ m.role ~ '|>' ~ m.content ~ '<|stop|>' }}
    {% endif %}
{% endfor %}
{% if add_generation_prompt %}
            {{ '<|bot|>' }}
{% endif %}"""
"""Ends prompts with other white space than it has before answers."""
PLANS = _turns(
    "{% if m.tool_calls %}<|plan|>{{ m.tool_plan }}<|/plan|>"
    + _CALLS
    + _JSON_CALL
    + "{% else %}{{ m.content }}{% endif %}"
)
"""Takes thoughts only beside calls, as plans."""
FORGETS_A_QUOTE = _turns(
    "{{ m.content }}"
    + _CALLS
    + '\n<tool_call>\n{"name": "{{ f.name }}, "arguments": {{ f.arguments | tojson }}}\n</tool_call>{% endfor %}'
)
BRACKETS_END_TURNS = PLAIN.replace("<|stop|>", "[|stop|]")


def program(source: str) -> ChatProgram:
    """The program of a template."""
    return ChatProgram(source, "<s>", "</s>")
