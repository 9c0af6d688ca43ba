"""The options of the server as a whole."""

from __future__ import annotations

from typing import Annotated

from shared.logs.setup import FORMATS
from shared.origins import check_origin
from shared.settings.discovery import DiscoveryOptions
from shared.settings.option import FormerName, Group, Option
from shared.settings.residency import ServerResidencyOptions
from shared.settings.units import DAY_S, GIGABYTE, HOUR_S, MEGABYTE, TERABYTE
from shared.settings.values import (
    BaseUrl,
    Choice,
    Duration,
    PublicUrl,
    Size,
    Switch,
    Text,
    Texts,
    Whole,
    check_host_name,
    check_network,
)

_FILE = Text("FILE", "a path")
_FOLDER = Text("FOLDER", "a path")
_PROXIES = Texts("ADDRESS", "addresses or networks such as 10.0.0.2 or 172.16.0.0/12", check_network)
_HOST_NAMES = Texts("NAME", "names such as ai.example, without scheme or port", check_host_name)
_ORIGINS = Texts(
    "ORIGIN",
    "origins such as https://chat.example:3000, https://*.example.com or app://chat, without a path, null or *",
    check_origin,
)


class ServerOptions(DiscoveryOptions, ServerResidencyOptions):
    """Options that are not about a model."""

    host: Annotated[str, Option(Text("HOST"), "address to listen on", Group.NETWORK)] = "127.0.0.1"
    port: Annotated[int, Option(Whole(0, 65535, metavar="PORT"), "TCP port; 0 takes any free one", Group.NETWORK)] = (
        8000
    )
    ollama_port: Annotated[
        int,
        Option(
            Whole(0, 65535, metavar="PORT"),
            "TCP port to listen on as well, where Ollama's clients look: 11434; 0 for none",
            Group.NETWORK,
        ),
    ] = 0
    api_key: Annotated[
        str, Option(Text("KEY"), "key that clients must send; better given as NEXA_API_KEY", Group.NETWORK)
    ] = ""
    key_file: Annotated[
        str, Option(_FILE, "named keys and their usage (default ~/.local/share/nexa/keys.sqlite3)", Group.NETWORK)
    ] = ""
    insecure: Annotated[
        bool, Option(Switch(), "accept requests without a key, even from other machines", Group.NETWORK)
    ] = False
    await_key: Annotated[
        bool,
        Option(
            Switch(),
            "start before any key exists, even open to other machines: requests get 401 until one is created",
            Group.NETWORK,
        ),
    ] = False
    cors_origins: Annotated[
        tuple[str, ...],
        Option(
            _ORIGINS,
            "origin whose web pages may call this server; * for any",
            Group.NETWORK,
            flag="--cors-origin",
            former=FormerName("cors_origin"),
        ),
    ] = ()
    https: Annotated[
        bool,
        Option(Switch(), "serve HTTPS with the certificate of nexa cert, made or renewed at the start", Group.NETWORK),
    ] = False
    ssl_certfile: Annotated[str, Option(_FILE, "certificate chain (PEM) to serve HTTPS with", Group.NETWORK)] = ""
    ssl_keyfile: Annotated[str, Option(_FILE, "private key (PEM), if not in --ssl-certfile", Group.NETWORK)] = ""
    public_url: Annotated[
        str,
        Option(
            PublicUrl(),
            "URL of this server in answers, where clients reach it by another one than their requests say",
            Group.NETWORK,
        ),
    ] = ""
    trusted_proxies: Annotated[
        tuple[str, ...],
        Option(
            _PROXIES,
            "proxy whose X-Forwarded-* and Forwarded headers are believed",
            Group.NETWORK,
            flag="--trusted-proxy",
        ),
    ] = ()

    allowed_hosts: Annotated[
        tuple[str, ...],
        Option(
            _HOST_NAMES,
            "name under which clients may reach this server, beside localhost, addresses and --host",
            Group.NETWORK,
            flag="--allowed-host",
        ),
    ] = ()

    admin_socket: Annotated[
        bool,
        Option(
            Switch(),
            "let only the user who runs the server give orders: nexa drain, restart, load, unload with --admin-socket",
            Group.NETWORK,
        ),
    ] = False

    no_page: Annotated[bool, Option(Switch(), "serve no page at /, only the APIs", Group.NETWORK, flag="--no-page")] = (
        False
    )

    queue_limit: Annotated[
        int,
        Option(
            Whole(1, 1_000_000), "maximum number of requests that wait for a model; further ones get 429", Group.LIMITS
        ),
    ] = 512
    user_queue_limit: Annotated[
        int,
        Option(
            Whole(0, 1_000_000),
            "maximum number of one user's requests that wait for a model; 0 for half of --queue-limit",
            Group.LIMITS,
        ),
    ] = 0
    default_timeout_s: Annotated[
        float,
        Option(
            Duration(0, DAY_S),
            "timeout of requests that set none; 0 for no timeout",
            Group.LIMITS,
            former=FormerName("default_timeout"),
        ),
    ] = 0.0
    max_timeout_s: Annotated[
        float,
        Option(
            Duration(0.001, DAY_S),
            "largest timeout that a request may set",
            Group.LIMITS,
            former=FormerName("max_timeout"),
        ),
    ] = 600.0
    drain_timeout_s: Annotated[
        float,
        Option(
            Duration(0, DAY_S),
            "time that running requests get to finish when the server or a worker stops",
            Group.LIMITS,
            former=FormerName("drain_timeout"),
        ),
    ] = 30.0
    max_body_bytes: Annotated[int, Option(Size(1, 64 * MEGABYTE), "largest JSON body, with pictures", Group.LIMITS)] = (
        32 * 1024 * 1024
    )
    max_text_bytes: Annotated[
        int,
        Option(
            Size(1, 8 * MEGABYTE),
            "largest text of a request; JSON that can have no pictures may be 4 times as large",
            Group.LIMITS,
        ),
    ] = 2 * MEGABYTE
    max_json_values: Annotated[
        int,
        Option(
            Whole(100, 100_000_000),
            "values in a JSON body, such as token ids; a twentieth of them may be lists and objects",
            Group.LIMITS,
        ),
    ] = 1_000_000
    max_inflight_bytes: Annotated[
        int,
        Option(Size(MEGABYTE, TERABYTE), "bodies held in memory, from arrival to the end of the answer", Group.LIMITS),
    ] = 192 * MEGABYTE
    max_user_inflight_bytes: Annotated[
        int, Option(Size(MEGABYTE, TERABYTE), "bodies of one user held in memory", Group.LIMITS)
    ] = 96 * MEGABYTE
    max_spool_bytes: Annotated[
        int,
        Option(Size(MEGABYTE, 100 * TERABYTE), "uploads held in temporary files; one user may have half", Group.LIMITS),
    ] = 4 * GIGABYTE
    max_upload_bytes: Annotated[
        int,
        Option(Size(1, GIGABYTE), "largest file in a request", Group.LIMITS, former=FormerName("max_upload", MEGABYTE)),
    ] = 100 * MEGABYTE
    max_connections: Annotated[
        int, Option(Whole(1, 1_000_000), "maximum number of open connections; further ones get 503", Group.LIMITS)
    ] = 10_000
    max_connections_per_address: Annotated[
        int,
        Option(
            Whole(1, 1_000_000),
            "the same of one address, other than this machine and trusted proxies; further ones get 429",
            Group.LIMITS,
        ),
    ] = 512
    resume_timeout_s: Annotated[
        float,
        Option(
            Duration(0.001, DAY_S),
            "how long a resumable stream waits for its client to return",
            Group.LIMITS,
            former=FormerName("resume_timeout"),
        ),
    ] = 60.0
    resume_log_bytes: Annotated[
        int, Option(Size(1, GIGABYTE), "size of the events kept per resumable stream", Group.LIMITS)
    ] = 8 * MEGABYTE
    resume_streams: Annotated[int, Option(Whole(1, 10_000), "resumable streams kept per user", Group.LIMITS)] = 8

    media_folder: Annotated[
        str,
        Option(_FOLDER, "where image_path finds images (default ~/.local/share/nexa/media)", Group.IMAGES),
    ] = ""
    image_hosts: Annotated[
        tuple[str, ...],
        Option(
            Texts("HOST", "a list of hosts"),
            "host that images may be fetched from by URL",
            Group.IMAGES,
            flag="--image-host",
            former=FormerName("image_host"),
        ),
    ] = ()
    output_folder: Annotated[
        str, Option(_FOLDER, "where generated images are kept (default ~/.local/share/nexa/images)", Group.IMAGES)
    ] = ""
    output_keep_s: Annotated[
        float,
        Option(
            Duration(1, 50_000 * DAY_S),
            "how long generated images are kept",
            Group.IMAGES,
            former=FormerName("output_hours", int(HOUR_S)),
        ),
    ] = 7 * DAY_S
    output_keep_bytes: Annotated[
        int,
        Option(
            Size(1, 100 * TERABYTE),
            "total size of the generated images that are kept",
            Group.IMAGES,
            former=FormerName("output_mb", MEGABYTE),
        ),
    ] = GIGABYTE

    state_folder: Annotated[
        str,
        Option(_FOLDER, "where files, batches and answers are stored (default: beside --key-file)", Group.STATE),
    ] = ""
    files_keep_s: Annotated[
        float,
        Option(Duration(60, 50_000 * DAY_S), "how long uploaded files and those of batches are kept", Group.STATE),
    ] = 30 * DAY_S
    files_keep_bytes: Annotated[
        int,
        Option(
            Size(1, 100 * TERABYTE),
            "total size of the files that are kept; further uploads get 413. One user may have half",
            Group.STATE,
        ),
    ] = 10 * GIGABYTE

    responses_keep_s: Annotated[
        float,
        Option(
            Duration(1, 50_000 * DAY_S),
            "how long answers of /v1/responses are stored, from the last use of their conversation",
            Group.STATE,
        ),
    ] = 30 * DAY_S
    responses_keep_bytes: Annotated[
        int,
        Option(
            Size(1, 100 * TERABYTE), "total size of the answers that are stored; one user may have half", Group.STATE
        ),
    ] = GIGABYTE

    reload: Annotated[bool, Option(Switch(), "restart the router when its code changes", Group.OPERATION)] = False
    otlp_endpoint: Annotated[
        str, Option(BaseUrl(), "OpenTelemetry collector for traces (OTLP over HTTP)", Group.OPERATION)
    ] = ""
    log_format: Annotated[
        str, Option(Choice(FORMATS, "FORMAT"), "format of log lines: text or json", Group.OPERATION)
    ] = "text"
    strict_names: Annotated[
        bool,
        Option(
            Switch(), "refuse names such as gpt-4o instead of taking the first model of their kind", Group.OPERATION
        ),
    ] = False
    log_prompts: Annotated[bool, Option(Switch(), "write prompts to the log", Group.OPERATION)] = False

    @property
    def queued_per_user(self) -> int:
        """How many requests of one user may wait for a model, unless the user's key has a limit of its own."""
        return self.user_queue_limit or max(1, self.queue_limit // 2)
