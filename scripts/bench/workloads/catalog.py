"""The workloads. Each gives one or two cells of the table.

The letters are the rows' names: (a) one user, (b) many users with different prompts, (c) a shared system prompt, (d)
long prompts beside running streams, (e) chats of several turns, (f) function calls.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scripts.bench.measurements.figures import Cell, cell_of, gaps_between
from scripts.bench.measurements.outcome import Outcome
from scripts.bench.workloads.calls import CALL_FORMS, CALL_TOKENS, JSON_SCHEMA, valid
from scripts.bench.workloads.prompts import Prompts, user

if TYPE_CHECKING:
    from scripts.bench.workloads.client import BenchClient

STORY_TOKENS, STORIES = 64, 3
SHARED_SENTENCES, SHARED_TOKENS = 40, 32
LONG_SENTENCES, LONG_PROMPTS, RUNNING_STREAMS = 125, 3, 4
TURNS, CHATTERS, TURN_TOKENS = 5, 8, 48
CALLERS, CALLS_EACH, TRIED_CALLS = 8, 3, 4

Cells = dict[str, Cell]


@dataclass(frozen=True, slots=True)
class Workload:
    """A workload, named by its row. ``needs_batching``: not run on servers that serve one request at a time."""

    name: str
    title: str
    run: Callable[[BenchClient, Prompts], Awaitable[Cells]]
    needs_batching: bool = False


def _stories(name: str, users: int) -> Callable[[BenchClient, Prompts], Awaitable[Cells]]:
    async def run(client: BenchClient, prompts: Prompts) -> Cells:
        began_at_s = time.monotonic()
        requests = [client.stream([user(prompts.story())], STORY_TOKENS) for _ in range(users)]
        return {name: cell_of(await asyncio.gather(*requests), began_at_s)}

    return run


async def _one_user(client: BenchClient, prompts: Prompts) -> Cells:
    began_at_s = time.monotonic()
    stories = [await client.stream([user(prompts.story())], 2 * STORY_TOKENS) for _ in range(STORIES)]
    return {"a": cell_of(stories, began_at_s)}


async def _shared_prompt(client: BenchClient, prompts: Prompts) -> Cells:
    system = {"role": "system", "content": prompts.handbook(SHARED_SENTENCES)}
    cells = {}
    for name in ("c-cold", "c-warm"):
        began_at_s = time.monotonic()
        requests = [client.stream([system, user(prompts.question())], SHARED_TOKENS) for _ in range(16)]
        cells[name] = cell_of(await asyncio.gather(*requests), began_at_s)
    return cells


async def _long_prompts(client: BenchClient, prompts: Prompts) -> Cells:
    """Send prompts of about 2,000 tokens, one after the other, while other streams run.

    ``worst_gap_s`` is the longest time between two tokens of a running stream during the long prompts.
    """
    streams = [Outcome(time.monotonic()) for _ in range(RUNNING_STREAMS)]
    tasks = [
        asyncio.create_task(client.stream_into(outcome, [user(prompts.story())], 4096, ignore_eos=True))
        for outcome in streams
    ]
    # The condition depends on several tasks, any of which may fail.
    while any(  # noqa: ASYNC110
        len(stream.arrived_at_s) < 16 and not task.done() for stream, task in zip(streams, tasks, strict=True)
    ):
        await asyncio.sleep(0.05)
    began_at_s = time.monotonic()
    long_ones = [
        await client.stream([user(prompts.handbook(LONG_SENTENCES) + "\nWhich rule matters most?")], 16)
        for _ in range(LONG_PROMPTS)
    ]
    ended_at_s = time.monotonic()
    for stream, task in zip(streams, tasks, strict=True):
        if task.done():
            stream.error = stream.error or "the stream ended before it was cancelled"
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    cell = cell_of(long_ones, began_at_s, ended_at_s)
    cell.failures += sum(bool(stream.error) for stream in streams)
    cell.worst_gap_s = max(gaps_between(streams, began_at_s, ended_at_s), default=0.0)
    streamed = sum(began_at_s <= at_s <= ended_at_s for stream in streams for at_s in stream.arrived_at_s)
    cell.tokens_per_s = (streamed + cell.tokens) / cell.total_s
    return {"d": cell}


async def _chats(client: BenchClient, prompts: Prompts) -> Cells:
    async def chat(openings: list[str]) -> list[Outcome]:
        history: list[dict[str, str]] = []
        turns = []
        for text in openings:
            history.append(user(text))
            turns.append(await client.stream(list(history), TURN_TOKENS))
            history.append({"role": "assistant", "content": turns[-1].text})
        return turns

    began_at_s = time.monotonic()
    texts = [[prompts.story(), *(prompts.follow_up() for _ in range(TURNS - 1))] for _ in range(CHATTERS)]
    chats = await asyncio.gather(*(chat(openings) for openings in texts))
    return {"e": cell_of([turn for turns in chats for turn in turns], began_at_s)}


async def _function_calls(client: BenchClient, prompts: Prompts) -> Cells:
    """Function calls in the server's best form, and as JSON by schema if it supports that."""
    scores = await call_scores(client)
    cells = {"f": await _calls(client, prompts, best_form(scores))}
    if scores[JSON_SCHEMA]:
        cells["f-json"] = await _calls(client, prompts, JSON_SCHEMA)
    return cells


async def _calls(client: BenchClient, prompts: Prompts, form: str) -> Cell:
    async def caller(texts: list[str]) -> list[Outcome]:
        return [await client.call([user(text)], CALL_TOKENS, **CALL_FORMS[form]) for text in texts]

    began_at_s = time.monotonic()
    texts = [[prompts.person() for _ in range(CALLS_EACH)] for _ in range(CALLERS)]
    answers = [answer for answers in await asyncio.gather(*map(caller, texts)) for answer in answers]
    cell = cell_of(answers, began_at_s)
    valid_calls = sum(valid(answer.message, form) for answer in answers)
    cell.calls_per_s = valid_calls / cell.total_s
    cell.invalid_calls = len(answers) - valid_calls
    cell.call_form = form
    return cell


async def call_scores(client: BenchClient) -> dict[str, int]:
    """The number of valid answers to a few calls in each form."""
    prompts = Prompts("calls to try the forms with")
    texts = [prompts.person() for _ in range(TRIED_CALLS)]
    scores = {}
    for form, fields in CALL_FORMS.items():
        answers = [await client.call([user(text)], CALL_TOKENS, **fields) for text in texts]
        scores[form] = sum(valid(answer.message, form) for answer in answers)
    return scores


def best_form(scores: dict[str, int]) -> str:
    """The form with the most valid answers; the first one of equals."""
    return max(scores, key=scores.__getitem__)


WORKLOADS = [
    Workload("a", "one user, 3 stories one after the other", _one_user),
    *(
        Workload(f"b{users}", f"{users} users, different short prompts", _stories(f"b{users}", users))
        for users in (4, 8, 16, 32)
    ),
    Workload("c", "16 users, one shared system prompt: cold, then warm", _shared_prompt, needs_batching=True),
    Workload("d", "prompts of 2,000 tokens beside 4 running streams", _long_prompts, needs_batching=True),
    Workload("e", "chats: 8 users, 5 turns each", _chats),
    Workload("f", "function calls: 8 users, 3 calls each", _function_calls),
]
