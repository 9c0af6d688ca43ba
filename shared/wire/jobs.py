"""Jobs: what the router builds from a validated HTTP request and a worker's engine runs. Defaults are the API's."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from msgspec import field

from shared.wire.codec import Struct
from shared.wire.pictures import Hires, PictureFormat, PictureQuality, WantedLora

REPEAT_PENALTY_TOKENS = 64
"""``repeat_penalty`` counts this many of the last tokens, llama.cpp's default."""

DRY_TOKENS = 64
"""DRY looks for repetitions among this many of the last tokens, llama.cpp's default."""

MAX_PENALTY_TOKENS = 1 << 16
"""The most tokens that a penalty looks back at; -1 means as many."""

DRY_SEQUENCE_BREAKERS = ("\n", ":", '"', "*")
"""No repetition that DRY finds goes beyond one of these texts: llama.cpp's defaults."""


class ToolChoice(StrEnum):
    """Whether an answer may, must or must not call a tool. ``NAMED`` goes with :attr:`TextJob.tool_name`."""

    NONE = "none"
    AUTO = "auto"
    REQUIRED = "required"
    NAMED = "named"


class ConstraintKind(StrEnum):
    """The ways to constrain generated text."""

    JSON_OBJECT = "json_object"
    JSON_SCHEMA = "json_schema"
    GRAMMAR = "grammar"
    REGEX = "regex"


class Constraint(Struct, frozen=True):
    """A constraint on generated text.

    ``value`` is a dict for ``JSON_SCHEMA``, the source text for ``GRAMMAR`` (GBNF or Lark) and ``REGEX``, ``None`` for
    ``JSON_OBJECT``. ``field`` is the field of the request that it comes from, for errors.
    """

    kind: ConstraintKind
    value: Any = None
    field: str = "response_format"


class Sampling(Struct, frozen=True):
    """How the next token is drawn from the model's distribution.

    ``temperature`` 0 is greedy. ``top_k`` 0, ``top_p`` 1 and ``min_p`` 0 switch their filter off. ``seed`` ``None`` is
    random; the router always sets a seed, so that another worker can continue the sequence with the same draws.
    ``logit_bias`` maps token ids to numbers added to their logits.

    The further ones are llama.cpp's. ``typical_p`` 1, and 0 of ``top_n_sigma``, ``xtc_probability``,
    ``dynatemp_range``, ``dry_multiplier`` and ``mirostat`` (else 1 or 2, its version) switch their sampler off.
    ``repeat_last_n`` and ``dry_penalty_last_n`` count tokens: 0 is off, -1 means :data:`MAX_PENALTY_TOKENS`.
    """

    temperature: float = 1.0
    top_k: int = 50
    top_p: float = 1.0
    min_p: float = 0.0
    repeat_penalty: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    seed: int | None = None
    logit_bias: dict[int, float] = field(default_factory=dict)
    repeat_last_n: int = REPEAT_PENALTY_TOKENS
    typical_p: float = 1.0
    top_n_sigma: float = 0.0
    xtc_probability: float = 0.0
    xtc_threshold: float = 0.1
    dynatemp_range: float = 0.0
    dynatemp_exponent: float = 1.0
    dry_multiplier: float = 0.0
    dry_base: float = 1.75
    dry_allowed_length: int = 2
    dry_penalty_last_n: int = DRY_TOKENS
    dry_sequence_breakers: tuple[str, ...] = DRY_SEQUENCE_BREAKERS
    mirostat: int = 0
    mirostat_tau: float = 5.0
    mirostat_eta: float = 0.1


class ReasoningFormat(StrEnum):
    """Where a model's thoughts go: ``AUTO`` apart from the answer's text, ``NONE`` into it, as the model wrote them."""

    AUTO = "auto"
    NONE = "none"


class ReasoningEffort(StrEnum):
    """How much a model should think before it answers. Which of these a model tells apart is up to its template."""

    NONE = "none"
    MINIMAL = "minimal"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    XHIGH = "xhigh"


WantedAdapters = tuple[tuple[str, float | None], ...]
"""Adapters that a request asks for, each with its scale; None is the adapter's own."""

AdapterSet = tuple[tuple[str, float], ...]
"""The adapters that a sequence is computed with, and their scales. Equal sets are equal: they are sorted by name."""


MediaKind = Literal["image", "audio"]
"""What of a chat is no text, as models take it: pictures, recordings."""


class TextJob(Struct, tag=30, frozen=True):
    """One sequence to generate: a prompt (text or token ids) or a chat, and how to generate it.

    Exactly one of ``prompt``, ``prompt_tokens`` and ``messages`` is set. With a ``suffix``, what is generated belongs
    between the prompt, which is no chat, and that. ``max_tokens`` ``None`` means until the end of
    the turn or the context.

    A message's ``content`` is a string or, only where it has a picture or recording, a list of parts in order:
    ``{"type": "text", "text": str}``, ``{"type": "image", "blob": int}``, ``{"type": "audio", "blob": int}`` (the types
    are of :data:`MediaKind`). ``blob`` is the place of the file, as it came, among the job's blobs. ``parse_special``
    says whether the texts of special tokens in ``prompt`` are those tokens; in ``messages`` they never are.
    ``top_logprobs`` ``None`` means no log-probabilities; 0 means only those of the chosen tokens.

    ``reasoning_effort``, ``reasoning_format`` and ``thinking_budget_tokens`` (of a thought) ``None`` mean the model's
    options; a budget of -1 is none. If ``continues``, the answer goes on with the last message, an assistant's. A
    function of ``tools`` may have ``strict``. ``context_tokens``, of an earlier conversation, stand before the prompt
    of ``messages``. If ``tells_prompt``, the worker reports the prompt's tokens. ``adapters`` are applied to the model.
    ``prediction`` is a text that most of the answer is expected to be: it changes only how fast that comes.
    """

    prompt: str | None = None
    prompt_tokens: list[int] | None = None
    messages: list[dict[str, Any]] | None = None
    tools: list[dict[str, Any]] = field(default_factory=list)
    tool_choice: ToolChoice = ToolChoice.NONE
    tool_name: str | None = None
    parallel_tool_calls: bool = True
    template_options: dict[str, Any] = field(default_factory=dict)
    constraint: Constraint | None = None
    sampling: Sampling = field(default_factory=Sampling)
    max_tokens: int | None = None
    stop: list[str] = field(default_factory=list)
    top_logprobs: int | None = None
    echo: bool = False
    ignore_eos: bool = False
    parse_special: bool = True
    reasoning_effort: ReasoningEffort | None = None
    reasoning_format: ReasoningFormat | None = None
    thinking_budget_tokens: int | None = None
    continues: bool = False
    suffix: str | None = None
    context_tokens: list[int] = field(default_factory=list)
    tells_prompt: bool = False
    adapters: WantedAdapters = ()
    prediction: str = ""


class SpeechTask(StrEnum):
    """Transcribe speech in its own language, or translate it into English."""

    TRANSCRIBE = "transcribe"
    TRANSLATE = "translate"


class SpeechJob(Struct, tag=31, frozen=True):
    """One recording to transcribe. The job's only blob is the file, in any common audio or video format.

    ``language`` is a code such as ``en``, or ``None`` to detect it. ``prompt`` is text that precedes the
    recording. ``temperature`` 0 is beam search, with fallback to higher temperatures where the result is poor, as in
    Whisper; any other value samples. ``vad`` skips audio without speech.
    """

    task: SpeechTask = SpeechTask.TRANSCRIBE
    language: str | None = None
    prompt: str | None = None
    temperature: float = 0.0
    beam_size: int = 5
    words: bool = False
    vad: bool = True


class ImageJob(Struct, tag=32, frozen=True):
    """A picture of ``width`` x ``height`` pixels; 0 is the model's own size, or follows the picture to begin with.

    At most ``max_pixels`` are painted (0: any number); if it ``may_enlarge``, a larger picture is painted smaller.
    None is the model's default (:class:`~shared.wire.pictures.PictureDefaults`), which the worker fills in; so is the
    number of steps that ``quality`` means. ``guidance_scale`` is ``guidance`` or ``cfg_scale``, whichever the model
    has. A ``native`` job of Stable Diffusion 1 has a smaller default size.

    ``init`` (image to image), ``mask`` (its transparent parts are repainted, softly over ``mask_blur`` pixels),
    ``references`` and ``control`` are places of files among the job's blobs, as they came. ``strength`` (0 to 1) is how
    much of the first may change; if that is open, with ``high_fidelity`` less does. ``canny``: the edges of ``control``
    are found first. With ``hires``, the size is that of the second pass. ``sampler`` and ``scheduler`` are names from
    :mod:`shared.engines.diffusion_names`. ``loras`` are applied beside those of the prompt's tags. ``previews`` is the
    number of unfinished states to send. ``compression`` (0 to 100) is the quality of JPEG and WebP files.
    """

    prompt: str
    negative_prompt: str = ""
    width: int = 0
    height: int = 0
    max_pixels: int = 0
    may_enlarge: bool = False
    native: bool = False
    steps: int | None = None
    quality: PictureQuality | None = None
    cfg_scale: float | None = None
    guidance_scale: float | None = None
    guidance: float | None = None
    flow_shift: float | None = None
    sampler: str | None = None
    scheduler: str | None = None
    clip_skip: int = 0
    seed: int = 0
    strength: float | None = None
    high_fidelity: bool = False
    init: int | None = None
    mask: int | None = None
    mask_blur: int = 0
    references: list[int] = field(default_factory=list)
    control: int | None = None
    control_strength: float = 0.9
    canny: bool = False
    loras: list[WantedLora] = field(default_factory=list)
    hires: Hires | None = None
    previews: int = 0
    format: PictureFormat = "png"
    compression: int = 100


class UpscaleJob(Struct, tag=39, frozen=True):
    """A larger copy of a picture, the job's only blob. ``scale`` None is the upscaler's own factor."""

    scale: float | None = None
    format: PictureFormat = "png"
    compression: int = 100


class TokenOutput(StrEnum):
    """What is told of tokens: their number, also their ids, also the bytes of each, or the text that they make.

    ``ENDS``: the bytes of the two tokens that begin and end a text, empty if the model has none.
    """

    COUNT = "count"
    IDS = "ids"
    PIECES = "pieces"
    TEXT = "text"
    ENDS = "ends"


class TokenizeJob(Struct, tag=35, frozen=True):
    """The tokens of a prompt, for which nothing is generated.

    ``text`` is the job that would generate: only what makes its prompt counts. ``add_special`` adds BOS and EOS to a
    ``prompt`` if the model wants them; a chat has them from its template, and token ids are taken as they are.
    """

    text: TextJob
    output: TokenOutput = TokenOutput.COUNT
    add_special: bool = True


class Truncation(StrEnum):
    """Which end of an input is cut off that is too long for the model; with ``NONE`` it is refused."""

    NONE = "none"
    START = "start"
    END = "end"


class EmbedJob(Struct, tag=33, frozen=True):
    """Inputs to turn into vectors, each a text or the ids of its tokens, which get no others added.

    ``dimensions`` is the length of the vectors, which are cut to it and made unit vectors again; ``None`` is the
    model's own.
    """

    inputs: list[str | list[int]]
    dimensions: int | None = None
    truncate: Truncation = Truncation.NONE


class RerankJob(Struct, tag=34, frozen=True):
    """Documents to score by how well each answers a query.

    Of each document, at most the first ``max_document_tokens`` count. ``truncate`` is for what is still too long for
    the model together with the query.
    """

    query: str
    documents: list[str]
    truncate: Truncation = Truncation.NONE
    max_document_tokens: int | None = None


Work = TextJob | SpeechJob | ImageJob | UpscaleJob | EmbedJob | RerankJob | TokenizeJob
