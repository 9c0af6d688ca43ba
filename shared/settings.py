"""What one run of the server is told: built once by the command line, read by each process from the run folder."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.kinds import JobKind


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """One served model: the id that requests name, the file, and the engine that runs it.

    It runs jobs of all its ``kinds``. ``aliases`` are further ids under which requests may name it. ``options`` belong
    to the engine.
    """

    name: str
    kinds: tuple[JobKind, ...]
    engine: str
    path: str
    aliases: tuple[str, ...] = ()
    workers: int = 1
    options: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> ModelSettings:
        """The settings that :meth:`ServerSettings.save` wrote."""
        kinds = tuple(JobKind(kind) for kind in values["kinds"])
        return cls(**{**values, "kinds": kinds, "aliases": tuple(values["aliases"])})


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Everything that ``nexa server`` was asked for.

    ``context_tokens`` (``--nctx``) and ``threads`` are 0 for "choose"; ``gpu_layers`` is -1 for "all when there is a
    GPU". ``cache_ram_bytes`` is what a text worker may hold of ended chats in main memory. ``queue_limit`` bounds the
    jobs that wait in the router for one model. A request may ask to be done within up to ``max_timeout_s``; one that
    asks for nothing gets ``default_timeout_s`` (0: as long as it takes). ``api_key`` is a key that all may share,
    ``key_file`` (empty: memory) has those with names and what was used; ``key_required`` refuses those who have none
    from the start, otherwise as soon as a key is made, unless ``insecure`` lets them in. ``max_body_bytes`` is for
    JSON, ``max_upload_bytes`` for a file in a form. Pictures that requests name by path lie in ``media_folder``, and
    those that they name by URL may come from ``image_hosts`` only. Pictures that were made are kept in
    ``output_folder`` for at most ``output_keep_s`` and within ``output_keep_bytes``; their sides are at most
    ``max_image_side`` pixels. Of each user at most ``resume_streams`` resumable streams are kept, of each about
    ``resume_log_bytes`` of events, and for ``resume_timeout_s`` without a client. Web pages of ``cors_origins`` may
    call the server. With ``ssl_certfile`` it serves HTTPS. Traces go to ``otlp_endpoint``, a base URL.
    """

    models: tuple[ModelSettings, ...]
    run_folder: str
    host: str = "127.0.0.1"
    port: int = 8000
    reload: bool = False
    context_tokens: int = 0
    slots: int = 16
    threads: int = 0
    gpu_layers: int = -1
    cache_ram_bytes: int = 1000 * 1000 * 1000
    queue_limit: int = 512
    default_timeout_s: float = 0.0
    max_timeout_s: float = 600.0
    max_body_bytes: int = 32 * 1024 * 1024
    max_upload_bytes: int = 100 * 1000 * 1000
    media_folder: str = ""
    image_hosts: tuple[str, ...] = ()
    output_folder: str = ""
    output_keep_s: float = 7 * 86_400.0
    output_keep_bytes: int = 1000 * 1000 * 1000
    max_image_side: int = 1024
    chat_template: str = ""
    api_key: str = ""
    key_file: str = ""
    key_required: bool = False
    insecure: bool = False
    resume_timeout_s: float = 60.0
    resume_log_bytes: int = 8 * 1000 * 1000
    resume_streams: int = 8
    cors_origins: tuple[str, ...] = ()
    ssl_certfile: str = ""
    ssl_keyfile: str = ""
    otlp_endpoint: str = ""
    drain_timeout_s: float = 30.0
    log_format: str = "text"
    log_prompts: bool = False

    @property
    def path(self) -> Path:
        """Where :meth:`save` writes these settings."""
        return Path(self.run_folder) / "settings.json"

    def save(self) -> None:
        """Write the settings into the run folder, readable by the owner only (they hold the key)."""
        self.path.touch(mode=0o600)
        self.path.write_text(json.dumps(dataclasses.asdict(self)))

    @classmethod
    def load(cls, path: Path) -> ServerSettings:
        """Read what :meth:`save` wrote."""
        values = json.loads(path.read_text())
        values["models"] = tuple(ModelSettings.from_json(model) for model in values["models"])
        values["image_hosts"] = tuple(values["image_hosts"])
        values["cors_origins"] = tuple(values["cors_origins"])
        return cls(**values)
