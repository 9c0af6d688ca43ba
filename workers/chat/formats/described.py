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
