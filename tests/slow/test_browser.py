"""Pages as a browser shows them. Needs Debian's package ``chromium``."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.support.running_server import RunningServer


def page(url: str, profile: Path) -> str:
    """The page's elements once its scripts have run, in a browser that reaches no host but this one."""
    chromium = shutil.which("chromium")
    assert chromium is not None, "chromium is missing: apt-get install chromium, or make test-slow as root"
    command = [
        chromium,
        *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        "--virtual-time-budget=20000",
        f"--user-data-dir={profile}",
        "--dump-dom",
        url,
    ]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return shown.stdout


def test_the_documentation_is_readable_without_the_internet(server: RunningServer, tmp_path: Path) -> None:
    shown = page(f"{server.url}/docs", tmp_path)
    for path in ("/v1/chat/completions", "/v1/function-calling", "/v1/audio/transcriptions", "/v1/txt2img"):
        assert f'data-path="{path}"' in shown, f"{path} is missing from the page"
