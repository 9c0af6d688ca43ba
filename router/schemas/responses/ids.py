"""Ids of responses and of their items. An item's id names the answer that it belongs to, which finds it again."""

from __future__ import annotations

import re

from router.schemas.responses.items import ID_PREFIXES
from shared.wire.call_ids import short_id

RESPONSE_PREFIX = "resp_"

_ITEM = re.compile(r"[a-z]+_([0-9a-f]{32})(?:i?[0-9a-f]+)")


def response_id(answer_id: str) -> str:
    """The id of an answer's response."""
    return RESPONSE_PREFIX + answer_id


def answer_of(identifier: str) -> str:
    """The id of the answer whose response has this id."""
    return identifier.removeprefix(RESPONSE_PREFIX)


def output_item_id(answer_id: str, kind: str, index: int) -> str:
    """The id of an item of an answer's output."""
    return f"{ID_PREFIXES[kind]}_{answer_id}{index:02x}"


def input_item_id(answer_id: str, kind: str, index: int) -> str:
    """The id of an item of the input that led to an answer, if it has no other."""
    return f"{ID_PREFIXES[kind]}_{answer_id}i{index:02x}"


def call_id(answer_id: str, index: int) -> str:
    """The id of a call in an answer, which its result refers to."""
    return f"call_{short_id(f'{answer_id}/0/{index}')}"


def response_of_item(item_id: str) -> str | None:
    """The id of the response that this item was made for; None if it was not made here."""
    found = _ITEM.fullmatch(item_id)
    return response_id(found[1]) if found else None
