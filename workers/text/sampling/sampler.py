"""Draws the next token of a sequence, as llama.cpp's native samplers do.

The random number of a draw depends only on the request's seed and the number of tokens before it. So a worker that
takes over a sequence continues with the same draws. llama.cpp's own generator cannot be advanced to that point, since
it skips draws without a choice; so it is seeded again for each draw.
"""

from __future__ import annotations

import secrets

import numpy as np
from numpy.typing import NDArray

from shared.wire.jobs import Sampling
from workers.text.sampling.candidates import Candidates
from workers.text.sampling.chain import has_penalties, is_greedy, needs_chain
from workers.text.sampling.drawing import ChainDraws
from workers.text.sampling.dry import RepetitionPenalty
from workers.text.sampling.mirostat import Mirostat
from workers.text.sampling.penalties import Penalties
from workers.text.sampling.seeds import draw_seed


class Sampler:
    """The samplers of one sequence.

    Order, as in llama.cpp: logit bias, penalties, DRY, then either those of :class:`ChainDraws` or temperature and
    Mirostat. Greedy requests take the largest logit after bias, penalties and DRY. ``repetition`` is the penalty of
    DRY, and ``mirostat_mu`` that of an earlier worker's last tokens.
    """

    def __init__(
        self,
        sampling: Sampling,
        vocab_size: int,
        repetition: RepetitionPenalty | None = None,
        mirostat_mu: float | None = None,
    ) -> None:
        self._accepted = 0  # tokens of the answer so far, drawn or forced
        self._bias_tokens = np.array(list(sampling.logit_bias), np.int64)
        self._bias = np.array(list(sampling.logit_bias.values()), np.float32)
        self._repetition = repetition
        self._penalties: Penalties | None = None
        self._mirostat: Mirostat | None = None
        self._chain_draws: ChainDraws | None = None
        if not needs_chain(sampling):
            return
        candidates = Candidates()
        if has_penalties(sampling):
            self._penalties = Penalties(sampling, vocab_size, candidates)
        if is_greedy(sampling):
            return
        self._seed = secrets.randbits(32) if sampling.seed is None else sampling.seed
        if sampling.mirostat:
            self._mirostat = Mirostat(sampling, vocab_size, candidates, mirostat_mu)
        else:
            self._chain_draws = ChainDraws(sampling, candidates)

    @property
    def mirostat_mu(self) -> float | None:
        """What a worker that takes over must know beside the tokens; None without Mirostat."""
        return None if self._mirostat is None else self._mirostat.mu

    def sample(self, logits: NDArray[np.float32]) -> int:
        """Draw from logits, shape ``(vocabulary,)``, which are changed in place."""
        if self._bias.size:
            logits[self._bias_tokens] += self._bias
        if self._penalties is not None:
            self._penalties.apply(logits)
        if self._repetition is not None:
            self._repetition.apply(logits)
        token = self._draw(logits)
        self.accept(token)
        return token

    def guess(self, logits: NDArray[np.float32], ahead: int) -> int:
        """What is probably drawn after ``ahead`` further tokens, by the logits of a model that says much the same.

        The random number is that of the draw to come, so two alike distributions mostly give the same token. Bias and
        penalties count nothing here. ``logits`` are changed in place.
        """
        if self._chain_draws is None:
            return int(logits.argmax())
        return self._chain_draws.draw(logits, draw_seed(self._seed, self._accepted + ahead))

    def accept(self, token: int) -> None:
        """Count a token that was appended without :meth:`sample`."""
        if self._penalties is not None:
            self._penalties.accept(token)
        if self._repetition is not None:
            self._repetition.accept(token)
        self._accepted += 1

    def close(self) -> None:
        """Free the chains. They are freed too when nobody holds the sampler any more."""
        if self._penalties is not None:
            self._penalties.close()
        if self._chain_draws is not None:
            self._chain_draws.close()

    def _draw(self, logits: NDArray[np.float32]) -> int:
        if self._chain_draws is not None:
            return self._chain_draws.draw(logits, draw_seed(self._seed, self._accepted))
        if self._mirostat is not None:
            return self._mirostat.draw(logits, draw_seed(self._seed, self._accepted))
        return int(logits.argmax())
