"""From a prompt, or from a chat through its template, to tokens."""

from __future__ import annotations

from shared.wire.jobs import TextJob
from shared.wire.payloads import JobError
from workers.chat.model_chat import Prompt
from workers.text.chats import ModelChats
from workers.text.grammars import content_key, limit_error
from workers.text.prompts.infilling import infill_tokens
from workers.text.sandbox.attempt import PreparationAttempt
from workers.text.sandbox.sandbox import LimitExceeded, Sandbox
from workers.text.vocabulary import Vocabulary


class PromptTokens:
    """Finds the tokens of one model's prompts. It keeps no state, so several threads may use it."""

    def __init__(self, vocabulary: Vocabulary, chats: ModelChats, sandbox: Sandbox) -> None:
        self._vocabulary = vocabulary
        self._chats = chats
        self._sandbox = sandbox

    def rendered(self, job: TextJob, attempt: PreparationAttempt) -> Prompt | None:
        """A chat as its template renders it; None for other prompts.

        Raises:
            JobError: 400, the template refuses the chat, or it takes too much to render.
            NeedsTime: the quick attempt did not suffice.
            Cancelled: the attempt was cancelled.
        """
        if job.messages is None:
            return None
        task = self._chats.rendering(job)
        try:
            return self._sandbox.render(task, attempt)
        except LimitExceeded as exceeded:
            raise limit_error(exceeded.limit, attempt, content_key(task), "messages", "render") from None

    def tokens(self, job: TextJob, chat: Prompt | None, add_special: bool = True) -> list[int]:
        """The tokens of a job's prompt; ``chat`` is what :meth:`rendered` returned.

        ``add_special`` adds BOS and EOS to a text if the model wants them.

        Raises:
            JobError: 400, there is no such token, or the model cannot fill in the middle.
        """
        if job.prompt_tokens is not None:
            for token in job.prompt_tokens:
                self.check_token(token, "prompt")
        if job.suffix is not None:
            return self._infill(job, job.suffix)
        if job.prompt_tokens is not None:
            return list(job.prompt_tokens)
        if chat is not None:
            bos = self._vocabulary.bos_text
            adds_bos = self._vocabulary.adds_bos and not (bos and chat.pieces[0].startswith(bos))
            tokens = self._vocabulary.tokenize_pieces([*chat.pieces, *chat.continued], add_special=adds_bos)
            return self._behind_context(job, tokens)
        return self._vocabulary.tokenize(job.prompt or "", add_special, parse_special=job.parse_special)

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
