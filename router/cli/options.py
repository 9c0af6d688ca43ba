"""The options of ``nexa server``: one table, read from the command line, ``NEXA_*`` variables and a TOML file.

The command line goes before the environment, the environment before the file, the file before the defaults.
"""

from __future__ import annotations

import argparse
import difflib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from shared.logging_setup import FORMATS


class OptionError(Exception):
    """An option that is not understood; the message is one line that names option, value and what is accepted."""


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """The options as they were given; units and meanings are those of :class:`shared.settings.ServerSettings`."""

    model_path: tuple[str, ...]
    onnx: bool
    host: str
    port: int
    reload: bool
    nctx: int
    workers: int
    slots: int
    threads: int
    gpu_layers: int
    alias: tuple[str, ...]
    chat_template: str
    api_key: str
    key_file: str
    insecure: bool
    cors_origin: tuple[str, ...]
    ssl_certfile: str
    ssl_keyfile: str
    otlp_endpoint: str
    queue_limit: int
    resume_timeout: float
    default_timeout: float
    max_timeout: float
    drain_timeout: float
    max_upload: int
    cache_ram: int
    media_folder: str
    image_host: tuple[str, ...]
    output_folder: str
    output_hours: float
    output_mb: int
    max_image_side: int
    vae: str
    taesd: str
    clip_l: str
    clip_g: str
    t5xxl: str
    lora_folder: str
    log_format: str
    log_prompts: bool


@dataclass(frozen=True, slots=True)
class Option:
    """One option: its name in the file (and, with dashes, on the command line), default, reader and help."""

    name: str
    default: Any
    read: Callable[[Any], Any]
    help: str
    group: str = "models"
    metavar: str | None = None

    @property
    def flag(self) -> str:
        """The option on the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """The environment variable of the same name."""
        return "NEXA_" + self.name.upper()


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("text is accepted")
    return value


def _switch(value: Any) -> bool:
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    switch = value if isinstance(value, bool) else words.get(str(value).lower())
    if switch is None:
        raise ValueError("true and false are accepted")
    return switch


def _texts(value: Any) -> tuple[str, ...]:
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, (list, tuple)) or not all(isinstance(item, str) for item in items):
        raise ValueError("a list of texts is accepted")
    return tuple(item.strip() for item in items if item.strip())


def _whole(low: int, high: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        try:
            number = int(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else None
        except ValueError:
            number = None
        if number is None or not low <= number <= high:
            raise ValueError(f"whole numbers from {low} to {high} are accepted")
        return number

    return read


def _number(unit: str, low: float, high: float) -> Callable[[Any], float]:
    def read(value: Any) -> float:
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = low - 1
        if not low <= number <= high:
            raise ValueError(f"{unit} from {low:g} to {high:g} are accepted")
        return number

    return read


def _side(value: Any) -> int:
    side = _whole(64, 8192)(value)
    if side % 64:
        raise ValueError("multiples of 64 are accepted")
    return side


def _origins(value: Any) -> tuple[str, ...]:
    origins = _texts(value)
    for origin in origins:
        parts = urlsplit(origin)
        if origin != "*" and (parts.scheme not in ("http", "https") or origin != f"{parts.scheme}://{parts.netloc}"):
            raise ValueError("origins such as https://chat.example:3000, without a path, and * are accepted")
    return origins


def _base_url(value: Any) -> str:
    url = _text(value)
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
        raise ValueError("a URL such as http://127.0.0.1:4318 is accepted")
    return url


def _one_of(*words: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in words:
            raise ValueError(f"{' and '.join(words)} are accepted")
        return str(value)

    return read


OPTIONS: tuple[Option, ...] = (
    Option("host", "127.0.0.1", _text, "address to listen on", "network"),
    Option("port", 8000, _whole(0, 65535), "TCP port; 0 takes any free one", "network"),
    Option("api_key", "", _text, "key that clients must send; better given as NEXA_API_KEY", "network", "KEY"),
    Option("key_file", "", _text, "keys and usage (default ~/.local/share/nexa/keys.sqlite3)", "network", "FILE"),
    Option("insecure", False, _switch, "let callers in without a key, on other than this machine too", "network"),
    Option("cors_origin", (), _origins, "origin whose web pages may call this server; * is any", "network", "ORIGIN"),
    Option("ssl_certfile", "", _text, "certificate chain (PEM), to serve HTTPS", "network", "FILE"),
    Option("ssl_keyfile", "", _text, "its private key (PEM), if not in the same file", "network", "FILE"),
    Option(
        "queue_limit",
        512,
        _whole(1, 1_000_000),
        "requests that may wait for a model; more are answered 429",
        "network",
        "N",
    ),
    Option(
        "default_timeout",
        0.0,
        _number("seconds", 0, 86_400),
        "seconds that a request without a timeout may take; 0 sets no limit",
        "network",
        "SECONDS",
    ),
    Option(
        "max_timeout",
        600.0,
        _number("seconds", 0.001, 86_400),
        "largest timeout that a request may ask for, in seconds",
        "network",
        "SECONDS",
    ),
    Option("max_upload", 100, _whole(1, 1000), "largest file in a request, in megabytes", "network", "MB"),
    Option(
        "resume_timeout",
        60.0,
        _number("seconds", 1, 86_400),
        "seconds that a resumable stream waits for its client",
        "network",
        "SECONDS",
    ),
    Option(
        "drain_timeout",
        30.0,
        _number("seconds", 0, 86_400),
        "seconds that running requests get at the end",
        "network",
        "SECONDS",
    ),
    Option("nctx", 0, _whole(0, 1 << 24), "context window in tokens; 0 chooses by the model", metavar="NCTX"),
    Option("workers", 1, _whole(1, 256), "worker processes per model; with GPUs, one per GPU in turn", metavar="N"),
    Option("slots", 16, _whole(1, 1024), "sequences that a worker runs at once", metavar="N"),
    Option("threads", 0, _whole(0, 1024), "threads per worker; 0 shares the CPU's cores equally", metavar="N"),
    Option("gpu_layers", -1, _whole(-1, 10_000), "model layers on the GPU; -1 is all, 0 none", metavar="N"),
    Option(
        "cache_ram", 1000, _whole(0, 100_000_000), "main memory per text worker for ended chats, in MB", metavar="MB"
    ),
    Option("alias", (), _texts, "further name of a model; ALIAS alone where one is served", metavar="MODEL=ALIAS"),
    Option("chat_template", "", _text, "chat template instead of the model's: a name or a Jinja file", metavar="FILE"),
    Option("vae", "", _text, "separate VAE of the image model", "pictures", "FILE"),
    Option("taesd", "", _text, "tiny autoencoder, for quick decoding", "pictures", "FILE"),
    Option("clip_l", "", _text, "separate CLIP-L text encoder of the image model", "pictures", "FILE"),
    Option("clip_g", "", _text, "separate CLIP-G text encoder of the image model", "pictures", "FILE"),
    Option("t5xxl", "", _text, "separate T5 text encoder of the image model", "pictures", "FILE"),
    Option("lora_folder", "", _text, "where <lora:name:weight> in a prompt finds its files", "pictures", "FOLDER"),
    Option("max_image_side", 1024, _side, "largest width and height, in pixels", "pictures", "PIXELS"),
    Option(
        "media_folder", "", _text, "where image_path finds pictures (default ~/.local/share/nexa/media)", "pictures"
    ),
    Option("image_host", (), _texts, "host that pictures may be fetched from by URL", "pictures", "HOST"),
    Option("output_folder", "", _text, "where pictures are kept (default ~/.local/share/nexa/images)", "pictures"),
    Option("output_hours", 168.0, _number("hours", 0.01, 1_000_000), "how long they are kept", "pictures", "HOURS"),
    Option("output_mb", 1000, _whole(1, 100_000_000), "how much of them is kept, in megabytes", "pictures", "MB"),
    Option("reload", False, _switch, "restart the front process when its code changes", "running"),
    Option("otlp_endpoint", "", _base_url, "OpenTelemetry collector for traces (OTLP over HTTP)", "running", "URL"),
    Option("log_format", "text", _one_of(*FORMATS), "text or json", "running", "FORMAT"),
    Option("log_prompts", False, _switch, "write prompts into the log, which has none otherwise", "running"),
)
_FILE_ONLY = (
    Option("model_path", (), _texts, "models to serve"),
    Option("onnx", False, _switch, "serve ONNX models"),
)
_GROUPS = {
    "network": "who may ask, and how much",
    "models": "models and workers",
    "pictures": "pictures",
    "running": "running",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options on the parser of ``nexa server``. Values stay as text; those not given are left out."""
    for group_name, title in _GROUPS.items():
        group = parser.add_argument_group(title)
        for option in (option for option in OPTIONS if option.group == group_name):
            keywords: dict[str, Any] = {"dest": option.name, "default": argparse.SUPPRESS, "help": _help(option)}
            if isinstance(option.default, bool):
                keywords["action"] = "store_true"
            else:
                keywords |= {"metavar": option.metavar or option.name.upper()}
                keywords |= {"action": "append"} if isinstance(option.default, tuple) else {}
            group.add_argument(option.flag, **keywords)


def gather(given: Mapping[str, Any], environment: Mapping[str, str], config_path: str | None) -> ServerOptions:
    """Join the sources.

    Args:
        given: what the command line holds, by option name.
        environment: the environment's variables.
        config_path: the TOML file, if one was named.

    Raises:
        OptionError: a value or a key of the file is not understood, or the file cannot be read.
    """
    config = {} if config_path is None else _read_config(Path(config_path).expanduser())
    values: dict[str, Any] = {}
    for option in (*OPTIONS, *_FILE_ONLY):
        if option.name in given:
            values[option.name] = _checked(option, given[option.name], option.flag)
        elif environment.get(option.variable):
            values[option.name] = _checked(option, environment[option.variable], option.variable)
        elif option.name in config:
            values[option.name] = _checked(option, config[option.name], f"{option.name} in {config_path}")
        else:
            values[option.name] = option.default
    return ServerOptions(**values)


def _help(option: Option) -> str:
    default = option.default
    shown = "" if isinstance(default, (bool, tuple)) or default == "" else f" (default {default})"
    return option.help + shown


def _checked(option: Option, value: Any, source: str) -> Any:
    try:
        return option.read(value)
    except ValueError as error:
        raise OptionError(f"{source}: {value!r} given; {error}") from None


def _read_config(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            config = tomllib.load(file)
    except OSError as error:
        raise OptionError(f"--config {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OptionError(f"--config {path} is not TOML: {error}") from None
    known = [option.name for option in (*OPTIONS, *_FILE_ONLY)]
    named = {key.replace("-", "_"): value for key, value in config.items()}
    for key in named:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.0)
            raise OptionError(f"--config {path}: unknown key {key!r}; the nearest is {near[0]!r}")
    return named
