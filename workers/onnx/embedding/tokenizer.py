"""A folder's tokenizer.json: tokens of texts and of pairs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from workers.engine import EngineLoadError
from workers.onnx.tokenizer_json import NAME, open_tokenizer, refused_as_damaged


@dataclass(frozen=True, slots=True)
class PairTemplate:
    """What stands before, between and after the two texts of a pair, and the types of all tokens.

    The types are those of the tokens before, of the first text, between, of the second text, and after.
    """

    before: list[int]
    between: list[int]
    after: list[int]
    types: tuple[list[int], int, list[int], int, list[int]]


class FolderTokenizer:
    """The tokens of texts by a tokenizer.json. It keeps no state of texts, so several threads may use it.

    ``size`` is the number of token ids that the model has, if it is known. Texts become lower case if the model wants
    them so and its tokenizer does not do it (``lowercases``).

    Raises:
        EngineLoadError: there is none, or it is damaged.
    """

    def __init__(self, root: Path, size: int | None, lowercases: bool = False) -> None:
        self._tokenizer, self._plain = open_tokenizer(root / NAME), open_tokenizer(root / NAME)
        self._plain.encode_special_tokens = True
        self._lowercases = lowercases
        self._size = size
        with refused_as_damaged(root / NAME):
            self._dividers = frozenset(self._tokenizer.encode("", "").ids)
            self.tokenize("a")

    @cached_property
    def size(self) -> int:
        """The number of token ids."""
        return self._size or self._tokenizer.get_vocab_size(with_added_tokens=True)

    @cached_property
    def around(self) -> tuple[list[int], list[int]]:
        """The tokens that the model wants before and after a text."""
        whole, bare = self._tokenizer.encode("a").ids, self.tokenize("a")
        begin = _place(whole, bare, 0)
        return whole[:begin], whole[begin + len(bare) :]

    def tokenize(self, text: str) -> list[int]:
        """The tokens of a text, special ones in it included, without those around it."""
        return self._tokenizer.encode(self._cleaned(text), add_special_tokens=False).ids

    def tokenize_plain(self, text: str) -> list[int]:
        """The tokens of a text, in which special ones are text. None of them is one that stands around texts."""
        ids = self._plain.encode(self._cleaned(text), add_special_tokens=False).ids
        return [number for number in ids if number not in self._dividers]  # some vocabularies have them as words too

    def pair_template(self) -> PairTemplate:
        """How the tokenizer joins two texts.

        Raises:
            EngineLoadError: it does not keep them apart.
        """
        first, second = self.tokenize("a"), self.tokenize("b")
        pair = self._tokenizer.encode("a", "b")
        ids, types = pair.ids, pair.type_ids
        begin = _place(ids, first, 0)
        middle = _place(ids, second, begin + len(first))
        end = middle + len(second)
        between = ids[begin + len(first) : middle]
        if not between:
            raise EngineLoadError(f"{NAME}: expected a special token between the texts of a pair, got none")
        return PairTemplate(
            ids[:begin],
            between,
            ids[end:],
            (types[:begin], types[begin], types[begin + len(first) : middle], types[middle], types[end:]),
        )

    def _cleaned(self, text: str) -> str:
        """A text that the tokenizer can read: without lone surrogates."""
        text = text.encode("utf-8", "replace").decode("utf-8")
        return text.lower() if self._lowercases else text


def _place(whole: list[int], part: list[int], start: int) -> int:
    """Where ``part`` is in ``whole``, from ``start`` on."""
    for begin in range(start, len(whole) - len(part) + 1):
        if whole[begin : begin + len(part)] == part:
            return begin
    raise EngineLoadError(f"{NAME}: expected special tokens around a text, got ones that change it")
