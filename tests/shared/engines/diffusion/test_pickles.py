"""Checkpoints of PyTorch: their tensors are read, and nothing in them is run."""

from __future__ import annotations

import contextlib
import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.engines.diffusion.pickles import read_pickled_shapes
from shared.errors import ModelError
from shared.models.recognition import inspect_model


class Storage:
    """Stands for a storage of PyTorch's, which a pickle only names."""


def rebuilt(*_: object) -> None:
    """Stands for the function that builds a tensor."""


class FakeTensor:
    def __init__(self, *shape: int) -> None:
        self.shape = shape

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuilt, (Storage(), 0, self.shape, tuple(1 for _ in self.shape), False, OrderedDict())


class Pickler(pickle.Pickler):
    def persistent_id(self, obj: object) -> object:
        return ("storage", "FloatStorage", "0", "cpu", 8) if isinstance(obj, Storage) else None


def pickled(state: object, protocol: int = 2) -> bytes:
    file = io.BytesIO()
    Pickler(file, protocol).dump(state)
    return file.getvalue().replace(b"rebuilt", b"_rebuild_tensor_v2") if protocol < 3 else file.getvalue()


def write(path: Path, data: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", data)
        archive.writestr("archive/data/0", b"\0" * 32)
    return path


def test_names_and_shapes_are_read(tmp_path: Path) -> None:
    state = {"state_dict": OrderedDict({"a.weight": FakeTensor(2, 3), "b": FakeTensor(7)}), "epoch": 3, "more": [1, {}]}
    path = write(tmp_path / "m.ckpt", pickled(state))
    assert read_pickled_shapes(path) == {"a.weight": (3, 2), "b": (7,)}


@pytest.mark.parametrize("name", ["m.ckpt", "m.pt", "m.pth"])
def test_an_image_model_is_known(tmp_path: Path, name: str) -> None:
    prefix = "model.diffusion_model."
    state = {f"{prefix}cap_embedder.0.weight": FakeTensor(2560), f"{prefix}x": FakeTensor(1, 2)}
    assert inspect_model(write(tmp_path / name, pickled(state))).engine == "diffusion"


def test_another_pickle_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "m.pt", pickled({"string_to_param": {"*": FakeTensor(4, 768)}}))
    with pytest.raises(ModelError, match="got other tensors"):
        inspect_model(path)


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return exec, ("raise SystemExit('the pickle was run')",)


def test_nothing_is_run(tmp_path: Path) -> None:
    path = write(tmp_path / "m.ckpt", pickle.dumps({"a": Evil(), "b": FakeTensor(1)}))
    assert isinstance(read_pickled_shapes(path), dict)


@settings(deadline=None, max_examples=60)
@given(data=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = write(tmp_path_factory.mktemp("pickles") / "m.ckpt", data)
    with contextlib.suppress(ModelError):
        assert isinstance(read_pickled_shapes(path), dict)


def test_deep_nesting_does_no_harm(tmp_path: Path) -> None:
    data = b"\x80\x02" + b"(" * 100_000 + b"t" * 100_000 + b"."
    assert read_pickled_shapes(write(tmp_path / "m.ckpt", data)) == {}
