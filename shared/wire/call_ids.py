"""Short ids, which some models demand of calls."""

from __future__ import annotations

import hashlib
import string

SHORT_ID_LENGTH = 9
_LETTERS = string.ascii_letters + string.digits


def short_id(identifier: str) -> str:
    """An id of 9 letters and digits for any other, always the same for the same."""
    if len(identifier) == SHORT_ID_LENGTH and identifier.isascii() and identifier.isalnum():
        return identifier
    digest = hashlib.blake2b(identifier.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    number = int.from_bytes(digest, "big")
    letters = []
    for _ in range(SHORT_ID_LENGTH):
        number, digit = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[digit])
    return "".join(letters)
