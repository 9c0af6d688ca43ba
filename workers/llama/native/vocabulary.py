"""A model's vocabulary: text to tokens and back."""

from __future__ import annotations

import ctypes
from functools import cached_property, partial
from itertools import compress

import llama_cpp
from llguidance import LLTokenizer
from llguidance.llamacpp import lltokenizer_from_vocab

from workers.chat.markup import SpecialTexts

PIECE_BUFFER_BYTES = 512


class LlamaVocabulary:
    """The ``size`` tokens of one model. ``eog`` are its end-of-generation tokens.

    ``bos`` and ``eos`` are -1, and their texts empty, if the model has none. ``infill`` are its tokens before a prefix,
    between that and a suffix, and before what belongs between both; None if it lacks one.
    """

    def __init__(self, vocab: llama_cpp.llama_vocab_p) -> None:
        self._vocab = vocab
        self.size = int(llama_cpp.llama_vocab_n_tokens(vocab))
        self.bos = int(llama_cpp.llama_vocab_bos(vocab))
        self.eos = int(llama_cpp.llama_vocab_eos(vocab))
        self.adds_bos = bool(llama_cpp.llama_vocab_get_add_bos(vocab))
        infill = (llama_cpp.llama_vocab_fim_pre, llama_cpp.llama_vocab_fim_suf, llama_cpp.llama_vocab_fim_mid)
        begin, middle, end = (int(token_of(vocab)) for token_of in infill)
        self.infill = None if min(begin, middle, end) < 0 else (begin, middle, end)
        self._pieces: dict[tuple[int, bool], bytes] = {}
        self.bos_text, self.eos_text = self._special_text(self.bos), self._special_text(self.eos)
        self._special_texts: SpecialTexts | None = None

    @cached_property
    def eog(self) -> frozenset[int]:
        """The tokens that end an answer; to find them, all tokens are looked at once."""
        return frozenset(
            compress(range(self.size), map(partial(llama_cpp.llama_vocab_is_eog, self._vocab), range(self.size)))
        )

    @cached_property
    def _max_piece_bytes(self) -> int:
        # Without room for a piece, the answer is its length, negated.
        length = partial(llama_cpp.llama_token_to_piece, self._vocab)
        return max(abs(int(length(token, None, 0, 0, True))) for token in range(self.size))

    def tokenize(self, text: str, add_special: bool, parse_special: bool) -> list[int]:
        """The tokens of ``text``.

        ``add_special`` adds BOS and EOS if the model wants them; ``parse_special`` reads the text of a special token
        as that token.
        """
        data = text.encode("utf-8", "replace")
        room = len(data) + 8
        while True:
            tokens = (llama_cpp.llama_token * room)()
            count = llama_cpp.llama_tokenize(self._vocab, data, len(data), tokens, room, add_special, parse_special)
            if count >= 0:
                return tokens[:count]
            room = -count

    def tokenize_pieces(self, pieces: list[str], add_special: bool) -> list[int]:
        """The tokens of texts that follow each other, so that no token, special ones included, spans two of them."""
        tokens = self.tokenize(pieces[0], add_special, parse_special=True)
        if len(pieces) == 1:
            return tokens
        adds_eos = add_special and bool(llama_cpp.llama_vocab_get_add_eos(self._vocab))
        end = [tokens.pop()] if adds_eos else []
        for piece in pieces[1:]:
            tokens += self.tokenize_inner(piece)
        return tokens + end

    def tokenize_inner(self, text: str, parse_special: bool = True) -> list[int]:
        """The tokens of ``text`` within a longer one, without the space that some vocabularies put before a text."""
        anchor = self.tokenize("\n", add_special=False, parse_special=True)
        tokens = self.tokenize("\n" + text, add_special=False, parse_special=parse_special)
        if tokens[: len(anchor)] == anchor:
            return tokens[len(anchor) :]
        return self.tokenize(
            text, add_special=False, parse_special=parse_special
        )  # the line feed became a part of a token

    def detokenize(self, tokens: list[int]) -> str:
        """The text of ``tokens``, special ones included, without the space that some vocabularies put before a text."""
        given = (llama_cpp.llama_token * len(tokens))(*tokens)
        room = sum(len(self.piece(token, special=True)) for token in tokens) + 8
        while True:
            text = ctypes.create_string_buffer(room)
            count = llama_cpp.llama_detokenize(self._vocab, given, len(tokens), text, room, False, True)
            if count >= 0:
                return text.raw[:count].decode("utf-8", "replace")
            room = -count

    def separators(self) -> list[int]:
        """The tokens between two texts that are read as a pair."""
        eos, sep = self.eos, int(llama_cpp.llama_vocab_sep(self._vocab))
        ends = [eos] if llama_cpp.llama_vocab_get_add_eos(self._vocab) else []
        between = [sep] if llama_cpp.llama_vocab_get_add_sep(self._vocab) else []
        return [token for token in [*ends, *between] or [sep if sep >= 0 else eos] if token >= 0]

    def special_texts(self) -> SpecialTexts:
        """The texts of control and of user-defined tokens."""
        if self._special_texts is None:
            control, user_defined = set(), set()
            attributes_of = partial(llama_cpp.llama_vocab_get_attr, self._vocab)
            for token, attributes in enumerate(map(attributes_of, range(self.size))):
                if attributes & (llama_cpp.LLAMA_TOKEN_ATTR_CONTROL | llama_cpp.LLAMA_TOKEN_ATTR_UNKNOWN):
                    control.add(self._special_text(token))
                elif attributes & llama_cpp.LLAMA_TOKEN_ATTR_USER_DEFINED:
                    user_defined.add(self._special_text(token))
            self._special_texts = SpecialTexts(frozenset(control), frozenset(user_defined))
        return self._special_texts

    def end_texts(self) -> tuple[str, ...]:
        """The texts of the tokens that end an answer."""
        return tuple(self._special_text(token) for token in sorted(self.eog))

    def tokens_in(self, texts: list[str]) -> frozenset[int]:
        """The control and user-defined tokens whose texts occur in one of these texts."""
        everything = "\0".join(texts)
        special = self.special_texts()
        found = [text for text in special.control | special.user_defined if text and text in everything]
        tokens = (self.special_token(text) for text in found)
        return frozenset(token for token in tokens if token is not None)

    def min_tokens(self, text: str) -> int:
        """A lower bound of the number of tokens of ``text``, found without tokenising it."""
        return len(text) // max(self._max_piece_bytes, 1)

    def piece(self, token: int, special: bool = False) -> bytes:
        """The bytes of one token; empty for a special token unless ``special`` is set."""
        key = (token, special)
        piece = self._pieces.get(key)
        if piece is None:
            piece = self._pieces[key] = self._read_piece(token, special)
        return piece

    def special_token(self, text: str) -> int | None:
        """The id of the special token whose text is ``text``; None if there is none."""
        tokens = self.tokenize(text, add_special=False, parse_special=True)
        if len(tokens) != 1:
            return None
        attributes = self.attributes(tokens[0])
        special = llama_cpp.LLAMA_TOKEN_ATTR_CONTROL | llama_cpp.LLAMA_TOKEN_ATTR_USER_DEFINED
        return tokens[0] if attributes & special else None

    def attributes(self, token: int) -> int:
        """The attributes of a token, as llama.cpp's flags."""
        return int(llama_cpp.llama_vocab_get_attr(self._vocab, token))

    def grammar_tokenizer(self) -> LLTokenizer:
        """The vocabulary for llguidance. Building it takes some tenths of a second."""
        eog = sorted(self.eog) or [self.eos]
        if self.eos in self.eog:
            eog.remove(self.eos)
            eog.insert(0, self.eos)
        return lltokenizer_from_vocab(self._vocab, n_vocab=self.size, eos_token=eog)

    def is_special(self, text: str) -> bool:
        """Whether ``text`` is the text of a special token."""
        return self.special_token(text) is not None

    def _special_text(self, token: int) -> str:
        return self.piece(token, special=True).decode("utf-8", "replace") if token >= 0 else ""

    def _read_piece(self, token: int, special: bool) -> bytes:
        room = PIECE_BUFFER_BYTES
        while True:
            buffer = ctypes.create_string_buffer(room)
            count = llama_cpp.llama_token_to_piece(self._vocab, token, buffer, room, 0, special)
            if count >= 0:
                return buffer.raw[:count]
            room = -count
