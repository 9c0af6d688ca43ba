"""The options of ``nexa server`` on its command line, from their declarations."""

from __future__ import annotations

import argparse
from typing import Any

from shared.settings.option import DeclaredOption, Group, flag_of
from shared.settings.sources import OPTIONS


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options. Values stay text; options that are not given are absent from the result."""
    for group in Group:
        section = parser.add_argument_group(group.value)
        for option in OPTIONS.values():
            if option.spec.group is group and not option.spec.is_positional:
                _add(section, option)


def _add(section: argparse._ArgumentGroup, option: DeclaredOption) -> None:
    keywords: dict[str, Any] = {"default": argparse.SUPPRESS}
    if option.is_switch:
        keywords["action"] = "store_true"
    else:
        keywords["metavar"] = option.spec.value.metavar
        keywords |= {"action": "append"} if option.is_list else {}
    # The percent sign is argparse's own in help.
    section.add_argument(option.flag, dest=option.name, help=_help(option).replace("%", "%%"), **keywords)
    former = option.spec.former
    if former is not None and flag_of(former.name) != option.flag:
        section.add_argument(flag_of(former.name), dest=former.name, help=argparse.SUPPRESS, **keywords)


def _help(option: DeclaredOption) -> str:
    default = "" if option.is_switch else option.shown_default
    return option.spec.help + (f" (default {default})" if default else "")
