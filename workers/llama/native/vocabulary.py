"""A model's vocabulary: text to tokens and back."""

from __future__ import annotations

import ctypes

import llama_cpp
from llguidance import LLTokenizer
from llguidance.llamacpp import lltokenizer_from_vocab

BYTES_OF_A_PIECE = 512


class Vocabulary:
    """Tokens of one model. ``size`` is their number; ids of special tokens are -1 where the model has none."""

    def __init__(self, vocab: llama_cpp.llama_vocab_p) -> None:
        self._vocab = vocab
        self.size = int(llama_cpp.llama_vocab_n_tokens(vocab))
        self.bos = int(llama_cpp.llama_vocab_bos(vocab))
        self.eos = int(llama_cpp.llama_vocab_eos(vocab))
        self.adds_bos = bool(llama_cpp.llama_vocab_get_add_bos(vocab))
        self.ends = frozenset(token for token in range(self.size) if llama_cpp.llama_vocab_is_eog(vocab, token))
        self._pieces: dict[tuple[int, bool], bytes] = {}
        self._longest_piece = max(len(self.piece(token, special=True)) for token in range(self.size))

    def tokenize(self, text: str, add_special: bool, parse_special: bool) -> list[int]:
        """The tokens of ``text``.

        ``add_special`` puts the model's BOS (and EOS) around it if the model wants them; ``parse_special`` reads the
        spelling of a special token as that token.
        """
        data = text.encode("utf-8", "replace")
        room = len(data) + 8
        while True:
            tokens = (llama_cpp.llama_token * room)()
            count = llama_cpp.llama_tokenize(self._vocab, data, len(data), tokens, room, add_special, parse_special)
            if count >= 0:
                return tokens[:count]
            room = -count

    def fewest_tokens(self, text: str) -> int:
        """A number of tokens that ``text`` certainly has, found without tokenising it: all are the longest one."""
        return len(text) // max(self._longest_piece, 1)

    def piece(self, token: int, special: bool = False) -> bytes:
        """The bytes of one token; nothing for a special token unless ``special`` is set."""
        key = (token, special)
        piece = self._pieces.get(key)
        if piece is None:
            piece = self._pieces[key] = self._read_piece(token, special)
        return piece

    def text_of_special(self, token: int) -> str:
        """How a special token is spelt; empty for -1."""
        return self.piece(token, special=True).decode("utf-8", "replace") if token >= 0 else ""

    def special_token(self, text: str) -> int | None:
        """The id of the special token that is spelt ``text``, if there is one."""
        tokens = self.tokenize(text, add_special=False, parse_special=True)
        if len(tokens) != 1:
            return None
        attributes = llama_cpp.llama_vocab_get_attr(self._vocab, tokens[0])
        special = llama_cpp.LLAMA_TOKEN_ATTR_CONTROL | llama_cpp.LLAMA_TOKEN_ATTR_USER_DEFINED
        return tokens[0] if attributes & special else None

    def grammar_tokenizer(self) -> LLTokenizer:
        """The vocabulary as llguidance reads it. Takes some tenths of a second."""
        ends = sorted(self.ends) or [self.eos]
        if self.eos in self.ends:
            ends.remove(self.eos)
            ends.insert(0, self.eos)
        return lltokenizer_from_vocab(self._vocab, n_vocab=self.size, eos_token=ends)

    def _read_piece(self, token: int, special: bool) -> bytes:
        room = BYTES_OF_A_PIECE
        while True:
            buffer = ctypes.create_string_buffer(room)
            count = llama_cpp.llama_token_to_piece(self._vocab, token, buffer, room, 0, special)
            if count >= 0:
                return buffer.raw[:count]
            room = -count
