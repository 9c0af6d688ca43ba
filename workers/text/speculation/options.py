"""What is speculated with, from a model's settings."""

from __future__ import annotations

from dataclasses import dataclass

from shared.settings.text.speculation import Speculate


@dataclass(frozen=True, slots=True)
class SpeculationOptions:
    """``draft_path`` is the file of a smaller model with the same vocabulary; ``draft_tokens`` the longest draft."""

    speculate: Speculate = Speculate.OFF
    draft_path: str = ""
    draft_tokens: int = 16

    @property
    def looks_up(self) -> bool:
        """Whether the tokens of a sequence are looked up in its own text."""
        return self.speculate in (Speculate.AUTO, Speculate.NGRAM)

    @property
    def asks_model(self) -> bool:
        """Whether a draft model is loaded."""
        return bool(self.draft_path) and self.speculate in (Speculate.AUTO, Speculate.DRAFT)

    @property
    def is_on(self) -> bool:
        """Whether there may be any drafts."""
        return self.looks_up or self.asks_model
