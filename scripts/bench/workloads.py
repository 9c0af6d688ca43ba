"""What the servers are asked to do. Each workload gives one or two cells of the table.

The letters are the rows' names: (a) one user, (b) many users with different prompts, (c) a shared system prompt, (d) long
prompts beside running streams, (e) chats of several turns, (f) function calls.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from scripts.bench.client import BenchClient, Outcome
from scripts.bench.figures import Cell, cell_of, gaps_between
from scripts.bench.prompts import FUNCTION, Prompts, user, valid_call

STORY_TOKENS = 64
SHARED_SENTENCES, SHARED_TOKENS = 40, 32
LONG_SENTENCES, LONG_PROMPTS, RUNNING_STREAMS = 125, 2, 4
TURNS, CHATTERS, TURN_TOKENS = 5, 8, 48
CALLERS, CALLS_EACH = 8, 3

Cells = dict[str, Cell]


@dataclass(frozen=True, slots=True)
class Workload:
    """A workload by its row's name; ``needs_batching`` where a server that serves one at a time tells nothing."""

    name: str
    title: str
    run: Callable[[BenchClient, Prompts], Awaitable[Cells]]
    needs_batching: bool = False


def _stories(name: str, users: int) -> Callable[[BenchClient, Prompts], Awaitable[Cells]]:
    async def run(client: BenchClient, prompts: Prompts) -> Cells:
        began_s = time.monotonic()
        requests = [client.stream([user(prompts.story())], STORY_TOKENS) for _ in range(users)]
        return {name: cell_of(await asyncio.gather(*requests), began_s)}

    return run


async def _one_user(client: BenchClient, prompts: Prompts) -> Cells:
    began_s = time.monotonic()
    return {"a": cell_of([await client.stream([user(prompts.story())], 2 * STORY_TOKENS)], began_s)}


async def _shared_prompt(client: BenchClient, prompts: Prompts) -> Cells:
    system = {"role": "system", "content": prompts.handbook(SHARED_SENTENCES)}
    cells = {}
    for name in ("c-cold", "c-warm"):
        began_s = time.monotonic()
        requests = [client.stream([system, user(prompts.question())], SHARED_TOKENS) for _ in range(16)]
        cells[name] = cell_of(await asyncio.gather(*requests), began_s)
    return cells


async def _long_prompts(client: BenchClient, prompts: Prompts) -> Cells:
    """Streams run; prompts of about 2,000 tokens arrive one after the other; the streams are ended when all are answered.

    ``worst_gap_s`` is the longest time between two tokens of a running stream while a long prompt was there.
    """
    streams = [Outcome(time.monotonic()) for _ in range(RUNNING_STREAMS)]
    tasks = [
        asyncio.create_task(client.stream_into(outcome, [user(prompts.story())], 4096, ignore_eos=True))
        for outcome in streams
    ]
    while any(len(stream.arrivals_s) < 16 and not stream.error for stream in streams):
        await asyncio.sleep(0.05)
    began_s = time.monotonic()
    long_ones = [
        await client.stream([user(prompts.handbook(LONG_SENTENCES) + "\nWhich rule matters most?")], 16)
        for _ in range(LONG_PROMPTS)
    ]
    ended_s = time.monotonic()
    for stream, task in zip(streams, tasks, strict=True):
        if task.done():
            stream.error = stream.error or "the stream ended too early"
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    cell = cell_of(long_ones, began_s, ended_s)
    cell.failures += sum(bool(stream.error) for stream in streams)
    cell.worst_gap_s = max(gaps_between(streams, began_s, ended_s), default=0.0)
    streamed = sum(began_s <= at_s <= ended_s for stream in streams for at_s in stream.arrivals_s)
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

    began_s = time.monotonic()
    texts = [[prompts.story(), *(prompts.follow_up() for _ in range(TURNS - 1))] for _ in range(CHATTERS)]
    chats = await asyncio.gather(*(chat(openings) for openings in texts))
    return {"e": cell_of([turn for turns in chats for turn in turns], began_s)}


async def _function_calls(client: BenchClient, prompts: Prompts) -> Cells:
    choice = {"type": "function", "function": {"name": "UserDetail"}}

    async def caller(texts: list[str]) -> list[Outcome]:
        return [await client.call([user(text)], 128, tools=[FUNCTION], tool_choice=choice) for text in texts]

    began_s = time.monotonic()
    texts = [[prompts.person() for _ in range(CALLS_EACH)] for _ in range(CALLERS)]
    answers = [answer for answers in await asyncio.gather(*map(caller, texts)) for answer in answers]
    cell = cell_of(answers, began_s)
    valid = sum(valid_call(answer.message) for answer in answers)
    cell.calls_per_s = valid / cell.total_s
    cell.invalid_calls = len(answers) - valid
    return {"f": cell}


WORKLOADS = [
    Workload("a", "one user", _one_user),
    *(
        Workload(f"b{users}", f"{users} users, different short prompts", _stories(f"b{users}", users))
        for users in (4, 16, 32)
    ),
    Workload("c", "16 users, one shared system prompt: cold, then warm", _shared_prompt, needs_batching=True),
    Workload("d", "prompts of 2,000 tokens beside 4 running streams", _long_prompts, needs_batching=True),
    Workload("e", "chats: 8 users, 5 turns each", _chats),
    Workload("f", "function calls: 8 users", _function_calls),
]
