"""An encoder's graph: which inputs it wants, in which types, and which of its outputs counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workers.engine import EngineLoadError
from workers.onnx.embedding.pooling import Lengths
from workers.onnx.session import NUMBER_TYPES, giving_back

if TYPE_CHECKING:
    import onnxruntime

Array = NDArray[Any]

IDS, MASK, TYPES, POSITIONS, PAST = "input_ids", "attention_mask", "token_type_ids", "position_ids", "past_key_values"

SENTENCES = ("sentence_embedding", "sentence_embeddings", "text_embeds", "embeddings", "embedding", "dense_vecs")
"""Outputs that are one vector per input."""

TOKENS = ("last_hidden_state", "token_embeddings", "hidden_states")
"""Outputs that are one vector per token."""

LOGITS = ("logits", "scores", "score")
"""Outputs of a classifier."""


class EncoderGraph:
    """Computes inputs that are padded to the longest, with the padding behind them.

    onnxruntime keeps the memory of its largest computation for the next ones. Those of more than ``kept_tokens``, with
    padding, give it back: attention may take gigabytes for a long input.

    ``types_of`` gives the types of the tokens of an input, which are 0 without it.

    Raises:
        EngineLoadError: the graph wants inputs that are not known.
    """

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        kept_tokens: int,
        types_of: Callable[[list[int]], list[int]] | None = None,
    ) -> None:
        self._session = session
        self._kept_tokens = kept_tokens
        self._types_of = types_of
        self._wanted = {given.name: given for given in session.get_inputs()}
        self.outputs = [given.name for given in session.get_outputs()]
        self._check()

    def run(self, inputs: list[list[int]], outputs: list[str]) -> tuple[list[Array], Lengths]:
        """The outputs of these names, and the lengths of the inputs."""
        lengths = np.array([len(tokens) for tokens in inputs])
        feeds = {name: self._feed(name, inputs, lengths) for name in self._wanted}
        options = None if feeds[IDS].size <= self._kept_tokens else giving_back()
        return self._session.run(outputs, feeds, options), lengths

    def _feed(self, name: str, inputs: list[list[int]], lengths: Lengths) -> Array:
        shape = (len(inputs), int(lengths.max()))
        values: Array
        if name == MASK:
            values = np.arange(shape[1]) < lengths[:, None]
        elif name == POSITIONS:
            values = np.broadcast_to(np.arange(shape[1]), shape)
        elif name.startswith(PAST):
            values = np.zeros(self._past_shape(name, len(inputs)))
        else:
            values = np.zeros(shape, np.int64)
            rows = inputs if name == IDS else list(map(self._types_of, inputs)) if self._types_of else []
            for number, row in enumerate(rows):
                values[number, : len(row)] = row
        return np.ascontiguousarray(values, self._dtype(name))

    def _past_shape(self, name: str, batch: int) -> list[int]:
        """The shape of what earlier computations left: there were none."""
        shape = self._wanted[name].shape
        return [batch, *(size if isinstance(size, int) else 0 for size in shape[1:])]

    def _dtype(self, name: str) -> Any:
        return NUMBER_TYPES[self._wanted[name].type]

    def _check(self) -> None:
        for name, given in self._wanted.items():
            if name not in (IDS, MASK, TYPES, POSITIONS) and not name.startswith(f"{PAST}."):
                known = ", ".join((IDS, MASK, TYPES, POSITIONS))
                raise EngineLoadError(f"expected a graph with the inputs {known} or some of them, got one with {name}")
            if given.type not in NUMBER_TYPES:
                raise EngineLoadError(f"expected a graph whose {name} are numbers, got {given.type}")
        ids = self._wanted.get(IDS)
        if ids is None:
            raise EngineLoadError(f"expected a graph with the input {IDS}, got {', '.join(self._wanted) or 'none'}")
        if len(ids.shape) != 2 or any(isinstance(size, int) for size in ids.shape):
            raise EngineLoadError(f"expected a graph for any number of inputs of any length, got {IDS} of {ids.shape}")
