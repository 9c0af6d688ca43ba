from __future__ import annotations

import pytest

from shared.settings.units import format_bytes, format_seconds, parse_bytes, parse_seconds


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("17", 17), ("500M", 500_000_000), ("1.5G", 1_500_000_000), ("2Gi", 2**31), ("64 kB", 64_000)],
)
def test_sizes_are_decimal_unless_the_unit_is_binary(text: str, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90.0),
        ("0.5", 0.5),
        (".05", 0.05),
        ("1e-2", 0.01),
        ("2.", 2.0),
        ("250ms", 0.25),
        ("15m", 900.0),
        ("1h", 3600.0),
        ("7d", 604_800.0),
    ],
)
def test_times_are_seconds_unless_they_have_a_unit(text: str, seconds: float) -> None:
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "M", "-1", ".", "1e", "inf", "nan", "1 2", "5X"])
def test_text_that_is_not_a_quantity_is_refused(text: str) -> None:
    for parse in (parse_bytes, parse_seconds):
        with pytest.raises(ValueError, match="expected a"):
            parse(text)


@pytest.mark.parametrize("size", [0, 1, 1500, 1000, 32 * 1024 * 1024, 100_000_000, 10**9, 10**14])
def test_sizes_are_shown_as_they_are_read(size: int) -> None:
    assert parse_bytes(format_bytes(size)) == size


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "0"), (0.001, "1ms"), (30.0, "30s"), (600.0, "10m"), (604_800.0, "7d"), (90.0, "90s")]
)
def test_times_are_shown_in_the_largest_whole_unit(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text
    assert parse_seconds(text) == seconds


def test_a_size_of_hundreds_of_digits_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a size"):
        parse_bytes("9" * 400)
