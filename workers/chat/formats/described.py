"""Formats that templates do not show, by the markers that tell them."""

from __future__ import annotations

from workers.chat.formats.chat_format import (
    CallFormat,
    CallKind,
    ChatFormat,
    JsonKeys,
    Pair,
    ParameterFormat,
    PartsFormat,
    Recipients,
)


def told(text: str) -> CallFormat | None:
    """The format of calls that a prompt with tools or its template's text tells of, if it is one of these."""
    return next((calls for markers, calls in _TOLD if all(marker in text for marker in markers)), None)


def described(source: str) -> ChatFormat | None:
    """The format that this template's model writes, if it is one of those."""
    for markers, chat_format in _DESCRIBED:
        if all(marker in source for marker in markers):
            return chat_format
    return None


_GPT_OSS = ChatFormat(
    parts=PartsFormat(
        Recipients.CHANNELS,
        "<|start|>assistant",
        "<|message|>",
        ("<|end|>", "<|call|>", "<|return|>"),
        thoughts=("analysis",),
        words=("final", "commentary"),
        prefix="functions.",
    )
)

_MUSE = ChatFormat(
    calls=CallFormat(
        CallKind.TAGGED,
        Pair("<atem:function_calls>\n", "</atem:function_calls>"),
        Pair('<atem:invoke name="', "</atem:invoke>\n"),
        after_name='">\n',
        parameter=ParameterFormat('<atem:parameter name="', '">', "</atem:parameter>\n"),
    ),
    parts=PartsFormat(
        Recipients.TO,
        "<|start|>assistant",
        "<|message|>",
        ("<|eom|>", "<|eot|>"),
        thoughts=("self",),
        words=("user",),
    ),
)

_FUNCTIONARY = ChatFormat(parts=PartsFormat(Recipients.NAME, ">>>", "\n", ("<|eot_id|>",), thoughts=(), words=("all",)))

_KIMI_K3 = ChatFormat(
    thought=Pair("<|open|>think<|sep|>", "<|close|>think<|sep|>"),
    words=Pair("<|open|>response<|sep|>", "<|close|>response<|sep|>"),
    calls=CallFormat(
        CallKind.TAGGED,
        Pair("<|open|>tools<|sep|>", "<|close|>tools<|sep|>"),
        Pair('<|open|>call tool="', "<|close|>call<|sep|>"),
        after_name='" index="{id}"<|sep|>',
        parameter=ParameterFormat(
            '<|open|>argument key="',
            '" type="{type}"<|sep|>',
            "<|close|>argument<|sep|>",
            types={
                "string": "string",
                "integer": "number",
                "number": "number",
                "boolean": "boolean",
                "null": "null",
                "array": "array",
                "object": "object",
            },
        ),
    ),
    turn_end="<|close|>message<|sep|>",
)

_MINIMAX_M3 = ChatFormat(
    thought=Pair("<mm:think>", "</mm:think>"),
    calls=CallFormat(
        CallKind.TAGGED,
        Pair("]<]minimax[>[<tool_call>\n", "]<]minimax[>[</tool_call>"),
        Pair(']<]minimax[>[<invoke name="', "]<]minimax[>[</invoke>\n"),
        after_name='">',
        parameter=ParameterFormat("]<]minimax[>[<{key}>", "", "]<]minimax[>[</{key}>", nested=True),
    ),
)

_LFM2 = ChatFormat(
    calls=CallFormat(
        CallKind.PYTHON,
        Pair("<|tool_call_start|>", "<|tool_call_end|>"),
        separator=", ",
        keys=JsonKeys(array=True),
    )
)

_GRANITE_33 = ChatFormat(
    thought=Pair("<think>", "</think>"),
    words=Pair("<response>", "</response>"),
    calls=CallFormat(CallKind.JSON, Pair("<|tool_call|>"), separator=", ", keys=JsonKeys(array=True)),
)

_DESCRIBED: tuple[tuple[tuple[str, ...], ChatFormat], ...] = (
    (("<|channel|>", "<|message|>", "analysis", "commentary"), _GPT_OSS),
    (("<atem:", "<|message|>", "to=self"), _MUSE),
    ((">>>all", ">>>"), _FUNCTIONARY),
    (("<|open|>", "<|close|>", "<|sep|>", "'response'"), _KIMI_K3),
    (("]<]minimax[>[",), _MINIMAX_M3),
    (("<|tool_list_start|>",), _LFM2),
    (("List of tools: [", "keep_past_thinking"), _LFM2),
    (("<|tool_call|> followed by a JSON list", "<think></think>"), _GRANITE_33),
)
"""Texts that are all in a template's source, and what its model writes."""

_GRANITE_31 = CallFormat(CallKind.JSON, Pair("<|tool_call|>"), separator=", ", keys=JsonKeys(array=True))

_GLM_TAGS = CallFormat(
    CallKind.TAGGED,
    call=Pair("<tool_call>", "</tool_call>"),
    separator="\n",
    after_name="\n",
    parameter=ParameterFormat("<arg_key>", "</arg_key>\n<arg_value>", "</arg_value>\n"),
)

_FUNCTION_TAGS = CallFormat(
    CallKind.TAGGED,
    call=Pair("<tool_call>\n<function=", "</function>\n</tool_call>"),
    separator="\n",
    after_name=">\n",
    parameter=ParameterFormat("<parameter=", ">\n", "\n</parameter>\n"),
)

_HERMES = CallFormat(CallKind.JSON, call=Pair("<tool_call>\n", "\n</tool_call>"), separator="\n")

_FUNCTION_GEMMA = CallFormat(
    CallKind.DICT, call=Pair("<start_function_call>call:", "<end_function_call>"), quote="<escape>"
)

_LLAMA = CallFormat(CallKind.JSON, keys=JsonKeys(arguments="parameters"), parallel=False)

_NAME_AND_LINE = CallFormat(CallKind.NAMED_JSON, after_name="\n", parallel=False)

_PYTHON_LIST = CallFormat(CallKind.PYTHON, separator=", ", keys=JsonKeys(array=True))

_TOLD: tuple[tuple[tuple[str, ...], CallFormat], ...] = (
    (("<tool_call>", "<arg_key>", "<arg_value>"), _GLM_TAGS),
    (("<tool_call>", "<function=", "<parameter="), _FUNCTION_TAGS),
    (("<|tool_call|>",), _GRANITE_31),
    (("<|start_of_role|>available_tools",), _GRANITE_31),
    (("<start_function_call>", "<escape>"), _FUNCTION_GEMMA),
    (("<tool_call>", "</tool_call>"), _HERMES),
    (("在调用上述函数时", "Json 格式表示调用的参数"), _NAME_AND_LINE),
    (('{"name": function name, "parameters": dictionary of argument name and its value}',), _LLAMA),
    (("[func_name1(params_name1=params_value1",), _PYTHON_LIST),
)
"""Texts that are all in a prompt with tools or in its template, and what the model then writes."""
