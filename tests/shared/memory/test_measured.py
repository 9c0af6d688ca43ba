"""What was measured is planned, also by the next server, whatever happened to the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.kinds import JobKind
from shared.memory.fitting import FittedModel
from shared.memory.measured import _NOT_IN_MEMORY, MAX_MODELS, MeasuredMemory
from shared.settings import ModelSettings
from shared.settings.model import OF_NO_WORKER
from tests.support.any_json import json_values

MB = 1000**2


def place(path: str = "", gpus: int = 0, **options: Any) -> FittedModel:
    given = {"name": "m", "kinds": (JobKind.TEXT,), "engine": "llama", "path": path}
    memory = {"cpu": 500 * MB, **{f"cuda:{gpu}": 900 * MB for gpu in range(gpus)}}
    return FittedModel(memory, ModelSettings.model_validate(given | options), beside_bytes=100 * MB)


def test_before_any_load_the_estimate_counts() -> None:
    memory = MeasuredMemory()
    assert memory.best(place()) == {"cpu": 500 * MB}
    assert memory.load_s(place()) is None


def test_what_was_measured_counts_for_the_next_server(tmp_path: Path) -> None:
    file = tmp_path / "state" / "memory.json"
    MeasuredMemory(file).learn(place(gpus=1), {"cpu": 400 * MB, "cuda:0": 1000 * MB}, 2.5)
    memory = MeasuredMemory(file)
    assert memory.best(place(gpus=1)) == {"cpu": 540 * MB, "cuda:0": 1100 * MB}
    assert memory.load_s(place(gpus=1)) == 2.5
    assert memory.best(place()) == {"cpu": 500 * MB}  # on a CPU it is another matter
    assert memory.best(place(gpus=1, slots=2)) == place(gpus=1).memory
    assert memory.best(place(gpus=1, reasoning_format="none")) == memory.best(place(gpus=1))


def test_the_most_that_was_seen_counts() -> None:
    memory = MeasuredMemory()
    for size in (600, 900, 700):
        memory.learn(place(), {"cpu": size * MB}, 1.0)
    assert memory.best(place()) == {"cpu": 1090 * MB}


def test_an_idle_worker_does_not_talk_the_estimate_down_too_far() -> None:
    memory = MeasuredMemory()
    memory.learn(place(), {"cpu": 50 * MB}, 1.0)
    assert memory.best(place()) == {"cpu": 300 * MB}


def test_a_death_for_lack_of_memory_raises_the_figure_until_it_is_measured() -> None:
    memory = MeasuredMemory()
    memory.too_small(place())
    assert memory.best(place()) == {"cpu": 625 * MB}
    for _ in range(20):
        memory.too_small(place())
    assert memory.best(place()) == {"cpu": 1000 * MB}
    memory.learn(place(), {"cpu": 600 * MB}, 1.0)
    assert memory.best(place()) == {"cpu": 760 * MB}


def test_another_file_under_the_same_name_is_another_model(tmp_path: Path) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(b"1")
    memory = MeasuredMemory()
    memory.learn(place(str(file)), {"cpu": 600 * MB}, 1.0)
    assert memory.best(place(str(file))) == {"cpu": 760 * MB}
    file.write_bytes(b"22")
    assert memory.best(place(str(file))) == {"cpu": 500 * MB}


@pytest.mark.parametrize(
    "options", [{"known_as": ("owner/m",)}, {"max_workers": 2}, {"workers": 2}, {"aliases": ("other",)}, {"threads": 3}]
)
def test_options_that_change_nothing_of_the_memory_change_nothing_of_what_is_known(options: dict[str, Any]) -> None:
    memory = MeasuredMemory()
    memory.learn(place(), {"cpu": 600 * MB}, 1.0)
    assert memory.best(place(**options)) == {"cpu": 760 * MB}
    assert memory.best(place(context_tokens=512)) == {"cpu": 500 * MB}


def test_what_is_left_out_are_options() -> None:
    assert ModelSettings.model_fields.keys() >= _NOT_IN_MEMORY >= OF_NO_WORKER


def test_the_file_has_a_bound(tmp_path: Path) -> None:
    file = tmp_path / "memory.json"
    memory = MeasuredMemory()
    for number in range(MAX_MODELS + 5):
        memory.learn(place(slots=1, kv_tokens=number), {"cpu": 600 * MB}, 1.0)
    memory = MeasuredMemory(file)
    memory.learn(place(), {"cpu": 600 * MB}, 1.0)
    assert len(json.loads(file.read_text())) == 1


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    memory = MeasuredMemory(tmp_path / "file" / "memory.json")
    memory.learn(place(), {"cpu": 600 * MB}, 1.0)
    assert memory.best(place()) == {"cpu": 760 * MB}


def test_no_damage_of_the_file_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "memory.json"
    MeasuredMemory(file).learn(place(), {"cpu": 600 * MB}, 1.0)
    key = next(iter(json.loads(file.read_text())))

    @settings(deadline=None, max_examples=200)
    @given(
        st.one_of(
            json_values,
            st.fixed_dictionaries(dict.fromkeys(("host_bytes", "device_bytes", "load_s", "raised"), json_values)),
        )
    )
    def check(entry: Any) -> None:
        file.write_text(json.dumps({key: entry}))
        memory = MeasuredMemory(file)
        assert memory.best(place())["cpu"] >= 300 * MB
        memory.too_small(place())

    check()
    for content in (b"", b"\xff", b"[1", b"[" * 100_000, b"[]"):
        file.write_bytes(content)
        assert MeasuredMemory(file).best(place()) == {"cpu": 500 * MB}


def test_two_servers_keep_what_either_has_learnt(tmp_path: Path) -> None:
    file = tmp_path / "memory.json"
    one, other = MeasuredMemory(file), MeasuredMemory(file)
    one.learn(place(slots=1), {"cpu": 600 * MB}, 1.0)
    other.learn(place(slots=2), {"cpu": 700 * MB}, 1.0)
    both = MeasuredMemory(file)
    assert both.load_s(place(slots=1)) == both.load_s(place(slots=2)) == 1.0


def test_a_replaced_adapter_is_measured_anew(tmp_path: Path) -> None:
    file = tmp_path / "style.gguf"
    file.write_bytes(b"1")
    memory = MeasuredMemory()
    adapted = place(adapters=(f"style={file}:1",))
    memory.learn(adapted, {"cpu": 600 * MB}, 1.0)
    assert memory.load_s(adapted) == 1.0
    file.write_bytes(b"22")
    assert memory.load_s(adapted) is None
