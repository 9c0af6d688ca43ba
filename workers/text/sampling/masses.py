"""Probability mass over a whole vocabulary, in a few vectorised passes: what top-p keeps, and draws without a bound.

llama.cpp's samplers visit each token one by one, and top-p sorts them. For 262,144 tokens that takes many milliseconds.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Logits = NDArray[np.float32]
Tokens = NDArray[np.int64]

NEAR_LOGITS = (4.0, 9.0)
"""How far below the largest logit top-p looks first: with a confident model, its mass lies there."""

FEW_TOKENS = 2048
"""So many are sorted at once. More are first grouped by their logits."""

REACHES = (1.0, 2.0, 4.0, 8.0)
"""How far from the entropy typical-p looks, one after the other."""

NEGLIGIBLE = 80.0
"""A token whose logit is so far below the largest has a probability of about 0, whose logarithm 32 bits do not hold."""

_NO_SHIFT = (-20.0, 60.0)
"""If the largest logit lies between these, exponentials fit 32 bits as they are, without one more pass."""

_BELOW_ONE = math.nextafter(1.0, 0.0)

_BINS = 4096
_BLOCK = 512
"""Weights in a block, whose sums are taken first."""


class UniformDraws:
    """Random numbers as llama.cpp's draws take them: the first one of a Mersenne Twister after each seed."""

    def __init__(self) -> None:
        self._random = np.random.RandomState(0)

    def after(self, seed: int) -> float:
        """A number from 0 to below 1."""
        self._random.seed(seed)
        words = int.from_bytes(self._random.bytes(8), "little")  # two numbers of 32 bits, the low one first
        return min(words / 2.0**64, _BELOW_ONE)


def weights_of(logits: Logits, largest: float, temperature: float = 1.0) -> Logits:
    """Probabilities up to a common factor. ``largest`` is the largest of the logits."""
    top = largest / temperature
    if temperature == 1.0:
        weights: Logits = np.exp(logits if _NO_SHIFT[0] < top < _NO_SHIFT[1] else logits - np.float32(largest))
        return weights
    scaled: Logits = logits / np.float32(temperature)
    if not _NO_SHIFT[0] < top < _NO_SHIFT[1]:
        scaled -= np.float32(top)
    return np.exp(scaled, out=scaled)


def log_mass(weights: Logits, largest: float) -> float:
    """The logarithm of what all exponentials sum to, from the :func:`weights_of` a row."""
    shift = 0.0 if _NO_SHIFT[0] < largest < _NO_SHIFT[1] else largest
    return shift + math.log(float(_block_sums(weights).sum()))


def total_weight(logits: Logits) -> float:
    """The sum of the exponentials of logits of at most 0."""
    return float(_block_sums(np.exp(logits)).sum())


def top_p_tokens(logits: Logits, largest: float, top_p: float) -> Tokens:
    """The fewest most likely tokens that have at least ``top_p`` of the mass, most likely first.

    Of equally likely ones those with the lower ids come first. Sorted only if they are at most :data:`FEW_TOKENS`;
    more are in groups of nearly equal logits, in the right order of the groups.
    """
    weights = weights_of(logits, largest)
    wanted = top_p * float(_block_sums(weights).sum())
    for near in NEAR_LOGITS:
        tokens = np.flatnonzero(logits >= np.float32(largest - near))
        if weights[tokens].sum(dtype=np.float64) >= wanted:
            break
    else:
        tokens = np.flatnonzero(logits > -np.inf)
    kept = ByRank(tokens, logits[tokens], weights[tokens]).until(wanted)
    return kept if len(kept) > FEW_TOKENS else kept[np.lexsort((kept, -logits[kept]))]


def typical_tokens(logits: Logits, top: float, typical_p: float) -> tuple[Tokens, Logits]:
    """The fewest tokens that have more than ``typical_p`` of the mass and whose surprise is nearest to the entropy.

    With how near each is, at most 0. Sorted, the nearest first, if they are at most :data:`FEW_TOKENS`. ``top`` is the
    largest logit; tokens more than :data:`NEGLIGIBLE` below it do not count.
    """
    below, weights = _below(logits, top)
    total = float(_block_sums(weights).sum())
    mean = float(_block_sums(weights, below).sum()) / total  # surprise and entropy both are this much and log(total)
    for reach in REACHES:
        tokens = np.flatnonzero(below <= np.float32(mean + reach))
        if reach < mean:
            tokens = tokens[below[tokens] >= np.float32(mean - reach)]
        if float(weights[tokens].sum(dtype=np.float64)) > typical_p * total:
            break
    else:
        tokens = np.flatnonzero(below <= np.float32(NEGLIGIBLE))
    nearness = -np.abs(below[tokens] - np.float32(mean))
    places = ByRank(np.arange(len(tokens)), nearness, weights[tokens]).until(typical_p * total)
    if len(places) <= FEW_TOKENS:
        places = places[np.lexsort((places, -nearness[places]))]
    return tokens[places], nearness[places]


def entropy_of(logits: Logits, top: float) -> float:
    """The entropy in nats. ``top`` is the largest logit."""
    below, weights = _below(logits, top)
    total = float(_block_sums(weights).sum())
    return math.log(total) + float(_block_sums(weights, below).sum()) / total


def _below(logits: Logits, top: float) -> tuple[Logits, Logits]:
    """How far each logit is below the largest one, up to a distance where nothing counts, and the weights of that."""
    below = np.subtract(np.float32(top), logits)
    np.minimum(below, np.float32(NEGLIGIBLE + 1), out=below)
    weights = np.negative(below)
    return below, np.exp(weights, out=weights)


def mask_below_sigma(logits: Logits, deviations: float) -> None:
    """Mask, in place, what is more than so many standard deviations of all logits below the largest one."""
    masked = logits == -np.inf
    counted = logits[~masked] if masked.any() else logits
    if len(counted) > 1:
        centred = counted - counted[:_BLOCK].mean()  # so that few digits are lost
        mean = float(_block_sums(centred).sum()) / len(centred)
        square = float(_block_sums(centred, centred).sum()) / len(centred)
        spread = np.float32(math.sqrt(max(square - mean**2, 0.0)))
        logits[logits < counted.max() - np.float32(deviations) * spread] = -np.inf


def draw_in_order(weights: Logits, number: float) -> int:
    """The first index up to which the weights sum to ``number`` (0 to 1) of all, as llama.cpp draws without sorting."""
    sums = _block_sums(weights)
    ends = sums.cumsum()
    target = ends[-1] * number
    block = min(int(np.searchsorted(ends, target)), len(ends) - 1)
    begin = block * _BLOCK
    inside = weights[begin : begin + _BLOCK].cumsum(dtype=np.float64)
    before = float(ends[block - 1]) if block else 0.0
    return begin + min(int(np.searchsorted(inside, target - before)), len(inside) - 1)


def draw_by_rank(logits: Logits, weights: Logits, largest: float, temperature: float, number: float) -> int:
    """The index at which the weights sum to ``number`` (0 to 1) of all, by falling logits, as in a sorted row."""
    mass = number * float(_block_sums(weights).sum())
    for near in NEAR_LOGITS:
        tokens = np.flatnonzero(logits >= np.float32(largest - near * temperature))
        if float(weights[tokens].sum(dtype=np.float64)) >= mass:
            break
    else:
        tokens = np.flatnonzero(logits > -np.inf)
    return ByRank(tokens, logits[tokens], weights[tokens]).at(mass)


class ByRank:
    """Tokens with logits and weights, by falling logits.

    Only the part in which a search ends is sorted: the others are grouped by their logits.
    """

    def __init__(self, tokens: Tokens, logits: Logits, weights: Logits) -> None:
        self._tokens, self._logits, self._weights = tokens, logits, weights
        self._bins: NDArray[np.intp] | None = None
        if len(tokens) > FEW_TOKENS:
            largest, smallest = logits.max(), logits.min()
            scale = np.float32((_BINS - 1) / max(float(largest - smallest), 1e-6))
            self._bins = ((largest - logits) * scale).astype(np.intp)

    def until(self, mass: float) -> Tokens:
        """The first tokens, until their weights sum to ``mass``; all of them if they do not."""
        before, inside = self._search(mass)
        return np.concatenate([before, inside])

    def at(self, mass: float) -> int:
        """The token at which the weights sum to ``mass``."""
        return int(self._search(mass)[1][-1])

    def _search(self, mass: float) -> tuple[Tokens, Tokens]:
        """The tokens of all groups before the one in which the sum reaches ``mass``, and those of this one up to it."""
        if self._bins is None:
            return self._tokens[:0], self._sorted_until(slice(None), mass)
        ends = np.bincount(self._bins, weights=self._weights, minlength=_BINS).cumsum()
        group = min(int(np.searchsorted(ends, mass)), int(self._bins.max()))
        before = np.flatnonzero(self._bins < group)
        inside = np.flatnonzero(self._bins == group)
        missing = mass - (float(ends[group - 1]) if group else 0.0)
        return self._tokens[before], self._sorted_until(inside, missing)

    def _sorted_until(self, part: Tokens | slice, mass: float) -> Tokens:
        order = np.argsort(-self._logits[part], kind="stable")
        sums = self._weights[part][order].cumsum(dtype=np.float64)
        kept: Tokens = self._tokens[part][order[: int(np.searchsorted(sums, mass)) + 1]]
        return kept


def _block_sums(weights: Logits, values: Logits | None = None) -> NDArray[np.float64]:
    """The sums of consecutive blocks of weights, or of their products with values; the last block may be shorter."""
    whole = len(weights) // _BLOCK * _BLOCK
    blocked, rest = weights[:whole].reshape(-1, _BLOCK), weights[whole:]
    blocks: NDArray[np.float32]
    if values is None:
        blocks = np.einsum("ij->i", blocked)
        last = rest.sum(dtype=np.float64)
    else:
        blocks = np.einsum("ij,ij->i", blocked, values[:whole].reshape(-1, _BLOCK))
        last = np.multiply(rest, values[whole:], dtype=np.float64).sum()
    return np.append(blocks.astype(np.float64), last)
