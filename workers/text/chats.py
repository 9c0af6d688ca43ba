"""A worker's side of chats: what is rendered, and how answers are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shared.wire.jobs import ReasoningEffort, ReasoningFormat, TextJob, ToolChoice
from workers.chat.formats.chat_format import ChatFormat
from workers.chat.model_chat import Prompt, answer_parser
from workers.chat.parsing.answer import AnswerParser
from workers.text.sandbox.messages import Compile, Render, Template
from workers.text.vocabulary import Vocabulary

THINKING_KEYS = ("enable_thinking", "thinking")
"""Variables by which templates turn thoughts on and off."""

UNLIMITED = -1


@dataclass(frozen=True, slots=True)
class ReasoningOptions:
    """What holds for requests that do not say: ``effort`` None is what the template does by itself."""

    effort: ReasoningEffort | None = None
    format: ReasoningFormat = ReasoningFormat.AUTO
    budget_tokens: int = UNLIMITED


@dataclass(frozen=True, slots=True)
class ThinkingBudget:
    """How many tokens a thought may have, and the tokens that end it then."""

    tokens: int
    end: list[int]


@dataclass(frozen=True, slots=True)
class AnswerReading:
    """How an answer is read. ``shown`` are the special tokens whose texts count."""

    parser: AnswerParser | None = None
    shown: frozenset[int] = frozenset()
    budget: ThinkingBudget | None = None


class ModelChats:
    """The chats of one model.

    Args:
        vocabulary: its tokens.
        plain: its template.
        with_tools: its template for chats with tools.
        stop: strings that end a turn.
        reasoning: the defaults.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        plain: Template,
        with_tools: Template,
        stop: tuple[str, ...],
        reasoning: ReasoningOptions,
    ) -> None:
        self.stop = stop
        self._vocabulary = vocabulary
        self._plain, self._with_tools = plain, with_tools
        self._reasoning = reasoning
        self._markers = {
            template.source: vocabulary.tokens_in(template.chat.format.markers()) for template in (plain, with_tools)
        }

    @property
    def thinks(self) -> bool:
        """Whether the model may think before it answers."""
        return any(template.chat.format.thinks for template in (self._plain, self._with_tools))

    def rendering(self, job: TextJob) -> Render:
        """The task that renders a job's prompt."""
        assert job.messages is not None
        tools = [_without_strict(tool) for tool in offered_tools(job)]
        return Render(self._template(job), job.messages, tools, self._template_options(job), job.continues)

    def grammar(self, job: TextJob, prompt: Prompt | None) -> Compile | None:
        """The task that compiles the grammar of a job's answer, if it has one. Without a chat there is no prompt."""
        tools = offered_tools(job)
        if not tools and job.constraint is None:
            return None
        if prompt is None:
            return Compile(job.constraint)
        chat_format = self._template(job).chat.format
        thinks = prompt.thinks and not self._suppresses_thoughts(job)
        if not tools and not (prompt.opened or thinks or chat_format.words or chat_format.parts):
            return Compile(job.constraint)
        return Compile(
            job.constraint,
            tools,
            job.tool_choice,
            job.tool_name,
            job.parallel_tool_calls,
            chat_format,
            prompt.opened,
            thinks,
        )

    def reading(self, job: TextJob, prompt: Prompt) -> AnswerReading:
        """How the answer to a chat is read."""
        template, tools = self._template(job), offered_tools(job)
        chat_format = template.chat.format
        keeps_thoughts = (job.reasoning_format or self._reasoning.format) is ReasoningFormat.NONE
        parser = answer_parser(chat_format, prompt, tools, keeps_thoughts)
        return AnswerReading(parser, self._markers[template.source], self._budget(job, chat_format))

    def _template(self, job: TextJob) -> Template:
        with_calls = any(message["role"] == "tool" or message.get("tool_calls") for message in job.messages or [])
        return self._with_tools if with_calls or offered_tools(job) else self._plain

    def _template_options(self, job: TextJob) -> dict[str, Any]:
        """The variables of the template, with those that say how much to think."""
        given = dict(job.template_options)
        effort = job.reasoning_effort or self._reasoning.effort
        chat_format = self._template(job).chat.format
        options: dict[str, Any] = {}
        if effort is not None:
            options["reasoning_effort"] = _known_effort(effort, chat_format)
        if effort is not None or self._budget_tokens(job) == 0:
            options |= dict.fromkeys(THINKING_KEYS, not self._suppresses_thoughts(job))
        for key in THINKING_KEYS:
            if isinstance(given.get(key), bool):
                options |= dict.fromkeys(THINKING_KEYS, given[key])
        return {**options, **given}

    def _suppresses_thoughts(self, job: TextJob) -> bool:
        """Whether the answer must have no thought."""
        for key in THINKING_KEYS:
            if isinstance(given := job.template_options.get(key), bool):
                return not given
        effort = job.reasoning_effort or self._reasoning.effort
        return effort is ReasoningEffort.NONE or self._budget_tokens(job) == 0

    def _budget_tokens(self, job: TextJob) -> int:
        given = job.thinking_budget_tokens
        return self._reasoning.budget_tokens if given is None else given

    def _budget(self, job: TextJob, chat_format: ChatFormat) -> ThinkingBudget | None:
        tokens = 0 if self._suppresses_thoughts(job) else self._budget_tokens(job)
        end = chat_format.thought_end
        if tokens == UNLIMITED or not end:
            return None
        return ThinkingBudget(tokens, self._vocabulary.tokenize(end, add_special=False, parse_special=True))


def offered_tools(job: TextJob) -> list[dict[str, Any]]:
    """The tools that an answer may call."""
    return [] if job.tool_choice is ToolChoice.NONE else job.tools


def _without_strict(tool: dict[str, Any]) -> dict[str, Any]:
    return {**tool, "function": {key: value for key, value in tool["function"].items() if key != "strict"}}


def _known_effort(effort: ReasoningEffort, chat_format: ChatFormat) -> str:
    """The word for the template. Those with channels have no word for no thought."""
    match effort:
        case ReasoningEffort.MINIMAL:
            return ReasoningEffort.LOW.value
        case ReasoningEffort.XHIGH:
            return ReasoningEffort.HIGH.value
        case ReasoningEffort.NONE if chat_format.parts is not None:
            return ReasoningEffort.LOW.value
    return effort.value
