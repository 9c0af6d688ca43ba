"""What the files beside a graph say about it: sentence-transformers' and transformers' settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.engines.embedding import Pooling
from shared.engines.onnx.folders import read_json, read_json_list, root_of
from shared.errors import ModelError
from shared.kinds import JobKind
from shared.memory.cells import MAX_DEFAULT_CONTEXT_TOKENS
from shared.settings import ModelSettings
from workers.engine import EngineLoadError

LEAST_KNOWN_TOKENS = 512
"""Longest input of a model whose files do not say how long one may be."""

_NO_LIMIT_TOKENS = 1_000_000
"""transformers writes larger numbers for tokenizers without a limit."""

_POSITIONS = ("max_position_embeddings", "n_positions", "max_seq_length", "max_sequence_length")
_COUNTED_FROM_PADDING = frozenset(
    {"camembert", "data2vec-text", "longformer", "mpnet", "roberta", "xlm-roberta", "xlm-roberta-xl", "xmod"}
)
"""Architectures whose first position is the one after the padding token's id."""

_LEGACY_MODE = "pooling_mode_"
_POOLING = {
    "cls": Pooling.CLS,
    "cls_token": Pooling.CLS,
    "mean": Pooling.MEAN,
    "mean_tokens": Pooling.MEAN,
    "mean_sqrt_len_tokens": Pooling.MEAN,
    "lasttoken": Pooling.LAST,
}
"""sentence-transformers' modes. The sum over the square root of the length has the mean's direction."""

_DIRECT_MODULES = frozenset({"Transformer", "Pooling", "Normalize", "Dropout"})


@dataclass(frozen=True, slots=True)
class EncoderFolder:
    """A model's folder.

    ``pooling`` is how the vectors of the tokens become one, None if no file says it; ``pooling_is_asked`` says that the
    user gave it. ``limit`` is the longest input in tokens. ``size`` is the number of token ids, None if unknown.
    ``labels`` are the names of a classifier's outputs. ``further_modules`` are parts of the model after the pooling,
    which only a graph that has them inside computes.
    """

    graph: Path
    root: Path
    kind: JobKind
    pooling: Pooling | None
    pooling_is_asked: bool
    limit: int
    size: int | None
    labels: tuple[str, ...]
    lowercases: bool
    is_causal: bool
    further_modules: tuple[str, ...]

    @classmethod
    def of(cls, model: ModelSettings) -> EncoderFolder:
        """The folder of a model's graph.

        Raises:
            EngineLoadError: a file is damaged, or asks for what cannot be computed.
        """
        root = root_of(Path(model.path))
        try:
            config, sentences = read_json(root / "config.json"), read_json(root / "sentence_bert_config.json")
            tokenizer, modules = read_json(root / "tokenizer_config.json"), _modules(root)
            asked = Pooling(model.pooling) if model.pooling else None
            kind = JobKind.RERANK if JobKind.RERANK in model.kinds else JobKind.EMBEDDING
            needs_pooling = asked is None and kind is JobKind.EMBEDDING
            pooling = _stated_pooling(root, modules) if needs_pooling else asked
        except ModelError as error:
            raise EngineLoadError(str(error)) from None
        return cls(
            graph=Path(model.path),
            root=root,
            kind=kind,
            pooling=pooling,
            pooling_is_asked=asked is not None,
            limit=_limit(config, sentences, tokenizer, model.context_tokens),
            size=_count(config, "vocab_size"),
            labels=_labels(config),
            lowercases=sentences.get("do_lower_case") is True,
            is_causal=_is_causal(config),
            further_modules=tuple(name for name, _ in modules if name not in _DIRECT_MODULES),
        )


def _modules(root: Path) -> list[tuple[str, str]]:
    """Kind and folder of each part of a model of sentence-transformers; none if it is not one."""
    file = root / "modules.json"
    found = []
    for module in read_json_list(file):
        kind, path = (module.get("type"), module.get("path")) if isinstance(module, dict) else (None, None)
        name = Path(path).name if isinstance(path, str) else ".."
        if not isinstance(kind, str) or name == ".." or not name.isprintable():
            raise EngineLoadError(f"{file}: expected type and path of each module, got other values")
        found.append((kind.rpartition(".")[2], name))
    return found


def _stated_pooling(root: Path, modules: list[tuple[str, str]]) -> Pooling | None:
    folder = next((path for kind, path in modules if kind == "Pooling"), "1_Pooling")
    file = root / folder / "config.json"
    modes = _modes(read_json(file))
    if not modes:
        return None
    pooling = _POOLING.get(modes[0]) if len(modes) == 1 else None
    if pooling is None:
        told = " and ".join(modes)
        raise EngineLoadError(f"{file}: expected a pooling of mean, cls or last, got {told}; --pooling says otherwise")
    return pooling


def _modes(config: dict[str, Any]) -> list[str]:
    mode = config.get("pooling_mode")
    if mode is not None:
        return [str(name) for name in (mode if isinstance(mode, list) else [mode])]
    return [
        name.removeprefix(_LEGACY_MODE)
        for name, value in config.items()
        if name.startswith(_LEGACY_MODE) and value is True
    ]


def _limit(config: dict[str, Any], sentences: dict[str, Any], tokenizer: dict[str, Any], asked: int) -> int:
    """The longest input in tokens: as asked or as the files say, and never beyond the model's last position."""
    positions = next((count for name in _POSITIONS if (count := _count(config, name))), None)
    if positions is not None and config.get("model_type") in _COUNTED_FROM_PADDING:
        padding = config.get("pad_token_id")
        positions -= 1 + (padding if type(padding) is int else 1)
    stated = _count(sentences, "max_seq_length") or _count(tokenizer, "model_max_length")
    if stated is not None and stated >= _NO_LIMIT_TOKENS:
        stated = None
    known = stated or positions or LEAST_KNOWN_TOKENS
    wanted = known if asked < 0 else asked or min(known, MAX_DEFAULT_CONTEXT_TOKENS)
    limit = min(wanted, positions or stated or max(wanted, LEAST_KNOWN_TOKENS))
    if limit < 1:
        raise EngineLoadError(f"config.json: expected room for at least 1 token, got {limit}")
    return limit


def _labels(config: dict[str, Any]) -> tuple[str, ...]:
    labels = config.get("id2label")
    if not isinstance(labels, dict):
        return ()
    return tuple(str(labels.get(str(index), "")) for index in range(len(labels)))


def _is_causal(config: dict[str, Any]) -> bool:
    names = config.get("architectures")
    return isinstance(names, list) and any(isinstance(name, str) and name.endswith("ForCausalLM") for name in names)


def _count(values: dict[str, Any], name: str) -> int | None:
    value = values.get(name)
    return value if type(value) is int and value > 0 else None
