"""The tensors that PyTorch's files name (``.ckpt``, ``.pt``, ``.pth``), read without running anything in them.

Such a file is a ZIP archive with a pickle, a program that builds objects. Of its instructions, only those that name
tensors and give their shapes are followed, and no function that it calls is ever called here.
"""

from __future__ import annotations

import pickletools
import zipfile
from pathlib import Path
from typing import Any

from shared.errors import ModelError

MAX_PICKLE_BYTES = 16 * 1024 * 1024
"""Those of image models have less than one."""

MAX_INSTRUCTIONS = 2_000_000

_ENDING = "/data.pkl"
_TENSOR = "_rebuild_tensor"
_MAX_DIMENSIONS = 5

_MARK = object()
_OTHER = object()
"""Anything on the stack that is no number, text, tuple of numbers, function or tensor."""


class _Function(str):
    """The name of a function that the pickle calls."""


class _Tensor(tuple[int, ...]):
    """The shape of a tensor."""


def read_pickled_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """The shapes of the tensors, by name, the fastest dimension first; empty for files of PyTorch before 1.6.

    Raises:
        ModelError: the file is damaged.
        OSError: it cannot be read.
    """
    if not zipfile.is_zipfile(path):
        return {}
    try:
        with zipfile.ZipFile(path) as archive:
            member = next((info for info in archive.infolist() if f"/{info.filename}".endswith(_ENDING)), None)
            if member is None or member.file_size > MAX_PICKLE_BYTES:
                return {}
            with archive.open(member) as file:
                data = file.read(MAX_PICKLE_BYTES)
        return _Machine().run(data)
    except (zipfile.BadZipFile, ValueError, IndexError, KeyError, NotImplementedError, EOFError, RuntimeError) as error:
        raise ModelError(f"{path.name}: expected a checkpoint of PyTorch, got one that is damaged: {error}") from None


class _Machine:
    """Follows a pickle's instructions. The stack holds no nested objects, so no depth of theirs can harm."""

    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._found: dict[str, tuple[int, ...]] = {}

    def run(self, data: bytes) -> dict[str, tuple[int, ...]]:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(data)):
            if count > MAX_INSTRUCTIONS:
                raise ValueError("too many instructions")
            self._do(opcode, argument)
        return self._found

    def _do(self, opcode: pickletools.OpcodeInfo, argument: Any) -> None:
        name = opcode.name
        match name:
            case "MARK":
                self._stack.append(_MARK)
            case "GLOBAL":
                self._stack.append(_Function(argument))
            case "STACK_GLOBAL":
                function = self._stack.pop()
                self._stack[-1] = _Function(function) if isinstance(function, str) else _OTHER
            case "BINPUT" | "LONG_BINPUT" | "PUT":
                self._memo[int(argument)] = self._stack[-1]
            case "MEMOIZE":
                self._memo[len(self._memo)] = self._stack[-1]
            case "BINGET" | "LONG_BINGET" | "GET":
                self._stack.append(self._memo.get(int(argument), _OTHER))
            case "TUPLE":
                self._stack.append(_numbers(self._to_mark()))
            case "EMPTY_TUPLE":
                self._stack.append(())
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                self._stack.append(_numbers(self._last(int(name[-1]))))
            case "REDUCE" | "NEWOBJ":
                self._call()
            case "SETITEM":
                self._keep(self._last(2))
            case "SETITEMS":
                self._keep(self._to_mark())
            case "APPENDS":
                self._to_mark()
            case "APPEND" | "BUILD":
                self._stack.pop()
            case "BINPERSID":
                self._stack[-1] = _OTHER
            case "POP":
                self._stack.pop()
            case "PROTO" | "FRAME" | "STOP":
                pass
            case _:
                self._push(opcode, argument)

    def _push(self, opcode: pickletools.OpcodeInfo, argument: Any) -> None:
        """Any other instruction: what it takes is dropped, what it gives is a number, a text or anything."""
        if any(item.name == "mark" for item in opcode.stack_before):
            self._to_mark()
        elif opcode.stack_before:
            self._last(len(opcode.stack_before))
        if opcode.stack_after:
            self._stack.append(argument if type(argument) in (int, str) else _OTHER)

    def _call(self) -> None:
        arguments = self._stack.pop()
        function = self._stack.pop()
        is_tensor = isinstance(function, _Function) and _TENSOR in function and isinstance(arguments, _Tensor)
        self._stack.append(arguments if is_tensor else _OTHER)

    def _keep(self, items: list[Any]) -> None:
        for name, value in zip(items[::2], items[1::2], strict=False):
            if isinstance(name, str) and isinstance(value, _Tensor):
                self._found[name] = tuple(reversed(value))

    def _to_mark(self) -> list[Any]:
        items: list[Any] = []
        while (item := self._stack.pop()) is not _MARK:
            items.append(item)
        return items[::-1]

    def _last(self, count: int) -> list[Any]:
        items = [self._stack.pop() for _ in range(count)]
        return items[::-1]


def _numbers(items: list[Any]) -> Any:
    """A tuple of numbers as it is; the arguments of a tensor as its shape, their third; anything else as one thing."""
    if len(items) <= _MAX_DIMENSIONS and all(type(item) is int for item in items):
        return tuple(items)
    if len(items) > 3 and type(items[1]) is int and type(items[2]) is tuple:
        return _Tensor(items[2])
    return _OTHER
