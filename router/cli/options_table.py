"""``python -m router.cli.options_table``: the options of ``nexa server`` as Markdown, for ``docs/operating.md``."""

from __future__ import annotations

from collections.abc import Iterable

from shared.settings import ModelOptions
from shared.settings.loading import MODEL_OPTIONS
from shared.settings.option import DeclaredOption, Group, flag_of, variable_of
from shared.settings.sources import OPTIONS


def options_table() -> str:
    """A table per group, one of the options that are given only for one model, and one of former names."""
    sections = [_section(group.value, _of_group(group)) for group in Group]
    rows = [
        (_code(f"MODEL@{name}="), option.spec.value.expected, _code(option.shown_default), option.spec.help)
        for name, option in MODEL_OPTIONS.items()
        if name not in ModelOptions.model_fields
    ]
    sections.append(_titled("one model only", ("Option", "Value", "Default", "Meaning"), rows))
    sections.append(_titled("former names (until the next release)", ("Former", "Now"), _former_rows()))
    return "\n\n".join(sections) + "\n"


def _of_group(group: Group) -> list[DeclaredOption]:
    return [option for option in OPTIONS.values() if option.spec.group is group and not option.spec.is_positional]


def _section(title: str, options: Iterable[DeclaredOption]) -> str:
    rows = [
        (
            _code(option.flag if option.is_switch else f"{option.flag} {option.spec.value.metavar}"),
            _code(option.variable),
            _code(option.name),
            option.spec.value.expected,
            _code(option.shown_default),
            option.spec.help,
        )
        for option in options
    ]
    return _titled(title, ("Flag", "Variable", "TOML key", "Value", "Default", "Meaning"), rows)


def _former_rows() -> list[tuple[str, str]]:
    rows = []
    for option in OPTIONS.values():
        former = option.spec.former
        if former is None:
            continue
        names = [(variable_of(former.name), option.variable), (former.name, option.name)]
        if flag_of(former.name) != option.flag:
            names.insert(0, (flag_of(former.name), option.flag))
        rows.append((", ".join(_code(old) for old, _ in names), ", ".join(_code(new) for _, new in names)))
    return rows


def _titled(title: str, heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    table = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
    return f"### {title[0].upper()}{title[1:]}\n\n{table}"


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


if __name__ == "__main__":
    print(options_table(), end="")
