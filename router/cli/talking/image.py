"""``nexa image``: a picture, by a running server."""

from __future__ import annotations

import argparse
import base64
import contextlib
import os
import re
from pathlib import Path
from typing import Any

from router.cli.talking.connecting import add_server_options, connect, models_of, with_hint
from router.cli.talking.terminal import ScreenOutput, harmless
from router.client.connection import ServerClient
from router.client.errors import RequestRefused, StreamLost, well_formed
from shared.errors import ModelError
from shared.kinds import JobKind
from shared.settings.option import OptionError

RANDOM_SEED = -1
MAX_NAME_CHARACTERS = 40


def add_parsers(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand; it sets ``func(args) -> exit code``."""
    parser = subparsers.add_parser(
        "image",
        help="make a picture",
        description="Make a picture with an image model of a running server. The name of its file (PNG) is printed.",
    )
    parser.add_argument("prompt", metavar="PROMPT", help="what to paint")
    parser.add_argument("-o", "--output", metavar="FILE", help="the file (default: a new one, named after the prompt)")
    parser.add_argument("--negative", metavar="TEXT", help="what to avoid")
    parser.add_argument("--width", type=int, metavar="PIXELS", help="any number from 64 (default: the model's)")
    parser.add_argument("--height", type=int, metavar="PIXELS", help="likewise")
    parser.add_argument("--steps", type=int, metavar="N", help="denoising steps (default: the model's)")
    parser.add_argument("--seed", type=int, default=RANDOM_SEED, metavar="N", help="the same number, the same picture")
    parser.add_argument("--from", dest="source", metavar="PICTURE", help="a picture to begin with")
    parser.add_argument("--strength", type=float, metavar="X", help="how far it may leave --from: above 0, to 1")
    parser.add_argument("--model", metavar="MODEL", help="a name in the server's list (default: its first for images)")
    add_server_options(parser)
    parser.set_defaults(func=_image)


def _image(args: argparse.Namespace) -> int:
    if args.strength is not None and args.source is None:
        raise OptionError("--strength: expected --from PICTURE beside it, got none")
    source = None if args.source is None else Path(args.source)
    if source is not None and not source.is_file():
        raise ModelError(f"--from: expected an existing file, got {args.source!r}")
    _check_target(args.output)
    with connect(args) as client:
        models_of(client, JobKind.IMAGE)
        seed, picture = _paint(client, _fields(args), source)
    if args.output:
        path = Path(args.output)
        path.write_bytes(picture)
    else:
        path = save_new(Path(), args.prompt, seed, picture)
    print(path)
    return 0


def _check_target(output: str | None) -> None:
    """Refuse a file that could not be written: a picture takes long."""
    target = Path(output or "x")
    written = target if output and target.exists() else target.parent
    if (output and target.is_dir()) or not os.access(written, os.W_OK):
        raise OptionError(f"--output: expected a file in a folder that can be written, got {output or os.getcwd()!r}")


def _fields(args: argparse.Namespace) -> dict[str, Any]:
    given = {
        "model": args.model,
        "prompt": args.prompt,
        "negative_prompt": args.negative,
        "width": args.width,
        "height": args.height,
        "sample_steps": args.steps,
        "strength": args.strength,
        "seed": args.seed,
        "response_format": "b64_json",
    }
    return {name: value for name, value in given.items() if value is not None}


def _paint(client: ServerClient, fields: dict[str, Any], source: Path | None) -> tuple[int, bytes]:
    """The picture as PNG, and its seed; shows the steps meanwhile."""
    output = ScreenOutput()
    with contextlib.ExitStack() as opened:
        if source is None:
            stream = client.stream("/v1/txt2img", fields, on_notice=output.notice)
        else:
            files = {"image": (harmless(source.name), opened.enter_context(source.open("rb")))}
            stream = client.stream("/v1/img2img", fields, files, on_notice=output.notice)
        output.notice("waiting …")
        try:
            for event in stream:
                found = event.json
                with well_formed():
                    kind = str(found.get("type", ""))
                    if kind.endswith(".completed"):
                        return int(found["seed"]), base64.b64decode(found["b64_json"], validate=True)
                    line = progress_line(int(found["step"]), int(found["steps"])) if kind.endswith(".progress") else ""
                if line:
                    output.notice(line)
        except KeyboardInterrupt:
            stream.cancel()
            raise
        except RequestRefused as error:
            raise with_hint(error) from None
        finally:
            output.clear_notice()
    raise StreamLost("the answer ended without a picture")


def progress_line(step: int, steps: int, width: int = 30) -> str:
    """A bar of ``width`` characters for the steps done."""
    done = min(width, width * max(0, step) // max(1, steps))
    return f"[{'#' * done}{'.' * (width - done)}] step {step} of {steps}"


def save_new(folder: Path, prompt: str, seed: int, picture: bytes) -> Path:
    """Write a picture to a new file in ``folder``, named after its prompt and seed; returns its path."""
    words = "-".join(re.findall(r"[a-z0-9]+", prompt.lower()))[:MAX_NAME_CHARACTERS].strip("-") or "picture"
    number = 1
    while True:
        suffix = "" if number == 1 else f"-{number}"
        path = folder / f"{words}-{seed}{suffix}.png"
        with contextlib.suppress(FileExistsError), path.open("xb") as file:
            file.write(picture)
            return path
        number += 1
