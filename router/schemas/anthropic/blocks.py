"""The text of content blocks, and their pictures."""

from __future__ import annotations

from typing import Any, TypeVar

from router.schemas.anthropic.images import OMITTED_IMAGE, image_of
from router.schemas.errors import ApiError
from router.schemas.media.given import Content, Given, content_of, joined
from router.schemas.shown import shown

Block = dict[str, Any]
T = TypeVar("T")

MAX_BLOCKS = 4096
"""Of a message."""


def checked_content(given: Any) -> Any:
    """Check that this is a string or a list of blocks, each with its type.

    Raises:
        ValueError: it is not.
    """
    if isinstance(given, str):
        return given
    if not isinstance(given, list):
        raise ValueError("expected a string or a list of content blocks")
    if len(given) > MAX_BLOCKS:
        raise ValueError(f"expected at most {MAX_BLOCKS} content blocks, got {len(given)}")
    for index, block in enumerate(given):
        if not isinstance(block, dict) or not isinstance(block.get("type"), str):
            raise ValueError(
                f'expected content blocks, such as {{"type": "text", "text": ...}}, got {shown(block)} as block {index}'
            )
    return given


def given_of(block: Block, path: str, notes: list[str]) -> Given | None:
    """The text or the picture of a block in a message; None for one that is ignored, with a note.

    Raises:
        ApiError: 400, the block is invalid, or has what the server cannot read.
    """
    return image_of(block, path) if block["type"] == "image" else text_of(block, path, notes)


def text_of(block: Block, path: str, notes: list[str]) -> str | None:
    """The text of a block that a user, a tool or the system may send; None for one that is ignored, with a note.

    Raises:
        ApiError: 400, the block is invalid, or has what the server cannot read.
    """
    match block["type"]:
        case "text":
            return member(block, "text", str, path)
        case "document":
            return _document(block, path, notes)
        case "search_result":
            return _search_result(block, path, notes)
        case "image":
            raise ApiError(400, f"{path}: expected text, got an image; messages and results may have them", path)
        case other:
            ignore_block(other, notes)
            return None


def text_of_content(content: Any, path: str, notes: list[str]) -> str:
    """The text of a string or of blocks.

    Raises:
        ApiError: 400, a block is invalid, or has what the server cannot read.
    """
    if isinstance(content, str):
        return content
    texts = [text_of(block, f"{path}.{index}", notes) for index, block in enumerate(_blocks(content, path))]
    return joined([text for text in texts if text is not None])


def content_of_result(block: Block, path: str, notes: list[str]) -> Content:
    """What a tool gave. Pictures in it are left out where the model sees none.

    Raises:
        ApiError: 400, a block is invalid, or has what the server cannot read.
    """
    given, where = block.get("content") or "", f"{path}.content"
    parts: list[Given] = [given] if isinstance(given, str) else []
    for index, each in enumerate([] if isinstance(given, str) else _blocks(given, where)):
        if each["type"] == "image":
            parts.append(image_of(each, f"{where}.{index}", OMITTED_IMAGE))
        elif (text := text_of(each, f"{where}.{index}", notes)) is not None:
            parts.append(text)
    head, rest = (parts[0], parts[1:]) if parts and isinstance(parts[0], str) else ("", parts)
    if block.get("is_error") is True and not head.lower().startswith(("error", "<tool_use_error")):
        parts = [f"Error: {head}", *rest]
    return content_of(parts)


def ignore_block(kind: str, notes: list[str]) -> None:
    """Note that blocks of this type are ignored."""
    notes.append(f"messages: content blocks of type {shown(kind)} are ignored")


def member(block: Block, name: str, kind: type[T], path: str, default: T | None = None) -> T:
    """A member of a block.

    Raises:
        ApiError: 400, it is missing and has no default, or is of another type.
    """
    value = block.get(name)
    if value is None and default is not None:
        return default
    field = f"{path}.{name}"
    if value is None:
        raise ApiError(400, f"{field} is required", field)
    if not isinstance(value, kind):
        expected = "a string" if kind is str else "an object"
        raise ApiError(400, f"{field}: expected {expected}, got {shown(value)}", field)
    return value


def _blocks(content: Any, path: str) -> list[Block]:
    try:
        blocks = checked_content(content)
    except ValueError as error:
        got = "" if ", got " in str(error) else f", got {shown(content)}"
        raise ApiError(400, f"{path}: {error}{got}", path) from None
    assert isinstance(blocks, list)
    return blocks


def _document(block: Block, path: str, notes: list[str]) -> str:
    source = member(block, "source", dict, path)
    match source.get("type"):
        case "text":
            text = member(source, "data", str, f"{path}.source")
        case "content":
            text = text_of_content(source.get("content", ""), f"{path}.source.content", notes)
        case other:
            field = f"{path}.source.type"
            expected = "'text' or 'content', since other documents cannot be read"
            raise ApiError(400, f"{field}: expected {expected}, got {shown(other)}", field)
    return _framed("document", text, title=block.get("title"), context=block.get("context"))


def _search_result(block: Block, path: str, notes: list[str]) -> str:
    text = text_of_content(block.get("content", ""), f"{path}.content", notes)
    return _framed("search_result", text, title=block.get("title"), source=block.get("source"))


def _framed(tag: str, text: str, **about: Any) -> str:
    """A text with what is known of it, in the form that Anthropic advises for documents."""
    lines = [f"<{name}>{value}</{name}>" for name, value in about.items() if isinstance(value, str) and value]
    return "\n".join([f"<{tag}>", *lines, "<content>", text, "</content>", f"</{tag}>"])
