"""The ``nexa server`` process: it owns the router and the workers, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto
from pathlib import Path

from shared.settings import ServerSettings
from shared.signals import has_terminal
from shared.wire.messages import HEARTBEAT_INTERVAL_S
from shared.wire.run_folder import NoRunFolder, restore_run_folder
from shared.wire.supervision import ControlMessage, DeviceBudget, RouterAlive, WorkerState
from shared.wire.transport import Endpoints
from workers.supervisor.bus import SupervisorBus
from workers.supervisor.display import Display, WorkerLine, announcement, summary
from workers.supervisor.listener import url_of
from workers.supervisor.orders import Orders
from workers.supervisor.placing.placer import Placer
from workers.supervisor.processes.exits import CANNOT_BE_LOADED, TOO_LITTLE_MEMORY
from workers.supervisor.processes.process import Command, LineSink
from workers.supervisor.reload import restart_on_change
from workers.supervisor.replicas.fleet import Fleet
from workers.supervisor.replicas.limits import WorkerLimits
from workers.supervisor.replicas.replica import FirstLoad, Replica
from workers.supervisor.router_keeper import RouterKeeper
from workers.supervisor.service_manager import ServiceManager

ROUTER_STOP_MARGIN_S = 5.0
_SHOWN_LINES = 8

log = logging.getLogger("nexa.supervisor")


class _End(Enum):
    """Why the server stops."""

    REQUESTED = auto()
    FAILED = auto()


class Supervisor:
    """Starts, watches, restarts and stops the processes of one server.

    Args:
        settings: the server's settings; the run folder exists. It is made again if it is lost.
        listeners: the listening sockets, kept open until draining begins: the server's, and Ollama's if there is one.
        router_command: the command line that starts the router.
        placer: starts the workers.
        display: shows the workers' states.
        on_line: called with each line of the router's output.
        limits: when a worker counts as hung, and how restarts are spaced.
        service_manager: is told how the server is.
        budgets: the memory of each device that models may take together.
        orders: settings and memory of the workers that start with the server, by name, where they were fitted.
    """

    def __init__(
        self,
        settings: ServerSettings,
        listeners: Sequence[socket.socket],
        router_command: Callable[[], Command],
        placer: Placer,
        display: Display,
        on_line: LineSink,
        limits: WorkerLimits | None = None,
        service_manager: ServiceManager | None = None,
        budgets: Sequence[DeviceBudget] = (),
        orders: Mapping[str, FirstLoad] | None = None,
    ) -> None:
        self._settings = settings
        self._folder = Path(settings.run_folder)
        self._folder_fault = ""
        self._router_command = router_command
        self._listeners = listeners
        self._display = display
        self._url, *further = [url_of(listener, "https" if settings.ssl_certfile else "http") for listener in listeners]
        self._ollama_url = further[0] if further else ""
        self._service_manager = service_manager or ServiceManager()
        self._serving = False
        self._end: asyncio.Future[_End] = asyncio.get_running_loop().create_future()
        self._killed_by: int | None = None
        self.router = RouterKeeper(self._router_in_folder, on_line, settings.reload)
        at_start = [model for model in settings.models if model.load == "start"]
        self._on_demand = [model for model in settings.models if model.load != "start"]
        self._fleet = Fleet(at_start, placer, limits, self._changed, self._on_task_done, orders)
        self._budgets = list(budgets)
        self._orders = Orders(self._fleet, settings.drain_timeout_s, self._on_task_done)

    @property
    def replicas(self) -> list[Replica]:
        """All replicas, the first ones first."""
        return self._fleet.replicas

    async def run(self) -> int:
        """Run the server until it is stopped or cannot continue. Returns the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stop, number)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup leaves it
            loop.add_signal_handler(signal.SIGHUP, self._hang_up, has_terminal())
        endpoints = Endpoints.in_folder(self._folder)
        self._bus = SupervisorBus(endpoints, self._fleet.heard, self._on_control)
        keepers = [asyncio.create_task(self._keep_router())]
        self._fleet.start()
        watchers = [asyncio.create_task(self._watch())]
        if self._settings.reload:
            watchers.append(asyncio.create_task(restart_on_change(self.router.restart)))
        for task in keepers + watchers:
            task.add_done_callback(self._on_task_done)
        try:
            code = await self._shut_down(await self._end)
            await asyncio.gather(*keepers, return_exceptions=True)
            await self._fleet.join()
        finally:
            for task in watchers:
                task.cancel()
            await asyncio.gather(*watchers, return_exceptions=True)
            await self._orders.close()
            self._bus.close()
        return code

    async def _shut_down(self, end: _End) -> int:
        """Stop all processes; returns the exit code."""
        self._service_manager.stopping("failed" if end is _End.FAILED else "finishing running requests")
        for listener in self._listeners:
            listener.close()
        self._display.close()
        if end is _End.FAILED:
            self._kill_all()
            return 1
        if self._killed_by is None:
            log.info("draining: finishing running requests, accepting no new ones")
        clean = await self.router.stop(self._settings.drain_timeout_s + ROUTER_STOP_MARGIN_S)
        clean = await self._fleet.stop() and clean
        if self._killed_by is not None:
            return 128 + self._killed_by
        if not clean:
            log.error("a process did not stop in time and was killed")
        return 0 if clean else 1

    async def _keep_router(self) -> None:
        await self.router.run()
        if not self._end.done():
            self._fail(f"the router keeps dying: {self.router.detail}", self.router.last_lines)

    async def _watch(self) -> None:
        """Publish the roster and check for processes that hang, periodically."""
        watched_at_s = time.monotonic()
        while True:
            await asyncio.sleep(HEARTBEAT_INTERVAL_S)
            now_s = time.monotonic()
            late, watched_at_s = now_s - watched_at_s > 4 * HEARTBEAT_INTERVAL_S, now_s
            children: list[RouterKeeper | Replica] = [self.router, *self.replicas]
            for child in children:
                if late:
                    child.forgive()
                child.check()
            self._keep_folder()
            self._publish()
            self._report()

    def _router_in_folder(self) -> Command:
        self._keep_folder()  # the router binds sockets there
        return self._router_command()

    def _keep_folder(self) -> None:
        """Make the run folder and the files of the sockets again, if they are lost."""
        try:
            if restore_run_folder(self._folder):
                log.warning("run folder lost, made again", extra={"folder": str(self._folder)})
            self._folder_fault = ""
        except NoRunFolder as error:
            if self._folder_fault != str(error):
                log.error("run folder lost: no process can be replaced", extra={"reason": str(error)})
            self._folder_fault = str(error)
            return
        self._bus.keep_bound()

    def _on_control(self, message: ControlMessage) -> None:
        if isinstance(message, RouterAlive):
            self.router.heard(message)
            self._check_serving()
        else:
            self._orders.take(message)

    def _changed(self) -> None:
        """Publish and show a worker's change of state, and check whether the server is ready or cannot serve at all."""
        self._publish()
        if self._end.done():
            return
        self._display.update(self._lines())
        self._report()
        at_start = self._fleet.at_start
        if at_start and not self._on_demand and {replica.state for replica in self.replicas} == {WorkerState.FAILED}:
            replica = at_start[0]
            if replica.detail in (CANNOT_BE_LOADED, TOO_LITTLE_MEMORY):
                self._fail(f"{replica.name}: {replica.detail}; its log line above says why", [])
            else:
                self._fail(f"{replica.name}: {replica.detail}", replica.last_lines)
        self._check_serving()

    def _check_serving(self) -> None:
        """Announce the server once the models that start with it are loaded; without any, once the router answers."""
        states = {replica.state for replica in self._fleet.at_start}
        loaded = WorkerState.READY in states or (not states and self.router.lives)
        if self._serving or self._end.done() or not loaded or not states <= {WorkerState.READY, WorkerState.FAILED}:
            return
        self._serving = True
        ready = {replica.model for replica in self._fleet.at_start if replica.state is WorkerState.READY}
        settings = self._settings
        serving = [model for model in settings.models if model.name in ready or model in self._on_demand]
        kept = (settings.cache_disk_bytes, settings.cache_disk_folder) if settings.cache_disk_bytes else None
        announced = announcement(
            self._url, serving, settings.key_required, self._ollama_url, page=not settings.no_page, kept=kept
        )
        self._display.serving(announced, self._url)

    def _lines(self) -> list[WorkerLine]:
        return [WorkerLine(r.name, r.state, r.loading, r.location, r.detail) for r in self.replicas]

    def _report(self) -> None:
        """Tell the service manager how the server is, unless it is ending."""
        if not self._end.done():
            self._service_manager.report(self.router.ready, self.router.lives, summary(self._lines(), self._url))

    def _publish(self) -> None:
        self._bus.publish([replica.status() for replica in self.replicas], self._budgets)

    def _fail(self, reason: str, last_lines: list[str]) -> None:
        self._display.close()
        shown = [f"    {line}" for line in last_lines[-_SHOWN_LINES:]]
        print("\n".join([f"nexa: {reason}", *(["  its last lines:", *shown] if shown else [])]), file=sys.stderr)
        self._end.set_result(_End.FAILED)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Stop the server because of signal ``number``: the first call drains, the second kills."""
        if not self._end.done():
            self._end.set_result(_End.REQUESTED)
        elif self._killed_by is None:
            self._killed_by = number
            self._kill_all()

    def _hang_up(self, had_terminal: bool) -> None:
        """End with the terminal. A service without one is told to open its logs again, and has none open."""
        if had_terminal:
            self.stop(signal.SIGHUP)
        else:
            log.info("SIGHUP ignored: logs go to stderr, options are read at the start")

    def _kill_all(self) -> None:
        self.router.kill()
        self._fleet.kill()

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        """Stop the server if a task raised: a half-dead supervisor must not go on."""
        with contextlib.suppress(asyncio.CancelledError):
            error = task.exception()
            if error is not None:
                log.error("supervisor failed", exc_info=error)
                if not self._end.done():
                    self._end.set_result(_End.FAILED)
