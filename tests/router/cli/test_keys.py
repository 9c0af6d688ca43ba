"""``nexa key`` as an operator sees it: output, exit codes, one line for an error."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest

from router.cli.main import main
from router.jobs.limits import Priority, UserLimits
from router.keys.store import KeyStore
from router.keys.usage import NO_KEY, Usage, UsageBucket, UsageStore

DAY, NEXT_DAY = datetime.date(2026, 1, 31), datetime.date(2026, 2, 1)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "keys.sqlite3"
    monkeypatch.setenv("NEXA_KEY_FILE", str(path))
    return path


@pytest.fixture
def used(path: Path) -> None:
    store = UsageStore.open(path)
    store.add(
        {
            UsageBucket(DAY, "bob", "smollm2"): Usage(2, 1000, 400, 30),
            UsageBucket(NEXT_DAY, "bob", "painter"): Usage(1, images=4),
            UsageBucket(DAY, NO_KEY, "whisper"): Usage(1, audio_s=61.5),
        }
    )
    store.close()


def rows(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert main(["key", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_create_prints_nothing_but_the_new_key_which_is_valid(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["key", "create", "bob", "--limit", "running=2,queued=0", "--priority", "batch", "--admin"]) == 0
    out, err = capsys.readouterr()
    (key,) = out.splitlines()
    assert "only once" in err
    assert key not in err
    store = KeyStore.open(path)
    found = store.snapshot().find(key)
    store.close()
    assert found is not None
    assert (found.limits, found.admin) == (UserLimits(2, 0, Priority.BATCH), True)


def test_keys_are_listed_without_their_secrets(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["key", "create", "bob", "--limit", "queued=3"])
    key = capsys.readouterr().out.strip()
    assert main(["key", "list"]) == 0
    table = capsys.readouterr().out
    assert "bob" in table
    assert "queued=3" in table
    assert key.split("-", 2)[2] not in table
    (row,) = rows(capsys, "list")
    assert (row["name"], row["max_running"], row["max_queued"], row["admin"]) == ("bob", None, 3, False)


def test_models_and_tokens_of_a_key_are_limited(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["key", "create", "bob", "--models", "smollm2, llama2:Q8_0", "--limit", "tokens_per_day=5000"]) == 0
    capsys.readouterr()
    (row,) = rows(capsys, "list")
    assert (row["models"], row["tokens_per_day"]) == (["smollm2", "llama2:Q8_0"], 5000)
    assert main(["key", "list"]) == 0
    table = capsys.readouterr().out
    assert "tokens_per_day=5000" in table
    assert "smollm2,llama2:Q8_0" in table


def test_only_the_limits_that_are_named_change(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["key", "create", "bob", "--limit", "running=4,queued=20", "--models", "smollm2", "--priority", "batch"])
    capsys.readouterr()
    assert main(["key", "limit", "bob", "--limit", "tokens_per_day=9,queued=none"]) == 0
    assert "running=4,tokens_per_day=9" in capsys.readouterr().out
    store = KeyStore.open(path)
    assert store.named("bob").limits == UserLimits(4, None, Priority.BATCH, ("smollm2",), 9)
    assert main(["key", "limit", "bob", "--all-models", "--priority", "interactive"]) == 0
    assert store.named("bob").limits == UserLimits(4, None, Priority.INTERACTIVE, None, 9)
    assert main(["key", "limit", "carl", "--limit", "running=1"]) == 1
    assert "expected the name of an active key (bob), got carl" in capsys.readouterr().err
    store.close()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--models", ""], "expected names of models, of 1 to 256 characters without a comma, got ''"),
        (["--models", "a,,b"], "without a comma, got ''"),
        (["--models", ",".join(f"m{number}" for number in range(101))], "expected 1 to 100 names of models, got 101"),
        (["--limit", "tokens_per_day=0"], "tokens_per_day=N (from 1)"),
    ],
    ids=["none", "empty", "many", "zero"],
)
@pytest.mark.usefixtures("path")
def test_limits_that_cannot_be_are_refused(words: list[str], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["key", "create", "bob", *words]) == 2
    assert expected in capsys.readouterr().err


def test_a_revoked_key_moves_to_the_other_list(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["key", "create", "bob"])
    assert main(["key", "revoke", "bob"]) == 0
    capsys.readouterr()
    assert rows(capsys, "list") == []
    assert [row["name"] for row in rows(capsys, "list", "--revoked")] == ["bob"]
    assert main(["key", "list", "--revoked"]) == 0
    assert "REVOKED" in capsys.readouterr().out


@pytest.mark.usefixtures("used")
def test_usage_is_summed_by_key_and_split_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    assert [(row["key"], row["requests"], row["audio_s"]) for row in rows(capsys, "usage")] == [
        (None, 1, 61.5),
        ("bob", 3, 0.0),
    ]
    assert [(row["day"], row["images"]) for row in rows(capsys, "usage", "bob", "--by", "day")] == [
        ("2026-01-31", 0),
        ("2026-02-01", 4),
    ]
    assert [row["model"] for row in rows(capsys, "usage", "--by", "model", "--since", "2026-02-01")] == ["painter"]


@pytest.mark.usefixtures("used")
@pytest.mark.parametrize(("by", "further"), [("key", []), ("day", ["2026-01-31"]), ("model", ["smollm2"])])
def test_usage_is_a_table_without_json(capsys: pytest.CaptureFixture[str], by: str, further: list[str]) -> None:
    assert main(["key", "usage", "--by", by, "--until", "2026-01-31"]) == 0
    heading, nobody, bob = capsys.readouterr().out.splitlines()
    assert heading.split("  ")[0] == "KEY"
    assert nobody.startswith("(no named key)")
    assert nobody.endswith("62 s")
    assert bob.split() == ["bob", *further, "2", "1,000", "400", "30", "0", "0", "s"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["create", "a b"], 1, "'a b'"),
        (["revoke", "bob"], 1, "expected the name of an active key (none), got bob"),
        (["create", "bob", "--limit", "running=0"], 2, "--limit: expected running=N (from 1)"),
        (["create", "bob", "--limit", "most=3"], 2, "got 'most=3'"),
        (["create", "bob", "--limit", "running"], 2, "got 'running'"),
        (["create", "bob", "--limit", "running=12345678901234567890"], 2, "up to 9 digits"),
        (["create", "b\udcff"], 1, "name: expected 1 to 64 letters"),
        (["revoke", "b\udcff"], 2, "NAME: expected a name that `nexa key list` shows"),
        (["usage", "b\udcff"], 2, "NAME: expected a name that `nexa key list` shows"),
        (["create", "bob", "--priority", "high"], 2, "--priority"),
        (["usage", "--since", "yesterday"], 2, "expected a day such as 2026-01-31, got 'yesterday'"),
        ([], 2, "COMMAND"),
    ],
)
def test_an_error_is_one_line(
    path: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    assert main(["key", *words]) == code
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("nexa: ")
    assert said in line


def test_a_file_that_is_not_a_key_file_is_an_error_of_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes").write_text("some text")
    assert main(["key", "list", "--key-file", str(tmp_path / "notes")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "notes" in line
