"""``nexa transcribe``: recordings as text or subtitles, by a running server."""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from router.api.audio.subtitles import srt, timestamp, vtt
from router.cli.talking.connecting import add_server_options, connect, models_of, with_hint
from router.cli.talking.terminal import ScreenOutput, harmless
from router.client.connection import ServerClient
from router.client.errors import RequestRefused, well_formed
from shared.errors import ModelError
from shared.kinds import JobKind
from shared.settings.option import OptionError
from shared.wire.payloads import Segment

PATHS = {False: "/v1/audio/transcriptions", True: "/v1/audio/translations"}
"""The endpoints, by whether they translate."""


class WrittenFormat(StrEnum):
    """The forms of a transcript, each with the ending of its files."""

    TEXT = "text"
    SRT = "srt"
    VTT = "vtt"
    JSON = "json"

    @property
    def ending(self) -> str:
        """The ending of a file's name."""
        return ".txt" if self is WrittenFormat.TEXT else f".{self.value}"


@dataclass
class ReceivedTranscript:
    """What has come of a recording. ``rendered`` is all that can be written so far; ``last`` is the final event."""

    file: str
    form: WrittenFormat
    segments: list[Segment] = field(default_factory=list)
    last: dict[str, Any] = field(default_factory=dict)

    def add(self, event: dict[str, Any]) -> None:
        """Take an event of the stream.

        Raises:
            AnswerMalformed: it is none.
        """
        with well_formed():
            if event.get("type") == "transcript.text.delta":
                start_s, end_s = _time(event["start"]), _time(event["end"])
                self.segments.append(Segment(0, start_s, end_s, str(event["delta"]), [], 0.0, 0.0, 0.0, 0.0))
            elif event.get("type") == "transcript.text.done":
                self.last = {**event, "text": str(event.get("text", ""))}

    def rendered(self) -> str:
        """The transcript in its form, which only grows while more comes; JSON is empty until the end."""
        match self.form:
            case WrittenFormat.SRT:
                return srt(self.segments)
            case WrittenFormat.VTT:
                return vtt(self.segments)
            case WrittenFormat.TEXT:
                return "".join(f"{text}\n" for segment in self.segments if (text := segment.text.strip()))
            case WrittenFormat.JSON:
                return f"{json.dumps(self._object(), ensure_ascii=False)}\n" if self.last else ""

    def _object(self) -> dict[str, Any]:
        segments = [
            {"start": segment.start_s, "end": segment.end_s, "text": segment.text.strip()} for segment in self.segments
        ]
        facts = {name: self.last.get(name) for name in ("language", "duration")}
        return {"file": self.file, **facts, "text": self.last.get("text", "").strip(), "segments": segments}


def _time(given: Any) -> float:
    """Seconds, as a number that can be written as a time."""
    seconds = float(given)
    if not math.isfinite(seconds):
        raise ValueError(seconds)
    return seconds


def add_parsers(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand; it sets ``func(args) -> exit code``."""
    parser = subparsers.add_parser(
        "transcribe",
        help="write down recordings",
        description="Write down recordings with a speech model of a running server, segment by segment as it comes.",
    )
    parser.add_argument("words", nargs="+", metavar="FILE", help="an audio or video file")
    parser.add_argument(
        "--format",
        type=WrittenFormat,
        choices=list(WrittenFormat),
        default=WrittenFormat.TEXT,
        help="text (a line per segment), subtitles as srt or vtt, or json (an object per file)",
    )
    parser.add_argument("--language", metavar="CODE", help="the language, such as en; it is detected otherwise")
    parser.add_argument("--translate", action="store_true", help="translate into English")
    parser.add_argument("--model", metavar="MODEL", help="a name in the server's list (default: its first for speech)")
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="write to this file; to a folder, if there are several recordings"
    )
    add_server_options(parser)
    parser.set_defaults(func=_transcribe)


def _transcribe(args: argparse.Namespace) -> int:
    if args.translate and args.language:
        raise OptionError("--language: expected none with --translate, which is into English")
    paths = [Path(word) for word in args.words]
    for path in paths:
        if not path.is_file():
            raise ModelError(f"FILE: expected an existing file, got {str(path)!r}")
    targets = _targets(paths, args.output, args.format)
    _check_targets(paths, targets)
    fields = {"model": args.model, "language": args.language}
    body = {name: value for name, value in fields.items() if value}
    with connect(args) as client:
        models_of(client, JobKind.SPEECH)
        for path, target in zip(paths, targets, strict=True):
            if target is None and len(paths) > 1 and args.format is WrittenFormat.TEXT:
                print(f"== {path} ==", file=sys.stderr)
            _write_down(client, path, target, args.format, PATHS[args.translate], body)
    return 0


def _targets(paths: list[Path], given: str | None, form: WrittenFormat) -> list[Path | None]:
    """Where each transcript goes; None for stdout."""
    if given is None:
        if len(paths) > 1 and form in (WrittenFormat.SRT, WrittenFormat.VTT):
            raise OptionError("--output: a folder is required for the subtitles of several recordings")
        return [None] * len(paths)
    output = Path(given)
    if len(paths) > 1 or output.is_dir() or given.endswith("/"):
        output.mkdir(parents=True, exist_ok=True)
        return [output / f"{path.stem}{form.ending}" for path in paths]
    return [output]


def _check_targets(paths: list[Path], targets: list[Path | None]) -> None:
    """Refuse what would write over a recording, or over the transcript of another one."""
    taken = {path.resolve() for path in paths}
    for target in targets:
        if target is None:
            continue
        if target.resolve() in taken:
            raise OptionError(f"--output: expected a file of its own for each transcript, got {str(target)!r} twice")
        taken.add(target.resolve())


def _write_down(
    client: ServerClient, path: Path, target: Path | None, form: WrittenFormat, endpoint: str, body: dict[str, Any]
) -> None:
    """One recording: on stdout as it comes, in a file once all of it is there."""
    output = ScreenOutput()
    received, written = ReceivedTranscript(str(path), form), ""
    with path.open("rb") as file:
        stream = client.stream(endpoint, body, {"file": (harmless(path.name), file)}, on_notice=output.notice)
        output.notice(f"{path.name}: sending …")
        try:
            for event in stream:
                received.add(event.json)
                if target is None:
                    output.write(received.rendered()[len(written) :])
                    written = received.rendered()
                elif received.segments:
                    output.notice(f"{path.name}: {timestamp(received.segments[-1].end_s, '.')}")
        except KeyboardInterrupt:
            stream.cancel()
            raise
        except OSError:  # nobody reads what is written
            stream.cancel()
            raise
        except RequestRefused as error:
            raise RequestRefused(f"{path}: {with_hint(error)}", error.status, error.code) from None
        finally:
            output.clear_notice()
    if target is None:
        output.write(received.rendered()[len(written) :])
    else:
        target.write_text(received.rendered(), encoding="utf-8", errors="backslashreplace")
        output.say(f"{path}: written to {target}")
