"""A load test with several kinds of users: chats, stories, a shared handbook, long prompts and function calls.

    locust -f scripts/locustfile.py --host http://127.0.0.1:8000                 web page on port 8089
    locust -f scripts/locustfile.py --host http://127.0.0.1:8000 --headless --users 26 --spawn-rate 26 --run-time 2m

Arrivals are a Poisson process with bursts and do not wait for answers. Each user sends a request every ``--every``
seconds on average, so the load is users / every. Any OpenAI-compatible server works. Besides the requests, locust's
table has two kinds of rows: ``TTFT``, the time to the first text, and ``token``, the time per token of the answer in
ms, whose "average size" is the number of tokens in an answer. The total over all rows is therefore meaningless. At the
end of a run, open requests have a minute to finish. Run it in a single process (no ``--processes``).
"""

from __future__ import annotations

import itertools
import json
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gevent
from gevent.pool import Group
from geventhttpclient import HTTPClient
from locust import User, events, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.bench.measurements.figures import cell_of
from scripts.bench.measurements.outcome import Outcome
from scripts.bench.workloads.arrivals import DRAIN_S, arrivals
from scripts.bench.workloads.calls import CALL_FORMS, CALL_TOKENS, valid
from scripts.bench.workloads.catalog import (
    LONG_SENTENCES,
    SHARED_SENTENCES,
    SHARED_TOKENS,
    STORY_TOKENS,
    TURN_TOKENS,
    TURNS,
)
from scripts.bench.workloads.prompts import Prompts, user

CONNECT_TIMEOUT_S = 60.0
ANSWER_TIMEOUT_S = 600.0

Messages = list[dict[str, str]]


class Run:
    """The state of the running test: when it began, when it was stopped, and the outcomes of all requests."""

    def __init__(self, seed: str) -> None:
        self.seed = seed or str(random.randrange(10**9))
        self.began_at_s = time.monotonic()
        self.ending_at_s: float | None = None
        self.outcomes: list[Outcome] = []
        self.numbers = itertools.count()


run = Run("")


@events.init_command_line_parser.add_listener
def add_options(parser: LocustArgumentParser) -> None:
    """Add the options of this load test."""
    add = parser.add_argument
    add("--model", default="", env_var="NEXA_LOAD_MODEL", help="the model's name in the requests")
    add("--key", default="", env_var="NEXA_API_KEY", include_in_web_ui=False, help="API key")
    add(
        "--every",
        type=float,
        default=20.0,
        env_var="NEXA_LOAD_EVERY",
        help="mean time between a user's requests in seconds",
    )
    add(
        "--burst",
        type=float,
        default=3.0,
        env_var="NEXA_LOAD_BURST",
        help="rate in a burst divided by the rate outside; 1: no bursts",
    )
    add("--seed", default="", env_var="NEXA_LOAD_SEED", help="seed of texts and arrivals; random by default")
    add("--call-form", choices=list(CALL_FORMS), default="named", help="form of function calls")
    add("--cell", default="", include_in_web_ui=False, help="write the figures of the run to this JSON file")


@events.test_start.add_listener
def start(environment: Environment, **_: Any) -> None:
    """Begin a new run; the web page can start several."""
    global run
    options = environment.parsed_options
    if options.every <= 0 or options.burst < 1:
        raise SystemExit(
            f"locustfile: expected --every above 0 and --burst of at least 1, got {options.every} and {options.burst}"
        )
    run = Run(options.seed)


@events.test_stopping.add_listener
def end(**_: Any) -> None:
    """Stop arrivals; open requests may finish."""
    run.ending_at_s = time.monotonic()


@events.test_stop.add_listener
def report(environment: Environment, **_: Any) -> None:
    """Write the cell of the run, which ends with the last answer."""
    if environment.parsed_options.cell:
        ended_at_s = max((outcome.ended_at_s for outcome in run.outcomes), default=time.monotonic())
        cell = cell_of(run.outcomes, run.began_at_s, ended_at_s)
        Path(environment.parsed_options.cell).write_text(json.dumps(cell.as_dict()))


class Person(User):
    """Sends requests at its own arrival times, each in a new greenlet."""

    abstract = True
    host = "http://127.0.0.1:8000"

    def on_start(self) -> None:
        options = self.environment.parsed_options
        seed = f"{run.seed} {type(self).__name__} {next(run.numbers)}"
        self.prompts = Prompts(seed)
        self._under_way = Group()
        self._arrivals: Iterator[float] = arrivals(1 / options.every, options.burst, seed)
        self._due = False  # locust runs the task once before the first wait

    def wait_time(self) -> float:
        """Seconds until the next arrival."""
        self._due = True
        return max(0.0, run.began_at_s + next(self._arrivals) - time.monotonic())

    @task
    def arrive(self) -> None:
        """Send a request without waiting for it."""
        if self._due and run.ending_at_s is None:
            self._under_way.spawn(self.ask)

    def on_stop(self) -> None:
        if run.ending_at_s is None:  # the number of users was reduced: their open requests finish
            return
        self._under_way.join(timeout=max(0.0, run.ending_at_s + DRAIN_S - time.monotonic()))
        self._under_way.kill()

    def ask(self) -> None:
        """Send one request of this kind of user."""
        raise NotImplementedError

    def stream(self, messages: Messages, max_tokens: int) -> Outcome:
        """Send a request, read its streamed answer and record the outcome."""
        outcome = Outcome(time.monotonic())
        fields = {"stream": True, "stream_options": {"include_usage": True}}
        try:
            self._post(outcome, messages, max_tokens, fields)
            if not outcome.error and not outcome.text:
                outcome.error = "the answer is empty"
        finally:
            self._record(outcome)
        return outcome

    def call(self, messages: Messages) -> Outcome:
        """Send a request for a function call and record the outcome; an invalid call is a failure."""
        outcome = Outcome(time.monotonic())
        form = self.environment.parsed_options.call_form
        try:
            self._post(outcome, messages, CALL_TOKENS, CALL_FORMS[form])
            if not outcome.error and not valid(outcome.message, form):
                outcome.error = "the answer is no valid call"
        finally:
            self._record(outcome)
        return outcome

    def _post(self, outcome: Outcome, messages: Messages, max_tokens: int, fields: dict[str, Any]) -> None:
        options = self.environment.parsed_options
        body = {"model": options.model, "messages": messages, "max_tokens": max_tokens, "temperature": 0.0} | fields
        headers = {"Content-Type": "application/json", "Connection": "close"}
        if options.key:
            headers["Authorization"] = f"Bearer {options.key}"
        base = (self.environment.host or self.host).rstrip("/").removesuffix("/v1")
        client = HTTPClient.from_url(base, connection_timeout=CONNECT_TIMEOUT_S, network_timeout=ANSWER_TIMEOUT_S)
        try:
            path = f"{client_path(base)}/v1/chat/completions"
            response = client.post(path, json.dumps(body), headers)
            if response.status_code != 200:
                outcome.error = f"{response.status_code}: {response.read().decode('utf-8', 'replace')[:200]}"
            elif "stream" in fields:
                while line := response.readline(b"\n"):
                    outcome.read_line(bytes(line))
            else:
                outcome.read_answer(json.loads(response.read()))
        except gevent.GreenletExit:
            outcome.error = f"not finished {DRAIN_S:.0f} s after the end of the run"
            raise
        except (OSError, ValueError, LookupError) as error:
            outcome.error = repr(error)
        finally:
            client.close()

    def _record(self, outcome: Outcome) -> None:
        outcome.ended_at_s = time.monotonic()
        run.outcomes.append(outcome)
        error = RuntimeError(outcome.error) if outcome.error else None
        self._fire("POST", 1000 * outcome.answer_s, len(outcome.text), error)
        if error is None:
            self._fire("TTFT", 1000 * outcome.ttft_s, 0)
            self._fire("token", 1000 * outcome.answer_s / max(1, outcome.tokens), outcome.tokens)

    def _fire(self, kind: str, milliseconds: float, size: int, error: Exception | None = None) -> None:
        self.environment.events.request.fire(
            request_type=kind,
            name=type(self).__name__,
            response_time=milliseconds,
            response_length=size,
            exception=error,
            context={},
        )


def client_path(base: str) -> str:
    """The path of a base URL, without a trailing slash."""
    return "/" + rest if (rest := base.partition("://")[2].partition("/")[2]) else ""


class Chatter(Person):
    """Chats with the model for some turns. A new chat begins if no earlier one waits for its next turn."""

    weight = 4

    def on_start(self) -> None:
        self._waiting: list[Messages] = []
        super().on_start()

    def ask(self) -> None:
        chat = self._waiting.pop(0) if self._waiting else []
        chat.append(user(self.prompts.follow_up() if chat else self.prompts.story()))
        answer = self.stream(chat, TURN_TOKENS)
        chat.append({"role": "assistant", "content": answer.text})
        if not answer.error and len(chat) < 2 * TURNS:
            self._waiting.append(chat)


class StoryReader(Person):
    """Asks for a story."""

    weight = 3

    def ask(self) -> None:
        self.stream([user(self.prompts.story())], STORY_TOKENS)


class HandbookReader(Person):
    """Asks about a text of about 650 tokens that all these users share."""

    weight = 3

    def ask(self) -> None:
        handbook = Prompts(f"handbook {run.seed}").handbook(SHARED_SENTENCES)
        self.stream([{"role": "system", "content": handbook}, user(self.prompts.question())], SHARED_TOKENS)


class LongPrompter(Person):
    """Sends a new text of about 2,000 tokens."""

    weight = 1

    def ask(self) -> None:
        text = self.prompts.handbook(LONG_SENTENCES) + "\nWhich rule matters most?"
        self.stream([user(text)], 16)


class Caller(Person):
    """Asks for a function call."""

    weight = 2

    def ask(self) -> None:
        self.call([user(self.prompts.person())])
