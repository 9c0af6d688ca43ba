"""The grammar of an answer: what a request demands of it, in its model's own format."""

from __future__ import annotations

import json
from typing import Any

from shared.wire.jobs import ToolChoice
from workers.chat.formats.chat_format import ChatFormat
from workers.chat.formats.writing import write_words
from workers.chat.grammar.answers import answer_grammar
from workers.chat.grammar.rules import AnswerRules
from workers.text.constraints.compiler import GrammarCompiler, tool_schema
from workers.text.constraints.constraint import TokenConstraint
from workers.text.constraints.tool_schemas import prepare_tools
from workers.text.sandbox.messages import Compile
from workers.text.vocabulary import Vocabulary

_DEMANDED = "demanded"
"""The name of the grammar that the request demands, within that of the whole answer."""


class AnswerGrammars:
    """Compiles the grammars of one model's answers."""

    def __init__(self, vocabulary: Vocabulary, compiler: GrammarCompiler) -> None:
        self._vocabulary = vocabulary
        self._compiler = compiler
        special = vocabulary.special_texts()
        self._special_texts = sorted(text for text in special.control | special.user_defined if len(text) > 1)

    def constraint(self, task: Compile) -> TokenConstraint:
        """The constraint of an answer.

        Raises:
            JobError: 400, the grammar or a schema is wrong.
        """
        demanded = None if task.constraint is None else self._compiler.compile(task.constraint)
        if task.chat_format is None:
            assert demanded is not None
            return demanded
        tools = prepare_tools(_functions(task), self._compiler)
        rules = AnswerRules(
            functions=tools.schemas,
            parallel=task.parallel_tool_calls,
            required=task.tool_choice in (ToolChoice.REQUIRED, ToolChoice.NAMED),
            demanded=None if demanded is None else f"@{_DEMANDED}",
            opened=task.opened,
            thinks=task.thinks,
        )
        grammar = answer_grammar(
            task.chat_format,
            rules,
            self._vocabulary.special_token,
            self._markers(task.chat_format),
            tool_schema,
            self._compiler.short_arguments,
        )
        endings = grammar.endings
        if demanded is None:
            return self._compiler.constrain(grammar.text, task.param, endings, tools.warnings)
        if (closing := demanded.grammar.closing) is not None:
            text = b"".join(map(self._vocabulary.piece, closing)).decode("utf-8", "replace")
            answer = write_words(task.chat_format, text)
            endings = [*endings, text, answer, f"{task.chat_format.thought_end.strip()}{answer}"]
        source = _with_demanded(grammar.text, demanded.grammar.source)
        return self._compiler.constrain(source, task.param, endings, tools.warnings)

    def _markers(self, chat_format: ChatFormat) -> list[str]:
        """The special tokens of the format's markers."""
        everything = "\0".join(chat_format.markers())
        return [text for text in self._special_texts if text in everything]


def _functions(task: Compile) -> list[dict[str, Any]]:
    """The functions that may be called."""
    functions = [tool["function"] for tool in task.tools]
    if task.tool_choice is ToolChoice.NAMED:
        return [function for function in functions if function["name"] == task.tool_name]
    return functions


def _with_demanded(answer: str, demanded: str) -> str:
    """A grammar of answers in Lark, together with the one that it refers to."""
    try:
        parts = json.loads(demanded)["grammars"]
    except ValueError:
        parts = [{"lark_grammar": demanded}]
    named = [{**parts[0], "name": _DEMANDED}, *parts[1:]]
    return json.dumps({"grammars": [{"name": "answer", "lark_grammar": answer}, *named]})
