"""``nexa chat``: a chat with a model of a running server."""

from __future__ import annotations

import argparse
import contextlib
import sys
from typing import Any

from router.cli.talking.answering import answer
from router.cli.talking.connecting import add_server_options, check_model, connect, models_of, with_hint
from router.cli.talking.conversation import Conversation, ThoughtStyle
from router.cli.talking.dialogue import Dialogue
from router.cli.talking.terminal import ScreenOutput
from router.client.connection import ModelFacts, ServerClient
from router.client.errors import RequestRefused
from shared.kinds import JobKind
from shared.settings.option import OptionError

STDIN = "-"
_EXAMPLES = """\
examples:
  nexa chat                                  a chat with the server's first model
  nexa chat qwen3 --system "Answer in rhymes."
  nexa chat -m "Why is the sky blue?"        one answer
  git diff | nexa chat -m "Explain this:" -  one answer; - is what comes through the pipe"""


def add_parsers(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand; it sets ``func(args) -> exit code``."""
    parser = subparsers.add_parser(
        "chat",
        help="chat with a model of a running server",
        usage="nexa chat [MODEL] [-] [-m TEXT] [options]",
        description="Chat with a model of a running server. Ctrl-C stops an answer, a second one leaves; /help lists "
        "the commands. With -m or -, or without a terminal, there is one answer, and nothing but its words on stdout.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "words", nargs="*", metavar="MODEL", help="a name in the server's list (default: its first); - reads stdin"
    )
    parser.add_argument("-m", "--message", metavar="TEXT", help="ask this, and show one answer")
    parser.add_argument("--system", default="", metavar="TEXT", help="the system prompt")
    parser.add_argument("--temperature", type=float, metavar="X", help="0 to 5; 0 always takes the most likely token")
    parser.add_argument("--max-tokens", type=int, metavar="N", help="longest answer in tokens")
    parser.add_argument(
        "--thoughts",
        type=ThoughtStyle,
        choices=list(ThoughtStyle),
        default=ThoughtStyle.SHOW,
        help="a model's thoughts: show (dimmed), fold (one line with their time) or hide",
    )
    add_server_options(parser)
    parser.set_defaults(func=_chat)


def _chat(args: argparse.Namespace) -> int:
    names = [word for word in args.words if word != STDIN]
    if len(names) > 1:
        raise OptionError(f"MODEL: expected one model, got {len(names)}")
    one_shot = args.message is not None or STDIN in args.words or not (sys.stdin and sys.stdin.isatty())
    text = _asked(args, reads_stdin=STDIN in args.words or args.message is None) if one_shot else ""
    with connect(args) as client:
        models = models_of(client, JobKind.TEXT)
        if names:
            check_model(client, names[0])
        chosen = names[0] if names else ""
        conversation = Conversation(chosen, args.system, _parameters(args))
        output = ScreenOutput()
        if one_shot:
            return _answer_once(client, conversation, output, args.thoughts, text)
        try:
            conversation.model = chosen or _choose(models, output)
        except EOFError:
            return 0
        output.write(f"{conversation.model} at {client.address}; /help lists the commands\n")
        with contextlib.suppress(ImportError):
            import readline  # noqa: F401 - gives input() its editing and its history
        Dialogue(client, conversation, output, args.thoughts).run()
    return 0


def _parameters(args: argparse.Namespace) -> dict[str, Any]:
    given = {"temperature": args.temperature, "max_tokens": args.max_tokens}
    return {name: value for name, value in given.items() if value is not None}


def _asked(args: argparse.Namespace, reads_stdin: bool) -> str:
    """The question: the message, what comes through stdin, or both."""
    try:
        parts = [args.message or "", sys.stdin.read().strip() if reads_stdin and sys.stdin else ""]
    except UnicodeDecodeError:
        raise OptionError("-: expected text in UTF-8 on stdin, got other bytes") from None
    text = "\n\n".join(part for part in parts if part)
    if not text:
        raise OptionError("a message is required; try: nexa chat -m 'Hello'")
    return text


def _answer_once(
    client: ServerClient, conversation: Conversation, output: ScreenOutput, thoughts: ThoughtStyle, text: str
) -> int:
    conversation.ask(text)
    try:
        shown = answer(client, conversation, output, thoughts, interruptible=False)
    except RequestRefused as error:
        raise with_hint(error) from None
    if shown.finish == "length":
        output.say("nexa: the answer is cut off: --max-tokens or the model's context is used up")
    return 0


def _choose(models: list[ModelFacts], output: ScreenOutput) -> str:
    """The model to talk to: the only one, or one that the user chooses."""
    if len(models) == 1:
        return models[0].name
    for number, model in enumerate(models, 1):
        output.write(f"{number}  {model.name}{'' if model.ready else ' (not ready)'}\n")
    while True:
        given = input(f"model (1 to {len(models)}, Enter for 1): ").strip() or "1"
        if given.isascii() and given.isdigit() and 1 <= int(given) <= len(models):
            return models[int(given) - 1].name
        if given in [model.name for model in models]:
            return given
