"""The media in bodies of chats, in all APIs: they do not count as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def inline_media(body: Any) -> Iterator[str]:
    """The strings of a parsed body, which may be anything, that are read as files or as where these are.

    None of them is ever read as text.
    """
    if not isinstance(body, dict):
        return
    yield from _strings(body.get("images"))
    for name in ("messages", "input"):
        for message in _objects(body.get(name)):
            yield from _strings(message.get("images"))
            for content in (message.get("content"), message.get("output")):
                yield from _in_parts(content)


def _in_parts(content: Any) -> Iterator[str]:
    for part in _objects(content):
        match part:
            case {"type": "image_url" | "input_image", "image_url": str(url)}:
                yield url
            case {"type": "image_url", "image_url": {"url": str(url)}}:
                yield url
            case {"type": "input_audio", "input_audio": {"data": str(data)}}:
                yield data
            case {"type": "image", "source": {"type": "base64", "data": str(data)}}:
                yield data
            case {"type": "tool_result", "content": list(blocks)}:
                yield from _in_parts([block for block in _objects(blocks) if block.get("type") == "image"])


def _objects(given: Any) -> Iterator[dict[str, Any]]:
    yield from (one for one in given if isinstance(one, dict)) if isinstance(given, list) else ()


def _strings(given: Any) -> Iterator[str]:
    yield from (one for one in given if isinstance(one, str)) if isinstance(given, list) else ()
