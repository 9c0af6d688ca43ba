"""The options of models, and the settings of a served model."""

from __future__ import annotations

from typing import Annotated

from shared.engines.embedding import Pooling
from shared.engines.onnx.providers import OnnxProvider
from shared.kinds import JobKind
from shared.models.adapters import parse_adapter
from shared.settings.images.parts import ImageModelOptions, SingleImageModelOptions
from shared.settings.images.running import ImageRunningOptions
from shared.settings.option import FormerName, Group, Option
from shared.settings.placement import LlamaCppOptions
from shared.settings.residency import ModelResidencyOptions
from shared.settings.text.media import MediaModelOptions
from shared.settings.text.speculation import SpeculatingModelOptions
from shared.settings.units import GIGABYTE, MEGABYTE, MINUTE_S, TERABYTE
from shared.settings.values import (
    Choice,
    Duration,
    OptionalChoice,
    Size,
    Switch,
    Text,
    Texts,
    Whole,
    WholeOrMax,
)
from shared.wire.jobs import MediaKind, ReasoningEffort, ReasoningFormat

SHARING = ("all", "user")
"""Values of ``share_prefixes``."""


class ModelOptions(
    LlamaCppOptions,
    SpeculatingModelOptions,
    MediaModelOptions,
    ModelResidencyOptions,
    ImageModelOptions,
    ImageRunningOptions,
):
    """Options that can be given for all models, or for a single one."""

    context_tokens: Annotated[
        int,
        Option(
            WholeOrMax(0, 1 << 24),
            "longest request in tokens, with its answer; 0 is as trained, as far as two such fit the memory; "
            "max is the same as far as one fits; of ONNX models 0 is as trained up to 8192",
            Group.MODELS,
            flag="--nctx",
            former=FormerName("nctx"),
        ),
    ] = 0
    workers: Annotated[
        int, Option(Whole(1, 256), "worker processes per model; they take the GPUs in turn", Group.MODELS)
    ] = 1
    slots: Annotated[int, Option(Whole(1, 1024), "sequences that a worker runs at once", Group.MODELS)] = 16
    threads: Annotated[
        int, Option(Whole(0, 1024), "threads per worker; 0 shares the CPU's cores equally", Group.MODELS)
    ] = 0
    cache_bytes: Annotated[
        int,
        Option(
            Size(0, 100 * TERABYTE),
            "main memory in which a text worker keeps ended chats",
            Group.MODELS,
            former=FormerName("cache_ram", MEGABYTE),
        ),
    ] = GIGABYTE
    share_prefixes: Annotated[
        str,
        Option(
            Choice(SHARING, "WHOM"),
            "whose prompts share cached prefixes: those of all users, or of the same user",
            Group.MODELS,
        ),
    ] = "all"
    chat_template: Annotated[
        str,
        Option(
            Text("FILE", "a path or a name"),
            "chat template to use instead of the model's: a name or a Jinja file",
            Group.MODELS,
        ),
    ] = ""
    reasoning_effort: Annotated[
        str,
        Option(
            OptionalChoice(tuple(ReasoningEffort)),
            "how much to think where a request does not say it; without it, as the chat template has it",
            Group.MODELS,
        ),
    ] = ""
    reasoning_format: Annotated[
        str,
        Option(
            Choice(tuple(ReasoningFormat)),
            "where thoughts go: auto apart from the text, none into it; requests may say it too",
            Group.MODELS,
        ),
    ] = ReasoningFormat.AUTO.value
    thinking_budget_tokens: Annotated[
        int,
        Option(
            Whole(-1, 2**31 - 1),
            "longest thought in tokens where a request does not say it; -1 is no limit",
            Group.MODELS,
        ),
    ] = -1
    pooling: Annotated[
        str,
        Option(
            OptionalChoice(tuple(Pooling)),
            "how an embedding model makes one vector of a text, or rank for scores; without it, as its file has it",
            Group.MODELS,
        ),
    ] = ""
    embeddings: Annotated[
        bool,
        Option(Switch(), "let text models compute embeddings too (with pooling rank: scores)", Group.MODELS),
    ] = False
    compile_time_s: Annotated[
        float,
        Option(
            Duration(0.1, 10 * MINUTE_S),
            "CPU time to compile a request's grammar or schema, or to render its chat template; more is a 400",
            Group.MODELS,
        ),
    ] = 10.0
    compile_memory_bytes: Annotated[
        int,
        Option(Size(16 * MEGABYTE, 100 * GIGABYTE), "memory to do that; more is a 400", Group.MODELS),
    ] = 256 * MEGABYTE
    onnx_provider: Annotated[
        str,
        Option(
            Choice(tuple(OnnxProvider)),
            "what computes ONNX models: the CPU, or a GPU through the onnxruntime package that has this provider",
            Group.MODELS,
        ),
    ] = OnnxProvider.CPU.value


class SingleModelOptions(SingleImageModelOptions, ModelOptions):
    """All options that can be given for a single model."""

    aliases: Annotated[
        tuple[str, ...],
        Option(Texts("NAME", "a list of names"), "other names for the model", Group.MODELS, flag="--alias"),
    ] = ()
    adapters: Annotated[
        tuple[str, ...],
        Option(
            Texts("NAME=FILE", "a list of LoRA files, each as NAME=FILE, FILE or a folder of them", parse_adapter),
            "LoRA files of a text model, for requests to choose by name; :SCALE behind a file is its own scale",
            Group.MODELS,
        ),
    ] = ()
    step_s: Annotated[
        float, Option(Duration(0, MINUTE_S), "duration of a step of the echo engine, for tests", Group.MODELS)
    ] = 0.0


class ModelSettings(SingleModelOptions):
    """A served model: the name that requests use, its kinds of job, engine, file or folder, and options.

    ``source`` is where it was found, as in ``nexa list --here``; it is empty for models that were named at the start.
    Where sizes were fitted to the memory (:mod:`shared.memory.fitting`), ``kv_tokens`` is the size of the KV cache, 0
    for that of context and slots, and ``fitted`` says why they are as they are. ``media`` is what it takes beside text,
    by the header of its projector.
    """

    name: str
    kinds: tuple[JobKind, ...]
    engine: str
    path: str
    source: str = ""
    known_as: tuple[str, ...] = ()
    media: tuple[MediaKind, ...] = ()
    kv_tokens: int = 0
    fitted: tuple[str, ...] = ()


OF_NO_WORKER = frozenset(
    {"aliases", "fitted", "idle_unload_s", "known_as", "load", "max_workers", "media", "pin", "source", "workers"}
)
"""Settings of a model that change nothing of what one of its workers does: it may go on when they change."""
