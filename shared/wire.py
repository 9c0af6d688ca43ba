"""How typed messages become bytes: msgpack arrays, checked field by field when they come back.

A message is ``[protocol version, type code, field, field, ...]``. Dataclasses may hold scalars, bytes, enums, lists,
tuples, dicts, optional values, unions of dataclasses, and other dataclasses; a dataclass within a union carries its
code. Whatever does not fit raises :class:`WireError`, and nothing is ever evaluated or unpickled.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Collection
from enum import Enum
from functools import partial
from typing import Any, TypeVar

import msgpack

PROTOCOL_VERSION = 2
MAX_FRAME_BYTES = 64 * 1024 * 1024
"""The longest packed message; files that belong to a job follow it as frames of their own."""

M = TypeVar("M")
Reader = Callable[[Any], Any]


class WireError(ValueError):
    """Bytes that are not a message of this protocol version."""


class Codec:
    """Encodes and decodes a closed set of dataclasses, each under its own code."""

    def __init__(self, codes: dict[int, type]) -> None:
        self._codes = codes
        self._code_of = {cls: code for code, cls in codes.items()}
        self._readers: dict[type, Reader] = {}
        self._tagged_fields = {cls: _tagged_fields(cls) for cls in codes.values()}

    def encode(self, message: Any) -> bytes:
        """Pack ``message``, an instance of one of the codec's classes."""
        packed: bytes = msgpack.packb([PROTOCOL_VERSION, *self._tagged(message)], use_bin_type=True)
        return packed

    def decode(self, frame: bytes) -> Any:
        """Unpack one message.

        Raises:
            WireError: ``frame`` is too large, damaged, of another protocol version, or does not fit its type.
        """
        if len(frame) > MAX_FRAME_BYTES:
            raise WireError(f"a frame of {len(frame)} bytes; at most {MAX_FRAME_BYTES} are accepted")
        try:
            values = msgpack.unpackb(frame, raw=False, strict_map_key=False, use_list=True)
        except (ValueError, TypeError, msgpack.exceptions.UnpackException, RecursionError) as error:
            raise WireError(f"not a msgpack message: {error}") from None
        if not isinstance(values, list) or len(values) < 2:
            raise WireError("a message is an array that begins with its version and its type")
        if values[0] != PROTOCOL_VERSION:
            raise WireError(f"protocol version {values[0]!r}; this process speaks {PROTOCOL_VERSION}")
        return self._read_tagged(values[1:], self._code_of)

    def _tagged(self, message: Any) -> list[Any]:
        return [self._code_of[type(message)], *self._fields(message)]

    def _fields(self, message: Any) -> list[Any]:
        return [
            self._plain(getattr(message, f.name), tagged)
            for f, tagged in zip(dataclasses.fields(message), self._tagged_of(type(message)), strict=True)
        ]

    def _tagged_of(self, cls: type) -> tuple[bool, ...]:
        tagged = self._tagged_fields.get(cls)
        if tagged is None:
            tagged = self._tagged_fields[cls] = _tagged_fields(cls)
        return tagged

    def _plain(self, value: Any, tagged: bool) -> Any:
        if value is None or isinstance(value, (str, int, float, bytes)):
            return value.value if isinstance(value, Enum) else value
        if isinstance(value, (list, tuple)):
            return [self._plain(item, tagged) for item in value]
        if isinstance(value, dict):
            return {key: self._plain(item, tagged) for key, item in value.items()}
        if dataclasses.is_dataclass(value):
            return self._tagged(value) if tagged else self._fields(value)
        raise TypeError(f"{type(value).__name__} cannot be sent")

    def _read_tagged(self, values: Any, accepted: Collection[type]) -> Any:
        if not isinstance(values, list) or not values:
            raise WireError("a typed value is an array that begins with its type code")
        cls = self._codes.get(values[0]) if isinstance(values[0], int) else None
        if cls is None:
            raise WireError(f"unknown message type {values[0]!r}")
        if cls not in accepted:
            raise WireError(f"{cls.__name__} cannot stand here")
        return self._reader(cls)(values[1:])

    def _reader(self, cls: type) -> Reader:
        reader = self._readers.get(cls)
        if reader is None:
            reader = self._readers[cls] = self._build_reader(cls)
        return reader

    def _build_reader(self, cls: type) -> Reader:
        hints = typing.get_type_hints(cls)
        readers = [(f.name, self._reader_of(hints[f.name])) for f in dataclasses.fields(cls)]
        count = len(readers)

        def read(values: Any) -> Any:
            if not isinstance(values, list) or len(values) != count:
                raise WireError(f"{cls.__name__} has {count} fields")
            try:
                return cls(*[read_field(value) for (_, read_field), value in zip(readers, values, strict=True)])
            except WireError as error:
                raise WireError(f"{cls.__name__}: {error}") from None

        return read

    def _reader_of(self, hint: Any) -> Reader:
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if hint is Any:
            return _anything
        if origin in (typing.Union, types.UnionType):
            return self._union_reader(arguments)
        if origin is list:
            return self._list_reader(arguments[0])
        if origin is tuple:
            return self._tuple_reader(arguments)
        if origin is dict:
            return self._dict_reader(arguments)
        if isinstance(hint, type) and issubclass(hint, Enum):
            return _enum_reader(hint)
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            return lambda values: self._reader(hint)(values)
        if isinstance(hint, type):
            return _scalar_reader(hint)
        raise TypeError(f"{hint!r} cannot be part of a message")

    def _union_reader(self, arguments: tuple[Any, ...]) -> Reader:
        optional = type(None) in arguments
        members = [a for a in arguments if a is not type(None)]
        if len(members) == 1:
            inner = self._reader_of(members[0])
        elif all(dataclasses.is_dataclass(a) for a in members):
            inner = partial(self._read_tagged, accepted=frozenset(members))
        else:
            raise TypeError("a union in a message is one of dataclasses, or one type and None")
        return (lambda value: None if value is None else inner(value)) if optional else inner

    def _list_reader(self, item_hint: Any) -> Reader:
        read_item = self._reader_of(item_hint)
        return lambda value: [read_item(item) for item in _checked(value, list)]

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


def _tagged_fields(cls: type) -> tuple[bool, ...]:
    """For each field of ``cls``: whether it holds a union of dataclasses, whose members carry their code."""
    hints = typing.get_type_hints(cls)
    return tuple(_holds_union(hints[f.name]) for f in dataclasses.fields(cls))


def _holds_union(hint: Any) -> bool:
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return sum(dataclasses.is_dataclass(a) for a in arguments) > 1
    return any(_holds_union(argument) for argument in arguments)


def _anything(value: Any) -> Any:
    return value


def _checked(value: Any, expected: type[M]) -> M:
    if not isinstance(value, expected):
        raise WireError(f"expected {expected.__name__}, got {type(value).__name__}")
    return value


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
