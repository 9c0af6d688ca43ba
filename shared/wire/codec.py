"""How typed messages become bytes: msgpack arrays, checked field by field when they come back.

A message is ``[protocol version, type code, field, field, ...]``. Dataclasses may hold scalars, bytes, enums, lists,
tuples, dicts, optional values, unions of dataclasses, and other dataclasses; a dataclass within a union carries its
code. Whatever does not fit raises :class:`WireError`, and nothing is ever evaluated or unpickled.
"""

from __future__ import annotations

import dataclasses
import operator
import types
import typing
from collections.abc import Callable, Sequence
from enum import Enum
from functools import partial
from typing import Any, Generic, TypeVar

import msgpack

PROTOCOL_VERSION = 4
"""The rule for changing it stands in :mod:`shared.wire.messages`."""

MAX_FRAME_BYTES = 64 * 1024 * 1024
"""The longest packed message; files that belong to a job follow it as frames of their own."""

M = TypeVar("M")
Reader = Callable[[Any], Any]
Writer = Callable[[Any], Any] | None
"""Makes plain data of a field's value; None where the value is plain already."""

_PLAIN_TYPES = (str, int, float, bytes, bool, type(None))


class WireError(ValueError):
    """Bytes that are not a message of this protocol version."""


class Codec:
    """Encodes and decodes a closed set of dataclasses, each under its own code.

    A step of a worker passes here with every token of every stream, so what can be known of a class is worked out once:
    its type hints become a reader and a writer, and values that need no more than a look at their type get no call.
    """

    def __init__(self, codes: dict[int, type]) -> None:
        self.codes = codes
        self._code_of = {cls: code for code, cls in codes.items()}
        self._readers: dict[type, Reader] = {}
        self._writers: dict[type, Callable[[Any], list[Any]]] = {}

    def encode(self, message: Any) -> bytes:
        """Pack ``message``, an instance of one of the codec's classes.

        Raises:
            TypeError: something in it is no plain data.
        """
        cls = type(message)
        values = [PROTOCOL_VERSION, self._code_of[cls], *self._writer(cls)(message)]
        packed: bytes = msgpack.packb(values, use_bin_type=True, default=_refuse)
        return packed

    def decode(self, frame: bytes) -> Any:
        """Unpack one message.

        Raises:
            WireError: ``frame`` is too large, damaged, of another protocol version, or does not fit its type.
        """
        if len(frame) > MAX_FRAME_BYTES:
            raise WireError(f"message: expected up to {MAX_FRAME_BYTES} bytes, got {len(frame)}")
        try:
            values = msgpack.unpackb(frame, raw=False, strict_map_key=False, use_list=True)
        except (ValueError, TypeError, msgpack.exceptions.UnpackException, RecursionError) as error:
            raise WireError(f"not a msgpack message: {error}") from None
        if not isinstance(values, list) or len(values) < 2:
            raise WireError("a message is an array that begins with its version and its type")
        if values[0] != PROTOCOL_VERSION:
            raise WireError(f"protocol version {values[0]!r}; this process speaks {PROTOCOL_VERSION}")
        return self._reader(self._class_of(values[1]))(values[2:])

    def _class_of(self, code: Any) -> type:
        cls = self.codes.get(code) if isinstance(code, int) else None
        if cls is None:
            raise WireError(f"unknown message type {code!r}")
        return cls

    def _writer(self, cls: type) -> Callable[[Any], list[Any]]:
        writer = self._writers.get(cls)
        if writer is None:
            writer = self._writers[cls] = self._build_writer(cls)
        return writer

    def _build_writer(self, cls: type) -> Callable[[Any], list[Any]]:
        names, hints = _fields(cls)
        writers = [self._writer_of(hint) for hint in hints]
        if not names:
            return lambda message: []
        if len(names) == 1:
            (name,), (only,) = names, writers
            return lambda message: [only(getattr(message, name)) if only else getattr(message, name)]
        get_values = operator.attrgetter(*names)
        if not any(writers):
            return lambda message: list(get_values(message))
        # Without `strict`, which would take as long as all the rest of this line.
        return lambda message: [write(v) if write else v for write, v in zip(writers, get_values(message))]  # noqa: B905

    def _writer_of(self, hint: Any) -> Writer:
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if _is_union(hint):
            return self._union_writer(arguments)
        if origin is list:
            return _each(self._writer_of(arguments[0]))
        if origin is tuple:
            return _each_its_own([self._writer_of(argument) for argument in arguments])
        if origin is dict:
            return _values_of(self._writer_of(arguments[1]))
        if isinstance(hint, type) and issubclass(hint, Enum):
            return operator.attrgetter("value")
        return self._writer(hint) if dataclasses.is_dataclass(hint) and isinstance(hint, type) else None

    def _union_writer(self, arguments: tuple[Any, ...]) -> Writer:
        members = [a for a in arguments if a is not type(None)]
        write = self._writer_of(members[0])
        if len(members) > 1:
            write = partial(_write_tagged, members={cls: (self._code_of[cls], self._writer(cls)) for cls in members})
        if write is None or len(members) == len(arguments):
            return write
        return lambda value: None if value is None else write(value)

    def _reader(self, cls: type) -> Reader:
        reader = self._readers.get(cls)
        if reader is None:
            reader = self._readers[cls] = self._build_reader(cls)
        return reader

    def _build_reader(self, cls: type) -> Reader:
        names, hints = _fields(cls)
        readers = [self._reader_of(hint) for hint in hints]
        passing = [_passing_type(hint) for hint in hints]
        count = len(names)

        def read(values: Any) -> Any:
            if type(values) is not list or len(values) != count:
                raise WireError(f"{cls.__name__} has {count} fields")
            try:
                # Without `strict`, which would take as long as all the rest of this line.
                return cls(*[v if type(v) is t else read_it(v) for v, t, read_it in zip(values, passing, readers)])  # noqa: B905
            except WireError as error:
                raise WireError(f"{cls.__name__}: {error}") from None

        return read

    def _reader_of(self, hint: Any) -> Reader:
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if hint is Any:
            return _anything
        if _is_union(hint):
            return self._union_reader(arguments)
        if origin is list:
            return _list_reader(_passing_type(arguments[0]), self._reader_of(arguments[0]))
        if origin is tuple:
            return self._tuple_reader(arguments)
        if origin is dict:
            return self._dict_reader(arguments)
        if isinstance(hint, type) and issubclass(hint, Enum):
            return _enum_reader(hint)
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            return self._reader(hint)
        if isinstance(hint, type):
            return _scalar_reader(hint)
        raise TypeError(f"{hint!r} cannot be part of a message")

    def _union_reader(self, arguments: tuple[Any, ...]) -> Reader:
        members = [a for a in arguments if a is not type(None)]
        if len(members) == 1:
            inner = self._reader_of(members[0])
        elif all(dataclasses.is_dataclass(a) for a in members):
            inner = self._tagged_reader(members)
        else:
            raise TypeError("a union in a message is one of dataclasses, or one type and None")
        return inner if len(members) == len(arguments) else lambda value: None if value is None else inner(value)

    def _tagged_reader(self, members: Sequence[type]) -> Reader:
        readers = {self._code_of[cls]: self._reader(cls) for cls in members}

        def read(values: Any) -> Any:
            if type(values) is not list or not values:
                raise WireError("a typed value is an array that begins with its type code")
            code = values[0]
            if type(code) is not int or code not in readers:
                raise WireError(f"{self._class_of(code).__name__} cannot stand here")
            return readers[code](values[1:])

        return read

    def _tuple_reader(self, item_hints: tuple[Any, ...]) -> Reader:
        readers = [self._reader_of(hint) for hint in item_hints]

        def read(value: Any) -> tuple[Any, ...]:
            if len(_checked(value, list)) != len(readers):
                raise WireError(f"expected {len(readers)} items, got {len(value)}")
            return tuple(read_item(item) for read_item, item in zip(readers, value, strict=True))

        return read

    def _dict_reader(self, hints: tuple[Any, ...]) -> Reader:
        read_key, read_value = (self._reader_of(hint) for hint in hints)
        return lambda value: {read_key(k): read_value(v) for k, v in _checked(value, dict).items()}


class Decoder(Generic[M]):
    """Decodes what may arrive at one socket: a message class, or a union of some."""

    def __init__(self, codec: Codec, expected: Any) -> None:
        self._codec = codec
        self._expected = frozenset(typing.get_args(expected) or (expected,))

    def decode(self, frame: bytes) -> M:
        """Unpack one message.

        Raises:
            WireError: ``frame`` is not a message, or not one that is expected here.
        """
        message: M = self._codec.decode(frame)
        if type(message) not in self._expected:
            raise WireError(f"{type(message).__name__} is not expected here")
        return message


def _fields(cls: type) -> tuple[list[str], list[Any]]:
    """The names of a dataclass's fields, and their type hints."""
    hints = typing.get_type_hints(cls)
    names = [f.name for f in dataclasses.fields(cls)]
    return names, [hints[name] for name in names]


def _refuse(value: Any) -> Any:
    raise TypeError(f"{type(value).__name__} cannot be sent")


def _write_tagged(value: Any, members: dict[type, tuple[int, Callable[[Any], list[Any]]]]) -> list[Any]:
    member = members.get(type(value))
    if member is None:
        raise TypeError(f"{type(value).__name__} cannot be sent here")
    code, write = member
    return [code, *write(value)]


def _each(write: Writer) -> Writer:
    return None if write is None else lambda items: [write(item) for item in items]


def _each_its_own(writers: list[Writer]) -> Writer:
    if not any(writers):
        return None
    return lambda items: [write(item) if write else item for write, item in zip(writers, items, strict=True)]


def _values_of(write: Writer) -> Writer:
    return None if write is None else lambda entries: {key: write(value) for key, value in entries.items()}


def _passing_type(hint: Any) -> type | None:
    """The type whose values may stand in a field with this hint as they are, if there is one that shows it."""
    members = [a for a in typing.get_args(hint) if a is not type(None)] if _is_union(hint) else [hint]
    return members[0] if len(members) == 1 and members[0] in _PLAIN_TYPES else None


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) in (typing.Union, types.UnionType)


def _anything(value: Any) -> Any:
    return value


def _checked(value: Any, expected: type[M]) -> M:
    if not isinstance(value, expected):
        raise WireError(f"expected {expected.__name__}, got {type(value).__name__}")
    return value


def _list_reader(passes: type | None, read_item: Reader) -> Reader:
    def read(value: Any) -> list[Any]:
        if type(value) is not list:
            raise WireError(f"expected list, got {type(value).__name__}")
        return [item if type(item) is passes else read_item(item) for item in value] if value else value

    return read


def _scalar_reader(expected: type) -> Reader:
    def read(value: Any) -> Any:
        if type(value) is expected or (expected is float and type(value) is int):
            return value
        raise WireError(f"expected {expected.__name__}, got {type(value).__name__}")

    return read


def _enum_reader(enum: type[Enum]) -> Reader:
    def read(value: Any) -> Enum:
        try:
            return enum(value)
        except ValueError:
            raise WireError(f"{value!r} is not a {enum.__name__}") from None

    return read
