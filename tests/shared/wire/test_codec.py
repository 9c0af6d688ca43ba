from __future__ import annotations

import dataclasses
import pickle
import types
import typing
from enum import Enum
from pathlib import Path
from typing import Any

import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.wire.codec import MAX_FRAME_BYTES, PROTOCOL_VERSION, WireError
from shared.wire.jobs import TextJob
from shared.wire.messages import (
    CODEC,
    CONTROL_MESSAGES,
    RETIRED_CODES,
    ROUTER_MESSAGES,
    Cancel,
    Drain,
    Event,
    Roster,
    Step,
    Submit,
)
from shared.wire.payloads import Done, Failed, FinishReason, Progress, Started, Tokens, ToolCallDelta

FUZZ = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
MESSAGES: list[type] = list(CODEC.codes.values())
INTEGERS = st.integers(-(2**63), 2**64 - 1)
PLAIN_VALUES = st.recursive(
    st.none() | st.booleans() | INTEGERS | st.floats(allow_nan=False) | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=8),
    bytes: st.binary(max_size=8),
    int: INTEGERS,
    float: st.floats(allow_nan=False),
    bool: st.booleans(),
    type(None): st.none(),
    Any: PLAIN_VALUES,
}


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Every value that a field with this type hint may hold."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint in SCALARS:
        return SCALARS[hint]
    if origin in (typing.Union, types.UnionType):
        return st.one_of([values_of(argument) for argument in arguments])
    if origin is list:
        return st.lists(values_of(arguments[0]), max_size=3)
    if origin is tuple:
        return st.tuples(*[values_of(argument) for argument in arguments])
    if origin is dict:
        return st.dictionaries(values_of(arguments[0]), values_of(arguments[1]), max_size=3)
    if issubclass(hint, Enum):
        return st.sampled_from(list(hint))
    hints = typing.get_type_hints(hint)
    return st.builds(hint, **{field.name: values_of(hints[field.name]) for field in dataclasses.fields(hint)})


ANY_MESSAGE = st.deferred(lambda: st.one_of([values_of(cls) for cls in MESSAGES]))


def decode_or_wire_error(frame: bytes) -> Any:
    """What a frame decodes to, None for a :class:`WireError`; any other exception is the test's failure."""
    try:
        return CODEC.decode(frame)
    except WireError:
        return None


@pytest.mark.parametrize("cls", MESSAGES, ids=lambda cls: cls.__name__)
@FUZZ
@given(st.data())
def test_every_message_comes_back_as_it_was_sent(cls: type, data: st.DataObject) -> None:
    message = data.draw(values_of(cls))
    received = CODEC.decode(CODEC.encode(message))
    assert received == message
    assert type(received) is cls


@FUZZ
@given(st.binary(max_size=200))
def test_random_bytes_are_only_ever_a_wire_error(frame: bytes) -> None:
    decode_or_wire_error(frame)


@FUZZ
@given(PLAIN_VALUES, st.integers(0, 30))
def test_any_msgpack_value_in_place_of_a_message_is_only_ever_a_wire_error(value: Any, code: int) -> None:
    decode_or_wire_error(msgpack.packb(value))
    fields = value if isinstance(value, list) else [value]
    decode_or_wire_error(msgpack.packb([PROTOCOL_VERSION, code, *fields]))


@FUZZ
@given(ANY_MESSAGE, st.data())
def test_a_truncated_frame_is_refused(message: Any, data: st.DataObject) -> None:
    frame = CODEC.encode(message)
    cut = data.draw(st.integers(0, len(frame) - 1))
    with pytest.raises(WireError):
        CODEC.decode(frame[:cut])


@FUZZ
@given(ANY_MESSAGE, st.data())
def test_a_mutated_frame_is_a_message_or_a_wire_error(message: Any, data: st.DataObject) -> None:
    frame = bytearray(CODEC.encode(message))
    for _ in range(data.draw(st.integers(1, 4))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    received = decode_or_wire_error(bytes(frame))
    assert received is None or type(received) in MESSAGES


@FUZZ
@given(ANY_MESSAGE, st.integers(0, 100).filter(lambda version: version != PROTOCOL_VERSION))
def test_another_protocol_version_is_refused_by_name(message: Any, version: int) -> None:
    values = msgpack.unpackb(CODEC.encode(message), strict_map_key=False)
    with pytest.raises(WireError, match=f"protocol version {version}; this process speaks {PROTOCOL_VERSION}"):
        CODEC.decode(msgpack.packb([version, *values[1:]]))


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ([4, 7], "Cancel: expected str, got int"),
        ([4], "Cancel has 1 fields"),
        ([4, "a", "b"], "Cancel has 1 fields"),
        ([5, "job", True], "Replay: expected int, got bool"),
        ([5, "job", 1.0], "Replay: expected int, got float"),
        ([6, "job"], "Acknowledge: expected list, got str"),
        ([6, [1]], "Acknowledge: expected str, got int"),
        ([3, "job", "router", [31, "sing", None, None, 0.0, 5, False, True], [], 0, None], "'sing' is not a Speech"),
        ([10, "worker", [["job", 0, [21, "text"]]]], "Step: Event: Tokens has 4 fields"),
        ([10, "worker", [["job", 0, []]]], "a typed value is an array"),
        ([10, "worker", [["job", 0, [99]]]], "unknown message type 99"),
        ([99], "unknown message type 99"),
        (["Cancel", "job"], "unknown message type 'Cancel'"),
    ],
)
def test_a_field_of_the_wrong_type_is_named(values: list[Any], complaint: str) -> None:
    with pytest.raises(WireError, match=complaint):
        CODEC.decode(msgpack.packb([PROTOCOL_VERSION, *values]))


def test_a_union_takes_only_its_own_members() -> None:
    command_in_place_of_a_payload = [10, "worker", [["job", 0, [4, "another job"]]]]
    with pytest.raises(WireError, match="Cancel"):
        CODEC.decode(msgpack.packb([PROTOCOL_VERSION, *command_in_place_of_a_payload]))


def test_a_decoder_takes_only_what_is_expected_at_its_socket() -> None:
    assert ROUTER_MESSAGES.decode(CODEC.encode(Drain())) == Drain()
    with pytest.raises(WireError, match="Drain is not expected here"):
        CONTROL_MESSAGES.decode(CODEC.encode(Drain()))
    with pytest.raises(WireError, match="Roster is not expected here"):
        ROUTER_MESSAGES.decode(CODEC.encode(Roster([])))


def test_a_retired_type_code_is_not_used_again() -> None:
    assert not RETIRED_CODES & CODEC.codes.keys()


def test_messages_nested_without_end_are_a_wire_error() -> None:
    payload: list[Any] = [7]
    for _ in range(250):
        payload = [10, "worker", [["job", 0, payload]]]
    assert decode_or_wire_error(msgpack.packb([PROTOCOL_VERSION, *payload])) is None


def test_a_frame_beyond_the_limit_is_refused_before_it_is_read() -> None:
    with pytest.raises(WireError, match=f"expected up to {MAX_FRAME_BYTES} bytes"):
        CODEC.decode(bytes(MAX_FRAME_BYTES + 1))


@pytest.mark.parametrize(
    "payload",
    [
        Started(3, 1),
        Tokens("hi", [1], tool_calls=[ToolCallDelta(0, "f", "{}")]),
        Progress(1, 20),
        Done(FinishReason.STOP, 3, 1, 2, 0.5),
        Failed(500, "no"),
    ],
    ids=lambda payload: type(payload).__name__,
)
def test_a_payload_in_a_union_keeps_its_type(payload: Any) -> None:
    event = CODEC.decode(CODEC.encode(Step("worker", [Event("job", 0, payload)]))).events[0]
    assert event == Event("job", 0, payload)
    assert type(event.payload) is type(payload)


class WritesAFile:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    pickled = pickle.dumps(WritesAFile(marker))
    assert decode_or_wire_error(pickled) is None
    job = TextJob(template_options={"pickle": pickled})
    assert CODEC.decode(CODEC.encode(Submit("job", "router", job))).work == job
    assert not marker.exists()


def test_an_object_that_is_none_of_a_unions_members_is_not_sent() -> None:
    with pytest.raises(TypeError, match="Cancel cannot be sent here"):
        CODEC.encode(Step("worker", [Event("job", 0, Cancel("another job"))]))  # type: ignore[arg-type]


def test_tuples_and_enums_among_the_values_of_a_client_are_plain_data() -> None:
    job = TextJob(template_options={"sizes": (1, 2), "reason": FinishReason.STOP})
    received = CODEC.decode(CODEC.encode(Submit("job", "router", job))).work
    assert received.template_options == {"sizes": [1, 2], "reason": "stop"}


def test_an_object_that_is_no_plain_data_is_not_sent() -> None:
    job = TextJob(template_options={"path": Path("/")})
    with pytest.raises(TypeError, match="cannot be sent"):
        CODEC.encode(Submit("job", "router", job))
