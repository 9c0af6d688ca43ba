"""``docs/wire.md`` has the messages, codes, fields and limits of the code."""

from __future__ import annotations

import dataclasses
import re
import typing
from typing import Any

from shared.wire import messages, supervision
from shared.wire.codec import PROTOCOL_VERSION, Struct
from shared.wire.jobs import Work
from shared.wire.messages import HEARTBEAT_TOPIC, RETIRED_CODES, ROSTER_TOPIC, router_topic
from shared.wire.payloads import Payload
from shared.wire.transport import Endpoints
from tests.support.documents import REPOSITORY
from tests.support.wire import CODED_TYPES, type_code

DOCUMENT = (REPOSITORY / "docs" / "wire.md").read_text()
TABLES = [
    [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    for table in re.findall(r"(?:^\|.*\n)+", DOCUMENT, re.MULTILINE)
]
MESSAGE_TABLES = [table for table in TABLES if table[0][0] == "Code"]


def rows(table: list[list[str]]) -> list[list[str]]:
    return table[2:]


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def members(union: Any) -> set[str]:
    return {member.__name__ for member in typing.get_args(union) or (union,)}


def test_every_code_is_documented_with_its_message_and_fields() -> None:
    documented = {int(row[0]): (names(row[1])[0], names(row[2])) for table in MESSAGE_TABLES for row in rows(table)}
    declared = {type_code(cls): (cls.__name__, list(cls.__struct_fields__)) for cls in CODED_TYPES}
    assert documented == declared


def test_each_table_holds_the_messages_of_its_socket() -> None:
    documented = [{names(row[1])[0] for row in rows(table)} for table in MESSAGE_TABLES]
    unions = (messages.RouterMessage, messages.Replayed, messages.BusMessage, supervision.ControlMessage, Payload, Work)
    assert documented == [members(union) for union in unions]


def test_topics_are_those_of_the_bus() -> None:
    topics = {
        names(row[1])[0]: names(row[4])[0] for table in MESSAGE_TABLES if table[0][-1] == "Topic" for row in table[2:]
    }
    of_router = router_topic("<router id>").decode()
    expected = {"Step": of_router, "JobReport": of_router, "ProbeEcho": of_router}
    assert topics == expected | {"Heartbeat": HEARTBEAT_TOPIC.decode(), "Roster": ROSTER_TOPIC.decode()}


def test_parts_without_a_code_are_named() -> None:
    (parts,) = re.findall(r"^Parts of messages without a code: (.*?)\n\n", DOCUMENT, re.MULTILINE | re.DOTALL)
    named = {name for name in names(parts) if name[0].isupper()}
    coded = set(CODED_TYPES)
    assert named == {cls.__name__ for message in coded for cls in _parts(message) if cls not in coded}


def _parts(hint: Any) -> set[type]:
    """All structs within a type."""
    found = {part for argument in typing.get_args(hint) for part in _parts(argument)}
    if isinstance(hint, type) and issubclass(hint, Struct):
        found |= {hint} | {part for inner in typing.get_type_hints(hint).values() for part in _parts(inner)}
    return found


def test_the_sockets_files_are_those_of_the_run_folder() -> None:
    (table,) = (table for table in TABLES if table[0][0] == "Endpoint")
    endpoints = Endpoints.in_folder(REPOSITORY)
    documented = {names(row[0])[0]: f"ipc://{REPOSITORY}/{names(row[1])[0]}" for row in rows(table)}
    assert documented == {field.name: getattr(endpoints, field.name) for field in dataclasses.fields(endpoints)}


def test_version_and_retired_codes_are_current() -> None:
    assert f"The version is {PROTOCOL_VERSION}." in DOCUMENT
    assert f"Retired codes, never used again: {', '.join(map(str, sorted(RETIRED_CODES)))}." in DOCUMENT
