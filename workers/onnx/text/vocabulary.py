"""The vocabulary of a folder with a tokenizer.json: text to tokens and back."""

from __future__ import annotations

import re
from collections.abc import Iterator

from llguidance import LLTokenizer

from workers.chat.markup import SpecialTexts
from workers.engine import EngineLoadError
from workers.onnx.text.folder_files import model_folder
from workers.onnx.text.grammar_tokens import grammar_tokenizer
from workers.onnx.text.known_tokens import CHANNELS, infill_tokens_of, known_ends
from workers.onnx.text.special_ids import SpecialIds, read_special_ids
from workers.onnx.text.tokenizer_file import MAX_TOKENS, TokenizerFile, read_tokenizer_file
from workers.onnx.tokenizer_json import NAME, Tokenizer


class FolderVocabulary:
    """The tokens of one model. Its methods are those of :class:`workers.text.vocabulary.Vocabulary`.

    ``size`` is the number of the model's logits: some of the last ids may have no token.

    Raises:
        EngineLoadError: the files are damaged, or do not belong together.
    """

    def __init__(self, file: TokenizerFile, ids: SpecialIds) -> None:
        self._tokenizer, self._plain = file.open(), file.open()
        self._plain.encode_special_tokens = True  # the texts of control tokens are text
        texts = _texts(self._tokenizer)
        numbers = {text: token for token, text in texts.items()}
        self.size = _size(ids.size, max(texts))
        self._added = {text: numbers[text] for text in file.added if text in numbers}
        self._control = {text: self._added[text] for text in file.control if text in self._added}
        self._control_ids = frozenset(self._control.values())
        ends = [numbers[text] for text in sorted(known_ends(self._control))]
        self.bos = _first_token([numbers.get(ids.bos_text), *ids.bos], texts)
        self.eos = _first_token([numbers.get(ids.eos_text), *ids.eos, *ends], texts)
        self.eog = frozenset(token for token in (self.eos, *ids.eos, *ends) if token in texts)
        if not self.eog:
            raise EngineLoadError(f"{ids.file}: expected an eos_token_id of the tokenizer.json, got none")
        self.infill = infill_tokens_of(numbers)
        self._pieces = [b""] * self.size
        for token, text in texts.items():
            self._pieces[token] = text.encode("utf-8", "replace") if text in self._added else file.alphabet.piece(text)
        hidden = {token for text, token in self._control.items() if text not in CHANNELS}
        self._shown = [b"" if token in hidden else piece for token, piece in enumerate(self._pieces)]
        self._max_piece_bytes = max(map(len, self._pieces))
        self.bos_text, self.eos_text = self._text(self.bos), self._text(self.eos)
        self._before, self._after = self._frame(ids)
        self.adds_bos = self.bos >= 0 and self._before[:1] == [self.bos]
        self._anchor = _encode(self._tokenizer, "\n")
        self._adds_space = b"".join(self.piece(token) for token in _encode(self._plain, "a")).startswith(b" ")

    def tokenize(self, text: str, add_special: bool, parse_special: bool) -> list[int]:
        """The tokens of ``text``.

        ``add_special`` adds BOS and EOS if the model wants them; ``parse_special`` reads the text of a control token
        as that token.
        """
        tokens = _encode(self._tokenizer, text) if parse_special else self._plain_tokens(text)
        return [*self._before, *tokens, *self._after] if add_special else tokens

    def tokenize_pieces(self, pieces: list[str], add_special: bool) -> list[int]:
        """The tokens of texts that follow each other, so that no token, special ones included, spans two of them."""
        tokens = self.tokenize(pieces[0], add_special=False, parse_special=True)
        for piece in pieces[1:]:
            tokens += self.tokenize_inner(piece)
        return [*self._before, *tokens, *self._after] if add_special else tokens

    def tokenize_inner(self, text: str, parse_special: bool = True) -> list[int]:
        """The tokens of ``text`` within a longer one, without the space that some vocabularies put before a text."""
        tokens = self.tokenize("\n" + text, add_special=False, parse_special=parse_special)
        if tokens[: len(self._anchor)] == self._anchor:
            return tokens[len(self._anchor) :]
        return self.tokenize(text, add_special=False, parse_special=parse_special)  # the line feed became a part

    def detokenize(self, tokens: list[int]) -> str:
        """The text of ``tokens``, special ones included, without the space that some vocabularies put before a text."""
        pieces = [self._pieces[token] for token in tokens]
        if self._adds_space and pieces:
            pieces[0] = pieces[0].removeprefix(b" ")
        return b"".join(pieces).decode("utf-8", "replace")

    def special_texts(self) -> SpecialTexts:
        """The texts of control and of user-defined tokens."""
        control = frozenset(self._control) - CHANNELS
        return SpecialTexts(control, frozenset(self._added) - control)

    def end_texts(self) -> tuple[str, ...]:
        """The texts of the tokens that end an answer."""
        return tuple(self._text(token) for token in sorted(self.eog))

    def tokens_in(self, texts: list[str]) -> frozenset[int]:
        """The control and user-defined tokens whose texts occur in one of these texts."""
        everything = "\0".join(texts)
        return frozenset(token for text, token in self._added.items() if text and text in everything)

    def min_tokens(self, text: str) -> int:
        """A lower bound of the number of tokens of ``text``, found without tokenising it."""
        return len(text) // max(self._max_piece_bytes, 1)

    def piece(self, token: int, special: bool = False) -> bytes:
        """The bytes of one token; empty for a control token unless ``special`` is set."""
        return self._pieces[token] if special else self._shown[token]

    def special_token(self, text: str) -> int | None:
        """The id of the special token whose text is ``text``; None if there is none."""
        return self._added.get(text)

    def is_special(self, text: str) -> bool:
        """Whether ``text`` is the text of a special token."""
        return text in self._added

    def grammar_tokenizer(self) -> LLTokenizer:
        """The vocabulary for llguidance. Building it takes some tenths of a second."""
        special = self.special_texts()
        marked = {*special.control, *(text for text in special.user_defined if text[:1] == "<" and text[-1:] == ">")}
        ends = sorted(self.eog, key=lambda token: (token != self.eos, token))
        return grammar_tokenizer(self._pieces, [self._added[text] for text in marked], ends, self._grammar_tokens)

    def _grammar_tokens(self, text: str) -> list[int]:
        return self.tokenize_inner(text, parse_special=False)

    def _plain_tokens(self, text: str) -> list[int]:
        """The tokens of a text that has no control token, whatever it spells.

        Some models of tokens have the texts of control tokens among the others. These texts are cut.
        """
        tokens = _encode(self._plain, text)
        if self._control_ids.isdisjoint(tokens):
            return tokens
        found = self._control_ids.intersection(tokens)
        spelt = [control for control, token in self._control.items() if token in found and control]
        pieces = list(_cut(text, re.compile("|".join(map(re.escape, spelt)))))
        tokens = _encode(self._plain, pieces[0])
        for piece in pieces[1:]:
            tokens += _encode(self._plain, "\n" + piece)[len(self._anchor) :]
        return [token for token in tokens if token not in self._control_ids]

    def _frame(self, ids: SpecialIds) -> tuple[list[int], list[int]]:
        """The tokens before and after each text."""
        bare, whole = _encode(self._tokenizer, "a"), _encode(self._tokenizer, "a", add_special=True)
        places = (at for at in range(len(whole)) if whole[at : at + len(bare)] == bare)
        start = next(places, len(whole))
        before, after = whole[:start], whole[start + len(bare) :]
        if ids.adds_bos is not None:
            before = [self.bos] if ids.adds_bos and self.bos >= 0 else []
        if ids.adds_eos is not None:
            after = [self.eos] if ids.adds_eos and self.eos >= 0 else []
        return before, after

    def _text(self, token: int) -> str:
        return self._pieces[token].decode("utf-8", "replace") if token >= 0 else ""


def read_vocabulary(path: str) -> FolderVocabulary:
    """Read the vocabulary of a model's folder, or of the folder that a file is in.

    Raises:
        EngineLoadError: the files are missing or damaged, or do not belong together.
    """
    folder = model_folder(path)
    ids = read_special_ids(folder)
    return FolderVocabulary(read_tokenizer_file(folder, ids.size), ids)


def _encode(tokenizer: Tokenizer, text: str, add_special: bool = False) -> list[int]:
    """The ids of a text, while other threads run. Half of a surrogate pair is read as a question mark."""
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-8", "replace").decode()
    ids: list[int] = tokenizer.encode_batch_fast([text], add_special_tokens=add_special)[0].ids
    return ids


def _cut(text: str, pattern: re.Pattern[str]) -> Iterator[str]:
    """A text in pieces, which end behind the first character of what is to be cut."""
    begin = 0
    for found in pattern.finditer(text):
        yield text[begin : found.start() + 1]
        begin = found.start() + 1
    yield text[begin:]


def _texts(tokenizer: Tokenizer) -> dict[int, str]:
    """The tokens by their ids."""
    texts = {token: text for text, token in tokenizer.get_vocab(with_added_tokens=True).items()}
    if not texts:
        raise EngineLoadError(f"{NAME}: expected tokens, got none")
    return texts


def _size(given: int | None, last: int) -> int:
    """The number of the model's logits."""
    size = last + 1 if given is None else given
    if not last < size <= MAX_TOKENS:
        raise EngineLoadError(f"{NAME}: expected token ids below the model's vocab_size {size}, got {last}")
    return size


def _first_token(given: list[int | None], texts: dict[int, str]) -> int:
    """The first that is a token; -1 if none is."""
    return next((token for token in given if token is not None and token in texts), -1)
