"""A chat on a terminal, line by line, with commands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from router.cli.talking.answering import answer
from router.cli.talking.connecting import check_model, models_of, with_hint
from router.cli.talking.conversation import Conversation, ThoughtStyle
from router.cli.talking.terminal import ScreenOutput
from router.client.connection import ServerClient
from router.client.errors import ClientError, RequestRefused
from shared.errors import ModelError
from shared.kinds import JobKind
from shared.logs.escaping import escaped

PROMPT = "> "
QUOTES = '"""'
HELP = """\
  /help            this list
  /system [TEXT]   show or set the system prompt; - removes it
  /model [NAME]    list the models, or go on with another one
  /clear           forget the messages
  /save FILE       write the chat to a new file: JSON if it ends in .json, else Markdown
  /quit            leave (also: Ctrl-D)
Ctrl-C stops an answer; a second one leaves. Text of several lines stands between lines of three quotes (\"\"\")."""


class Leave(Exception):
    """The user ends the chat."""


class Dialogue:
    """Reads what the user says, and shows the answers. ``read_line`` is :func:`input`, which edits lines."""

    def __init__(
        self,
        client: ServerClient,
        conversation: Conversation,
        output: ScreenOutput,
        thoughts: ThoughtStyle,
        read_line: Callable[[str], str] = input,
    ) -> None:
        self._client = client
        self._conversation = conversation
        self._output = output
        self._thoughts = thoughts
        self._read_line = read_line
        self._commands: dict[str, Callable[[str], None]] = {
            "/help": lambda _: self._output.write(f"{HELP}\n"),
            "/system": self._system,
            "/model": self._model,
            "/clear": self._clear,
            "/save": self._save,
            "/quit": self._quit,
        }

    def run(self) -> None:
        """Talk until the user leaves."""
        try:
            while True:
                try:
                    text = self._read()
                    text.encode()
                except UnicodeError:
                    self._output.say("nexa: expected text in UTF-8, got other bytes")
                    continue
                if text.startswith("/"):
                    self._obey(text)
                elif text:
                    self._ask(text)
        except (EOFError, KeyboardInterrupt):
            self._output.write("\n")  # the cursor stands behind the prompt
        except Leave:
            return

    def _read(self) -> str:
        line = self._read_line(PROMPT).strip()
        if not line.startswith(QUOTES):
            return line
        lines = [line.removeprefix(QUOTES)]
        while not lines[-1].rstrip().endswith(QUOTES):
            lines.append(self._read_line(""))
        lines[-1] = lines[-1].rstrip().removesuffix(QUOTES)
        return "\n".join(lines).strip()

    def _ask(self, text: str) -> None:
        self._conversation.ask(text)
        try:
            shown = answer(self._client, self._conversation, self._output, self._thoughts, interruptible=True)
        except RequestRefused as error:
            self._output.say(f"nexa: {with_hint(error)}")
        except ClientError as error:
            self._output.say(f"nexa: {error}")
        else:
            if not shown.finish:
                self._output.say("(stopped)")
            elif shown.finish == "length":
                self._output.say("(cut off: --max-tokens or the model's context is used up)")

    def _obey(self, text: str) -> None:
        word, _, rest = text.partition(" ")
        command = self._commands.get(word)
        if command is None:
            self._output.say(f"{word}: no such command; /help lists them")
            return
        command(rest.strip())

    def _system(self, text: str) -> None:
        if text:
            self._conversation.system = "" if text == "-" else text
        self._output.write(f"system prompt: {self._conversation.system or 'none'}\n")

    def _model(self, name: str) -> None:
        try:
            if name:
                check_model(self._client, name)
                self._conversation.model = name
                self._output.write(f"model: {name}\n")
                return
            for number, model in enumerate(models_of(self._client, JobKind.TEXT)):
                chosen = model.name == self._conversation.model or (not self._conversation.model and not number)
                state = "" if model.ready else " (not ready)"
                self._output.write(f"{'*' if chosen else ' '} {model.name}{state}\n")
        except (ClientError, ModelError) as error:
            self._output.say(f"nexa: {error}")

    def _clear(self, _: str) -> None:
        self._conversation.clear()
        self._output.write("the messages are forgotten\n")

    def _save(self, name: str) -> None:
        if not name:
            self._output.say("/save: FILE is required")
            return
        try:
            path = Path(name).expanduser()
            self._conversation.save(path)
        except OSError as error:
            self._output.say(f"/save: {name}: {error.strerror or error}")
        except (ValueError, RuntimeError) as error:  # a name that no file can have; a home folder of nobody
            self._output.say(f"/save: {name}: {error}")
        else:
            self._output.write(escaped(f"saved: {path}") + "\n")

    def _quit(self, _: str) -> None:
        raise Leave
