"""What stands for pictures and recordings in a chat while its template is rendered.

A template sees texts only, with a marker where a medium is. The markers are secret and new for each request, so that no
text of a message, a tool or a template can be one: what looks like a marker is text. They are made of letters of Yi,
which survive what templates do to texts (:mod:`workers.chat.markup`).
"""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass
from typing import Any

from shared.wire.chat_media import media_parts
from shared.wire.jobs import MediaKind
from shared.wire.payloads import JobError

_FIRST_LETTER = 0xA100
"""The letters before are those of the marks of special tokens."""

_LETTERS = [chr(point) for point in range(_FIRST_LETTER, 0xA48D)]
_SECRET_LETTERS = 16

MAX_MEDIA = 256
"""Of one request. The router allows fewer."""


@dataclass(frozen=True, slots=True)
class MediaPart:
    """A picture or recording: its kind, its place among the job's blobs, and its name in errors."""

    kind: MediaKind
    blob: int
    field: str

    @property
    def noun(self) -> str:
        """What it is called in errors."""
        return "picture" if self.kind == "image" else "recording"


class MediaMarkers:
    """The media of one request's ``messages``, which are what the template gets: all contents are texts.

    Raises:
        JobError: 400, there are too many.
    """

    def __init__(self, messages: list[dict[str, Any]]) -> None:
        self._secret = "".join(secrets.choice(_LETTERS) for _ in range(_SECRET_LETTERS))
        in_ascii = re.escape(json.dumps(self._secret)[1:-1])
        self._pattern = re.compile(f"{self._secret}([{_LETTERS[0]}-{_LETTERS[-1]}])|{in_ascii}\\\\u([0-9a-f]{{4}})")
        self.parts: list[MediaPart] = []
        self.messages = [self._marked(message, f"messages.{place}") for place, message in enumerate(messages)]

    def split(self, text: str) -> list[str | MediaPart]:
        """A rendered text as the texts and media that follow each other in it."""
        found: list[str | MediaPart] = []
        end = 0
        for marker in self._pattern.finditer(text):
            place = (ord(marker[1]) if marker[1] else int(marker[2], 16)) - _FIRST_LETTER
            found += [text[end : marker.start()], self.parts[place]]
            end = marker.end()
        return [*found, text[end:]]

    def check(self, pieces: list[str | MediaPart]) -> None:
        """Check that a rendered prompt has all media.

        Raises:
            JobError: 400, the template has left one out.
        """
        shown = {piece.field for piece in pieces if isinstance(piece, MediaPart)}
        for part in self.parts:
            if part.field not in shown:
                expected = f"{part.field}: expected a message whose {part.noun} the model's chat template shows"
                raise JobError(400, f"{expected}, got one that it leaves out", part.field, "media_not_supported")

    def clean(self, text: str) -> str:
        """A text, such as an error of the template, without markers."""
        return self._pattern.sub("", text)

    def _marked(self, message: dict[str, Any], path: str) -> dict[str, Any]:
        content = message.get("content")
        if not isinstance(content, list):
            return message
        text, is_behind_text = "", False
        for place, part in enumerate(content):
            if part["type"] == "text":
                text += ("\n" if is_behind_text and part["text"] else "") + part["text"]
                is_behind_text = bool(part["text"]) or is_behind_text
                continue
            if len(self.parts) == MAX_MEDIA:
                expected = f"up to {MAX_MEDIA} pictures and recordings"
                raise JobError(400, f"messages: expected {expected}, got more", "messages")
            text += self._secret + _LETTERS[len(self.parts)]
            self.parts.append(MediaPart(part["type"], part["blob"], f"{path}.content.{place}"))
            is_behind_text = False
        return {**message, "content": text}


def markers_of(messages: list[dict[str, Any]] | None) -> MediaMarkers | None:
    """The markers of a chat; None for one that is text only."""
    return MediaMarkers(messages or []) if has_media(messages) else None


def has_media(messages: list[dict[str, Any]] | None) -> bool:
    """Whether a chat has pictures or recordings."""
    return next(media_parts(messages), None) is not None
