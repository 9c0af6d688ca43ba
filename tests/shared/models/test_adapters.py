from __future__ import annotations

from pathlib import Path

import pytest

from shared.models.adapters import AdapterFile, UnknownAdapterError, parse_adapter, settled_adapters
from shared.wire.jobs import AdapterSet, WantedAdapters

ADAPTERS = (AdapterFile("pirate", "/p.gguf"), AdapterFile("formal", "/f.gguf", 0.5), AdapterFile("0", "/0.gguf"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/a/pirate.gguf", AdapterFile("pirate", "/a/pirate.gguf")),
        ("tone=/a/pirate.gguf", AdapterFile("tone", "/a/pirate.gguf")),
        ("tone=/a/pirate.gguf:0.5", AdapterFile("tone", "/a/pirate.gguf", 0.5)),
        ("/a/pirate.gguf:-2", AdapterFile("pirate", "/a/pirate.gguf", -2.0)),
        ("/a/x=y.gguf", AdapterFile("x-y", "/a/x=y.gguf")),
        ("/a/my own lora.gguf", AdapterFile("my-own-lora", "/a/my own lora.gguf")),
        ("/...", AdapterFile("adapter", "/...")),
        ("tone=/a/b:c.gguf", AdapterFile("tone", "/a/b:c.gguf")),
    ],
)
def test_an_adapter_is_read(text: str, expected: AdapterFile) -> None:
    assert parse_adapter(text) == expected
    assert parse_adapter(str(expected)) == expected


@pytest.mark.parametrize("text", ["", "tone=", "tone=/a.gguf:1000", "/a.gguf:-101"])
def test_what_is_no_adapter_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^expected NAME=FILE or FILE"):
        parse_adapter(text)


def test_a_file_whose_name_ends_like_a_scale_is_that_file(tmp_path: Path) -> None:
    path = tmp_path / "model:2"
    path.touch()
    assert parse_adapter(f"x={path}") == AdapterFile("x", str(path))
    assert parse_adapter(f"x={path}:3") == AdapterFile("x", str(path), 3.0)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ((), ()),
        ((("formal", None),), (("formal", 0.5),)),
        ((("pirate", None), ("formal", 1.0)), (("formal", 1.0), ("pirate", 1.0))),
        ((("pirate", 0.0),), ()),
        ((("pirate", 2.0), ("pirate", 3.0)), (("pirate", 3.0),)),
        ((("1", 2.0),), (("formal", 2.0),)),
        ((("0", 2.0),), (("0", 2.0),)),
    ],
)
def test_equal_wishes_are_equal_sets(wanted: WantedAdapters, expected: AdapterSet) -> None:
    assert settled_adapters(wanted, ADAPTERS) == expected


@pytest.mark.parametrize("name", ["Pirate", "3", "-1", "²", ""])
def test_an_unknown_adapter_is_refused_with_the_names_that_there_are(name: str) -> None:
    with pytest.raises(UnknownAdapterError, match=f"^expected one of pirate, formal, 0, got {name!r}$"):
        settled_adapters(((name, None),), ADAPTERS)
