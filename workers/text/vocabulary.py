"""What the text engine needs of a model's vocabulary."""

from __future__ import annotations

from typing import Protocol

from llguidance import LLTokenizer

from workers.chat.markup import SpecialTexts


class Vocabulary(Protocol):
    """The ``size`` tokens of one model. ``eog`` are its end-of-generation tokens.

    ``bos`` and ``eos`` are -1, and their texts empty, if the model has none. ``infill`` are its tokens before a prefix,
    between that and a suffix, and before what belongs between both; None if it lacks one.
    """

    size: int
    bos: int
    eos: int
    adds_bos: bool
    infill: tuple[int, int, int] | None
    bos_text: str
    eos_text: str

    @property
    def eog(self) -> frozenset[int]:
        """The tokens that end an answer."""
        ...

    def tokenize(self, text: str, add_special: bool, parse_special: bool) -> list[int]:
        """The tokens of ``text``.

        ``add_special`` adds BOS and EOS if the model wants them; ``parse_special`` reads the text of a special token
        as that token.
        """

    def tokenize_pieces(self, pieces: list[str], add_special: bool) -> list[int]:
        """The tokens of texts that follow each other, so that no token, special ones included, spans two of them."""

    def tokenize_inner(self, text: str, parse_special: bool = True) -> list[int]:
        """The tokens of ``text`` within a longer one, without the space that some vocabularies put before a text."""

    def detokenize(self, tokens: list[int]) -> str:
        """The text of ``tokens``, special ones included, without the space that some vocabularies put before a text."""

    def special_texts(self) -> SpecialTexts:
        """The texts of control and of user-defined tokens."""

    def end_texts(self) -> tuple[str, ...]:
        """The texts of the tokens that end an answer."""

    def tokens_in(self, texts: list[str]) -> frozenset[int]:
        """The control and user-defined tokens whose texts occur in one of these texts."""

    def min_tokens(self, text: str) -> int:
        """A lower bound of the number of tokens of ``text``, found without tokenising it."""

    def piece(self, token: int, special: bool = False) -> bytes:
        """The bytes of one token; empty for a special token unless ``special`` is set."""

    def special_token(self, text: str) -> int | None:
        """The id of the special token whose text is ``text``; None if there is none."""

    def grammar_tokenizer(self) -> LLTokenizer:
        """The vocabulary for llguidance. Building it takes some tenths of a second."""

    def is_special(self, text: str) -> bool:
        """Whether ``text`` is the text of a special token."""
