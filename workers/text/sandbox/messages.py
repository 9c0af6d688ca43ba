"""What a worker and its sandbox send each other."""

from __future__ import annotations

from typing import Any

from msgspec import field

from shared.wire.codec import Decoder, Struct
from shared.wire.jobs import Constraint, MediaKind, ToolChoice
from shared.wire.payloads import Failed
from workers.chat.formats.chat_format import ChatFormat
from workers.chat.model_chat import LearntChat, Prompt

MAX_BYTES = 1 << 30
"""The largest message: a file to decode, or what it holds."""


class Setup(Struct, frozen=True):
    """The first message to a nursery: the model, and the ``module:function`` that reads its vocabulary."""

    model_path: str
    vocabulary: str


class Ready(Struct, frozen=True):
    """The nursery has read the vocabulary."""


class Template(Struct, frozen=True):
    """A chat template's Jinja source, and what was learnt from it."""

    source: str
    chat: LearntChat


class Learn(Struct, tag=1, frozen=True):
    """Compile a chat template, and learn from it; see :func:`workers.chat.model_chat.learn_chat`."""

    source: str


class Render(Struct, tag=2, frozen=True):
    """Render a chat; see :meth:`workers.chat.model_chat.ModelChat.prompt`."""

    template: Template
    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]]
    options: dict[str, Any]
    continues: bool = False


class Compile(Struct, tag=3, frozen=True):
    """Compile the grammar of an answer: one of ``tools`` is called, or it satisfies ``constraint``.

    Answers to chats are in their model's ``chat_format``, where that matters. ``opened`` says whether the prompt ends
    within a thought, ``thinks`` whether a thought may come first.
    """

    constraint: Constraint | None
    tools: list[dict[str, Any]] = field(default_factory=list)
    tool_choice: ToolChoice = ToolChoice.NONE
    tool_name: str | None = None
    parallel_tool_calls: bool = True
    chat_format: ChatFormat | None = None
    opened: bool = False
    thinks: bool = False

    @property
    def param(self) -> str:
        """The field of the request that it comes from."""
        return "tools" if self.tools or self.constraint is None else self.constraint.field


class Decode(Struct, tag=4, frozen=True):
    """Decode the file of a picture or recording; see :mod:`workers.text.sandbox.decoding`.

    ``sample_rate`` is the wanted one of a recording, ``field`` names it in errors.
    """

    kind: MediaKind
    data: bytes
    field: str
    sample_rate: int = 0


Task = Learn | Render | Compile | Decode


class Call(Struct, frozen=True):
    """A task with its limits: seconds of CPU time, and bytes of memory beyond what the process has.

    From a task ``in_background`` on, the process leaves the cores to others.
    """

    task: Task
    cpu_s: float
    memory_bytes: int
    in_background: bool = False


class Learned(Struct, tag=15, frozen=True):
    """What a template told."""

    chat: LearntChat


class Rendered(Struct, tag=10, frozen=True):
    """The prompt of a chat."""

    prompt: Prompt


class Compiled(Struct, tag=11, frozen=True):
    """A grammar in llguidance's own form, and what a search found out about it.

    ``texts``, ``closing`` and ``warnings`` are those of :class:`workers.text.constraints.constraint.CompiledGrammar`;
    ``memory_bytes`` is about what the compiled grammar takes.
    """

    grammar: str
    texts: list[list[int]]
    closing: list[int] | None
    memory_bytes: int
    warnings: list[str] = field(default_factory=list)


class DecodedFile(Struct, tag=16, frozen=True):
    """The pixels of a picture, or the samples of a recording as float32 numbers, for which width and height are 0."""

    width: int
    height: int
    data: bytes


class TaskRefused(Struct, tag=12, frozen=True):
    """The task is wrong: an error for the client."""

    failed: Failed


class OutOfMemory(Struct, tag=13, frozen=True):
    """The task wanted more memory than its limit. The process may go on."""


class Ended(Struct, tag=14, frozen=True):
    """Sent by the nursery: the process ended, by this signal (0 for none)."""

    signal: int


Reply = Learned | Rendered | Compiled | DecodedFile | TaskRefused | OutOfMemory | Ended

SETUPS: Decoder[Setup] = Decoder(Setup)
READIES: Decoder[Ready] = Decoder(Ready)
CALLS: Decoder[Call] = Decoder(Call, MAX_BYTES)
REPLIES: Decoder[Reply] = Decoder(Reply, MAX_BYTES)
