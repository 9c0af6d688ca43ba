from __future__ import annotations

from pathlib import Path

from tests.support.running_server import running, wait_until


def test_two_models_of_one_server_have_options_of_their_own(tmp_path: Path) -> None:
    config = tmp_path / "nexa.toml"
    config.write_text('slots = 7\n[models."echo:0.01"]\nslots = 5\nworkers = 2\n')
    with running("echo@slots=3,alias=quick", "echo:0.01", "echo:0.02", "--config", str(config)) as server:
        expected = {"echo/0": 3, "echo-2/0": 5, "echo-2/1": 5, "echo-3/0": 7}
        wait_until(
            lambda: {row["name"]: row["slots"] for row in server.workers()} == expected,
            "each worker has the slots of its model",  # ready means one worker of each model
        )
        quick = {"model": "quick", "prompt": "a", "max_tokens": 1}
        assert server.post("/v1/completions", quick)["model"] == "echo"
