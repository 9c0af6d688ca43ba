"""A worker's side of its sandbox."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
from contextlib import suppress
from enum import StrEnum

from shared.interpreter import child_environment, module_command
from shared.parent import PARENT_PID_VARIABLE
from shared.wire.payloads import JobError
from workers.chat.model_chat import LearntChat, Prompt
from workers.engine import EngineLoadError
from workers.forking import COMMAND
from workers.framing import receive, send
from workers.text.sandbox.attempt import Limits, PreparationAttempt
from workers.text.sandbox.messages import (
    READIES,
    Call,
    Compile,
    Compiled,
    Decode,
    DecodedFile,
    Ended,
    Learn,
    Learned,
    OutOfMemory,
    Render,
    Rendered,
    Reply,
    Setup,
    Task,
    TaskRefused,
)
from workers.text.sandbox.nursery_commands import CommandCode
from workers.text.sandbox.process import ProcessLost, SandboxProcess

MAX_IDLE = 4
"""Processes that are kept for the next chats, and so many for the next files."""

END_S = 5.0
"""Time that the nursery gets to end."""

RESTART_S = 60.0
"""Time that a new nursery gets to read the vocabulary."""

MAX_TRIES = 2
"""Of a task whose process is lost."""

ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "",
    "RUST_BACKTRACE": "0",
    "MALLOC_ARENA_MAX": "1",  # each arena would count as 64 MB of memory
}


class Limit(StrEnum):
    """The limits of a task."""

    TIME = "time"
    WAITING = "waiting"
    MEMORY = "memory"
    CRASH = "crash"


LIMIT_OF_SIGNAL: dict[int, Limit] = {
    signal.SIGPROF: Limit.TIME,
    signal.SIGALRM: Limit.WAITING,
    signal.SIGABRT: Limit.MEMORY,  # how native code ends when an allocation fails
}
"""Any other signal is a crash, except SIGKILL, which a kernel without memory or an operator sends."""


class LimitExceeded(Exception):
    """A task went beyond a limit."""

    def __init__(self, limit: Limit) -> None:
        super().__init__(limit.value)
        self.limit = limit


class Sandbox:
    """Does tasks in processes of their own, which a task may end without harm. Threads may share it.

    ``vocabulary`` is the ``module:function`` that reads the vocabulary of ``model_path``, or raises ``ValueError``.
    """

    def __init__(self, model_path: str, vocabulary: str) -> None:
        self._setup = Setup(model_path, vocabulary)
        self._lock = threading.Lock()
        self._preparing_grammars = threading.Lock()
        self._with_grammars: socket.socket | None = None
        self._idle: list[SandboxProcess] = []
        self._idle_with_files: list[SandboxProcess] = []
        self._numbers = 0
        self._is_open = False
        self._start()

    def open(self) -> None:
        """Wait until the vocabulary has been read. The first task does it too.

        Raises:
            EngineLoadError: the process ended instead.
        """
        with self._lock:
            self._open()

    def _open(self) -> None:
        if not self._is_open:
            self._await_ready()
            self._is_open = True

    def learn(self, source: str, attempt: PreparationAttempt) -> LearntChat:
        """What a chat template tells.

        Raises:
            EngineLoadError: its syntax is wrong, or it takes too much.
        """
        try:
            reply = self._do(Learn(source), attempt)
        except JobError as error:
            raise EngineLoadError(error.failed.message) from None
        except LimitExceeded as exceeded:
            expected = f"expected one that compiles within its limits, got one that exceeds that of {exceeded.limit}"
            raise EngineLoadError(f"chat template: {expected}; --chat-template sets another one") from None
        assert isinstance(reply, Learned)
        return reply.chat

    def render(self, task: Render, attempt: PreparationAttempt) -> Prompt:
        """The prompt of a chat; see :meth:`workers.chat.model_chat.ModelChat.prompt`.

        Raises:
            JobError: the template refuses the messages.
            LimitExceeded: rendering takes too much.
            Cancelled: the attempt was cancelled.
        """
        reply = self._do(task, attempt)
        assert isinstance(reply, Rendered)
        return reply.prompt

    def compile(self, task: Compile, attempt: PreparationAttempt) -> Compiled:
        """A grammar that was compiled and tried out.

        Raises:
            JobError: it is wrong.
            LimitExceeded: it takes too much.
            Cancelled: the attempt was cancelled.
        """
        reply = self._do(task, attempt)
        assert isinstance(reply, Compiled)
        return reply

    def decode(self, task: Decode, limits: Limits, attempt: PreparationAttempt) -> DecodedFile:
        """What a file holds, decoded within ``limits``, whatever the attempt's are.

        Raises:
            JobError: it is no such file.
            LimitExceeded: decoding takes too much.
            Cancelled: the attempt was cancelled.
        """
        reply = self._do(task, attempt, limits)
        assert isinstance(reply, DecodedFile)
        return reply

    def close(self) -> None:
        """End all processes."""
        with self._lock:
            self._drop_idle()
            self._end()

    def _do(self, task: Task, attempt: PreparationAttempt, limits: Limits | None = None) -> Reply:
        match self._reply(task, attempt, limits or attempt.limits):
            case TaskRefused(failed):
                raise JobError(failed.status, failed.message, failed.param, failed.code)
            case OutOfMemory():
                raise LimitExceeded(Limit.MEMORY)
            case Ended(number):
                raise LimitExceeded(LIMIT_OF_SIGNAL.get(number, Limit.CRASH))
            case reply:
                return reply

    def _reply(self, task: Task, attempt: PreparationAttempt, limits: Limits) -> Reply:
        """What the task's process answers. One that is lost is replaced."""
        for _ in range(MAX_TRIES):
            with suppress(ProcessLost):
                return self._try(task, attempt, limits)
        raise JobError(503, "the processes that prepare requests have ended; try again later")

    def _try(self, task: Task, attempt: PreparationAttempt, limits: Limits) -> Reply:
        in_background = attempt.in_background and not isinstance(task, Decode)
        call = Call(task, limits.cpu_s, limits.memory_bytes, in_background)
        if isinstance(task, Compile):
            self._prepare_grammars()
        idle = None if in_background else self._idle_for(task)
        child = self._take(idle)
        try:
            with attempt.killed_by(child.kill):
                reply = child.call(call)
        except BaseException:
            child.close()
            raise
        self._put_back(child, idle, reply)
        return reply

    def _idle_for(self, task: Task) -> list[SandboxProcess] | None:
        """The processes that did others like it; None if each needs a new one.

        What a grammar leaves behind would be memory of the next one's limit. What a file does to the code that decodes
        it must not reach the texts of chats.
        """
        if isinstance(task, Compile):
            return None
        return self._idle_with_files if isinstance(task, Decode) else self._idle

    def _prepare_grammars(self) -> None:
        """Have the nursery make what all grammars need, which counts towards no task's limits.

        If the nursery ends meanwhile, another one replaces it when the task's process is to be made.
        """
        with self._preparing_grammars:
            control = self._control
            if self._with_grammars is control:
                return
            with suppress(OSError, EngineLoadError):
                self.open()
                control.send(COMMAND.pack(CommandCode.PREPARE_GRAMMARS, 0))
                if receive(control, READIES) is not None:
                    self._with_grammars = control

    def _take(self, idle: list[SandboxProcess] | None) -> SandboxProcess:
        with self._lock:
            while idle:
                child = idle.pop()
                if not child.has_ended():
                    return child
                child.close()
            return self._fork()

    def _put_back(self, child: SandboxProcess, idle: list[SandboxProcess] | None, reply: Reply) -> None:
        """Keep a process among these for the next task."""
        lives = isinstance(reply, Learned | Rendered | DecodedFile | TaskRefused)
        with self._lock:
            if lives and idle is not None and len(idle) < MAX_IDLE:
                idle.append(child)
                return
        child.close()

    def _fork(self) -> SandboxProcess:
        self._numbers += 1
        try:
            self._open()
            return SandboxProcess(self._numbers, self._process, self._control)
        except (ConnectionError, EngineLoadError):  # the nursery has just ended
            return self._fork_anew()

    def _fork_anew(self) -> SandboxProcess:
        """Replace the nursery, and with it all processes; returns the new one's first."""
        self._process.kill()
        self._drop_idle()
        self._end()
        try:
            self._start()
            self._control.settimeout(RESTART_S)
            self._open()
            self._control.send(COMMAND.pack(CommandCode.PREPARE_GRAMMARS, 0))  # which tasks may be waiting for
            self._await_ready()
            self._with_grammars = self._control
            self._control.settimeout(None)
            return SandboxProcess(self._numbers, self._process, self._control)
        except (OSError, EngineLoadError):
            self._process.kill()
            raise ProcessLost from None

    def _drop_idle(self) -> None:
        for idle in (self._idle, self._idle_with_files):
            for child in idle:
                child.close()
            idle.clear()

    def _start(self) -> None:
        self._is_open = False
        self._control, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                module_command("workers.text.sandbox", str(theirs.fileno())),
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=child_environment() | ENVIRONMENT | {PARENT_PID_VARIABLE: str(os.getpid())},
            )
        send(self._control, self._setup)

    def _await_ready(self) -> None:
        if receive(self._control, READIES) is None:
            raise EngineLoadError("the process that compiles grammars ended while it started")

    def _end(self) -> None:
        self._control.close()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
