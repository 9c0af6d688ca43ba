"""From a prompt, or from a chat through its template, to tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from msgspec import structs

from shared.wire.jobs import TextJob
from shared.wire.payloads import JobError
from workers.chat.model_chat import Prompt
from workers.text.chats import ModelChats
from workers.text.grammars import content_key, limit_error
from workers.text.media.markers import MediaMarkers, MediaPart, markers_of
from workers.text.media.reading import ChatMedia, MediaReader
from workers.text.media.spans import MediaSpan
from workers.text.prompts.infilling import infill_tokens
from workers.text.sandbox.attempt import PreparationAttempt
from workers.text.sandbox.sandbox import LimitExceeded, Sandbox
from workers.text.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class PromptParts:
    """A job's prompt before it is tokenised: a ``chat`` as its template renders it, with ``markers`` for its media.

    ``job`` is the given one with these markers in its messages.
    """

    job: TextJob
    chat: Prompt | None = None
    markers: MediaMarkers | None = None


@dataclass(frozen=True, slots=True)
class PromptContent:
    """The tokens of a prompt, and where its media are among them."""

    tokens: list[int]
    media: list[MediaSpan] = field(default_factory=list)


class PromptTokens:
    """Finds the tokens of one model's prompts. It keeps no state, so several threads may use it."""

    def __init__(self, vocabulary: Vocabulary, chats: ModelChats, sandbox: Sandbox, media: MediaReader) -> None:
        self._vocabulary = vocabulary
        self._chats = chats
        self._sandbox = sandbox
        self._media = media

    def rendered(self, job: TextJob, attempt: PreparationAttempt) -> PromptParts:
        """A chat as its template renders it; other prompts as they are.

        Raises:
            JobError: 400, the template refuses the chat, or the model a medium in it, or it takes too much to render.
            NeedsTime: the quick attempt did not suffice.
            Cancelled: the attempt was cancelled.
        """
        if job.messages is None:
            return PromptParts(job)
        markers = markers_of(job.messages)
        if markers is not None:
            self._media.check(markers.parts)
            job = structs.replace(job, messages=markers.messages)
        task = self._chats.rendering(job)
        try:
            return PromptParts(job, self._sandbox.render(task, attempt), markers)
        except LimitExceeded as exceeded:
            raise limit_error(exceeded.limit, attempt, content_key(task), "messages", "render") from None
        except JobError as error:
            failed = error.failed
            message = failed.message if markers is None else markers.clean(failed.message)
            raise JobError(failed.status, message, failed.param, failed.code) from None

    def content(
        self,
        parts: PromptParts,
        blobs: Sequence[memoryview],
        attempt: PreparationAttempt,
        most_tokens: int,
        add_special: bool = True,
    ) -> PromptContent:
        """The tokens of a prompt; ``parts`` is what :meth:`rendered` returned, ``blobs`` are the job's.

        ``add_special`` adds BOS and EOS to a text if the model wants them. Media are read up to ``most_tokens``.

        Raises:
            JobError: 400, there is no such token, or the model cannot fill in the middle, or a medium cannot be read;
                503, that takes too long.
            TooManyTokens: the prompt has more with its media.
            Cancelled: the attempt was cancelled.
        """
        job, chat = parts.job, parts.chat
        if chat is not None and parts.markers is not None:
            return self._with_media(job, chat, parts.markers, ChatMedia(self._media, blobs, attempt, most_tokens))
        return PromptContent(self._text_tokens(job, chat, add_special))

    def _text_tokens(self, job: TextJob, chat: Prompt | None, add_special: bool) -> list[int]:
        if job.prompt_tokens is not None:
            for token in job.prompt_tokens:
                self.check_token(token, "prompt")
        if job.suffix is not None:
            return self._infill(job, job.suffix)
        if job.prompt_tokens is not None:
            return list(job.prompt_tokens)
        if chat is not None:
            pieces = [*chat.pieces, *chat.continued]
            tokens = self._vocabulary.tokenize_pieces(pieces, add_special=self._adds_bos(chat))
            return self._behind_context(job, tokens)
        return self._vocabulary.tokenize(job.prompt or "", add_special, parse_special=job.parse_special)

    def _with_media(self, job: TextJob, chat: Prompt, markers: MediaMarkers, media: ChatMedia) -> PromptContent:
        """A chat's texts as its template renders them, and what the projector makes of its media."""
        pieces = [piece for text in chat.pieces for piece in markers.split(text)]
        markers.check(pieces)
        tokens = [self._vocabulary.bos] if self._adds_bos(chat) else []
        spans = list[MediaSpan]()
        for place, piece in enumerate([*pieces, *chat.continued]):
            if isinstance(piece, MediaPart):
                of_medium, chunks = media.tokens(piece, len(tokens))
                tokens += of_medium
                spans += chunks
            elif place:
                tokens += self._vocabulary.tokenize_inner(piece)
            else:
                tokens += self._vocabulary.tokenize(piece, add_special=False, parse_special=True)
        behind = self._behind_context(job, tokens)
        moved = len(behind) - len(tokens)
        return PromptContent(behind, [replace(span, start=span.start + moved) for span in spans])

    def _adds_bos(self, chat: Prompt) -> bool:
        bos = self._vocabulary.bos_text
        return self._vocabulary.adds_bos and not (bos and chat.pieces[0].startswith(bos))

    def _infill(self, job: TextJob, suffix: str) -> list[int]:
        before = job.prompt_tokens
        if before is None:
            before = self._vocabulary.tokenize(job.prompt or "", add_special=False, parse_special=job.parse_special)
        return infill_tokens(self._vocabulary, before, suffix, job.parse_special)

    def _behind_context(self, job: TextJob, tokens: list[int]) -> list[int]:
        """The tokens of a chat behind those of an earlier conversation, in which there is no second beginning."""
        if not job.context_tokens:
            return tokens
        for token in job.context_tokens:
            self.check_token(token, "context")
        begins = tokens[:1] == [self._vocabulary.bos]
        return [*job.context_tokens, *(tokens[1:] if begins else tokens)]

    def check_token(self, token: int, param: str) -> None:
        """Check that the vocabulary has a token.

        Raises:
            JobError: 400, it does not; ``param`` is the field that has it.
        """
        if not 0 <= token < self._vocabulary.size:
            expected = f"token ids from 0 to {self._vocabulary.size - 1}"
            raise JobError(400, f"{param}: expected {expected}, got {token}", param)
