"""Pictures and recordings in a chat, as requests give them.

All APIs translate theirs into :class:`GivenMedium`. A message that has one has a list as its content, until
:mod:`router.answers.media` has read them: texts and given media in order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class MediumKind(StrEnum):
    """What a medium is, in the words of the wire."""

    IMAGE = "image"
    AUDIO = "audio"


class SourceForm(StrEnum):
    """What a source may be: base64 or a data URL, or also a URL or a path in the media folder."""

    INLINE = "inline"
    ANY = "any"


@dataclass(slots=True, eq=False)
class GivenMedium:
    """A picture or a recording that is not read yet.

    ``field`` is the path of its part in the request, which refusals name. ``stand_in`` is the text that a model gets
    which takes none; if it is empty, the request is refused then.
    """

    kind: MediumKind
    source: str
    field: str
    form: SourceForm = SourceForm.INLINE
    stand_in: str = ""

    def take_source(self) -> str:
        """The source, which may be large and is not kept any longer."""
        source, self.source = self.source, ""
        return source


Given = str | GivenMedium
Content = str | list[Given]
"""A text, or if there are media, texts and media in order."""


def content_of(parts: Sequence[Given]) -> Content:
    """The content of a message with these parts: without media, their text on lines of its own."""
    if any(isinstance(part, GivenMedium) for part in parts):
        return list(parts)
    return joined([part for part in parts if isinstance(part, str)])


def joined(texts: Sequence[str]) -> str:
    """The texts of neighbouring parts as one."""
    return "\n".join(texts)


def media_in(messages: Sequence[dict[str, Any]]) -> Iterator[GivenMedium]:
    """The media of a chat that are not read yet, in order."""
    for message in messages:
        content = message.get("content")
        if isinstance(content, list):
            yield from (part for part in content if isinstance(part, GivenMedium))
