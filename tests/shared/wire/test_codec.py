from __future__ import annotations

import pickle
import types
import typing
from enum import Enum
from pathlib import Path
from typing import Any, Union

import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.wire.codec import MAX_FRAME_BYTES, PROTOCOL_VERSION, Decoder, WireError, encode
from shared.wire.jobs import TextJob
from shared.wire.messages import RETIRED_CODES, ROUTER_MESSAGES, Cancel, Drain, Event, Step
from shared.wire.payloads import Done, Failed, FinishReason, Progress, Started, Tokens, ToolCallDelta
from shared.wire.supervision import CONTROL_MESSAGES, Roster
from shared.wire.work import unpack
from tests.support.wire import CODED_TYPES, type_code

FUZZ = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
ANY: Decoder[Any] = Decoder(Union[tuple(CODED_TYPES)])  # noqa: UP007
VERSION = bytes([PROTOCOL_VERSION])
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
    if origin is typing.Literal:
        return st.sampled_from(arguments)
    if origin is list:
        return st.lists(values_of(arguments[0]), max_size=3)
    if origin is tuple and arguments[-1] is Ellipsis:
        return st.lists(values_of(arguments[0]), max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*[values_of(argument) for argument in arguments])
    if origin is dict:
        return st.dictionaries(values_of(arguments[0]), values_of(arguments[1]), max_size=3)
    if issubclass(hint, Enum):
        return st.sampled_from(list(hint))
    return st.builds(hint, **{name: values_of(field) for name, field in typing.get_type_hints(hint).items()})


ANY_MESSAGE = st.deferred(lambda: st.one_of([values_of(cls) for cls in CODED_TYPES]))


def frame_of(values: Any) -> bytes:
    """A frame of this protocol version that holds any msgpack value."""
    packed: bytes = msgpack.packb(values)
    return VERSION + packed


def decode_or_wire_error(frame: bytes) -> Any:
    """What a frame decodes to, None for a :class:`WireError`; any other exception is the test's failure."""
    try:
        return ANY.decode(frame)
    except WireError:
        return None


@pytest.mark.parametrize("cls", CODED_TYPES, ids=lambda cls: cls.__name__)
@FUZZ
@given(st.data())
def test_every_message_comes_back_as_it_was_sent(cls: type, data: st.DataObject) -> None:
    message = data.draw(values_of(cls))
    received = ANY.decode(encode(message))
    assert received == message
    assert type(received) is cls


@FUZZ
@given(st.binary(max_size=200))
def test_random_bytes_are_only_ever_a_wire_error(frame: bytes) -> None:
    decode_or_wire_error(frame)


@FUZZ
@given(PLAIN_VALUES, st.integers(0, 30))
def test_any_msgpack_value_in_place_of_a_message_is_only_ever_a_wire_error(value: Any, code: int) -> None:
    decode_or_wire_error(frame_of(value))
    fields = value if isinstance(value, list) else [value]
    decode_or_wire_error(frame_of([code, *fields]))


@FUZZ
@given(ANY_MESSAGE, st.data())
def test_a_truncated_frame_is_refused(message: Any, data: st.DataObject) -> None:
    frame = encode(message)
    cut = data.draw(st.integers(0, len(frame) - 1))
    with pytest.raises(WireError):
        ANY.decode(frame[:cut])


@FUZZ
@given(ANY_MESSAGE, st.data())
def test_a_mutated_frame_is_a_message_or_a_wire_error(message: Any, data: st.DataObject) -> None:
    frame = bytearray(encode(message))
    for _ in range(data.draw(st.integers(1, 4))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    received = decode_or_wire_error(bytes(frame))
    assert received is None or type(received) in CODED_TYPES


@FUZZ
@given(ANY_MESSAGE, st.integers(0, 255).filter(lambda version: version != PROTOCOL_VERSION))
def test_another_protocol_version_is_refused_by_name(message: Any, version: int) -> None:
    with pytest.raises(WireError, match=f"^protocol version: expected {PROTOCOL_VERSION}, got {version}$"):
        ANY.decode(bytes([version]) + encode(message)[1:])


@pytest.mark.parametrize("frame", [b"", VERSION, VERSION + b"\xc1", encode(Drain()) + b"\x00"])
def test_a_frame_that_is_not_one_whole_message_is_refused(frame: bytes) -> None:
    with pytest.raises(WireError):
        ANY.decode(frame)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ([4, 7], "Expected `str`, got `int`"),
        ([4], "at least length 2"),
        ([4, "a", "b"], "at most length 1"),
        ([5, "job", True], "Expected `int`, got `bool`"),
        ([5, "job", 1.0], "Expected `int`, got `float`"),
        ([5, "job", "1"], "Expected `int`, got `str`"),
        ([6, "job"], "Expected `array`, got `str`"),
        ([6, [1]], r"Expected `str`, got `int` - at `\$\[1\]\[0\]`"),
        ([31, "sing", None, None, 0.0, 5, False, True], "Invalid enum value 'sing'"),
        ([10, "worker", [["job", 0, [21, "text"]]]], "at least length 3"),
        ([10, "worker", [["job", 0, []]]], "at least length 1"),
        ([10, "worker", [["job", 0, [99]]]], "Invalid value 99"),
        ([99], "Invalid value 99"),
        (["Cancel", "job"], "Expected `int`, got `str`"),
        ([True, "router", "run", 7], "Expected `int`, got `bool`"),
    ],
)
def test_a_field_of_the_wrong_type_is_located(values: list[Any], complaint: str) -> None:
    with pytest.raises(WireError, match=complaint):
        ANY.decode(frame_of(values))


def test_a_union_takes_only_its_own_members() -> None:
    command_in_place_of_a_payload = [10, "worker", [["job", 0, [4, "another job"]]]]
    with pytest.raises(WireError, match=r"Invalid value 4 - at `\$\[2\]\[0\]\[2\]\[0\]`"):
        ANY.decode(frame_of(command_in_place_of_a_payload))


def test_a_decoder_takes_only_what_is_expected_at_its_socket() -> None:
    assert ROUTER_MESSAGES.decode(encode(Drain())) == Drain()
    with pytest.raises(WireError):
        CONTROL_MESSAGES.decode(encode(Drain()))
    with pytest.raises(WireError):
        ROUTER_MESSAGES.decode(encode(Roster([])))


def test_type_codes_are_unique_and_retired_ones_are_not_used_again() -> None:
    codes = [type_code(cls) for cls in CODED_TYPES]
    assert len(set(codes)) == len(codes) > 20
    assert not RETIRED_CODES & set(codes)


def test_messages_nested_without_end_are_a_wire_error() -> None:
    payload: list[Any] = [7]
    for _ in range(250):
        payload = [10, "worker", [["job", 0, payload]]]
    assert decode_or_wire_error(frame_of(payload)) is None


def test_a_frame_beyond_the_limit_is_refused_before_it_is_read() -> None:
    with pytest.raises(WireError, match=f"expected up to {MAX_FRAME_BYTES} bytes"):
        ANY.decode(bytes(MAX_FRAME_BYTES + 1))


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
    event = ANY.decode(encode(Step("worker", [Event("job", 0, payload)]))).events[0]
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
    assert decode_or_wire_error(VERSION + pickled) is None
    job = TextJob(template_options={"pickle": pickled})
    assert unpack(encode(job), None) == job
    assert not marker.exists()


def test_an_object_that_is_none_of_a_unions_members_is_refused_by_the_receiver() -> None:
    frame = encode(Step("worker", [Event("job", 0, Cancel("another job"))]))  # type: ignore[arg-type]
    with pytest.raises(WireError):
        ANY.decode(frame)


def test_tuples_and_enums_among_the_values_of_a_client_are_plain_data() -> None:
    job = TextJob(template_options={"sizes": (1, 2), "reason": FinishReason.STOP})
    received = unpack(encode(job), None)
    assert isinstance(received, TextJob)
    assert received.template_options == {"sizes": [1, 2], "reason": "stop"}


def test_an_object_that_is_no_plain_data_is_not_sent() -> None:
    job = TextJob(template_options={"path": Path("/")})
    with pytest.raises(TypeError, match="Encoding objects of type PosixPath is unsupported"):
        encode(job)
