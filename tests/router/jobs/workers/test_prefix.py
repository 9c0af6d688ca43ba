from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.jobs.workers.prefix import (
    BLOCK_CHARACTERS,
    MAX_CUTS,
    MAX_PROMPT_CUTS,
    MEDIUM_CHARACTERS,
    PrefixMemory,
    prefix_cuts,
)
from shared.wire.jobs import TextJob

MESSAGES = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]), "content": st.text(max_size=3)}), max_size=5
)


def chat(*texts: str, tools: list[dict[str, Any]] | None = None) -> TextJob:
    return TextJob(messages=[{"role": "user", "content": text} for text in texts], tools=tools or [])


@given(MESSAGES, MESSAGES)
def test_conversations_share_the_cuts_of_the_messages_that_they_share(
    left: list[dict[str, Any]], right: list[dict[str, Any]]
) -> None:
    shared = next((i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
    memory = PrefixMemory()
    memory.remember(prefix_cuts(TextJob(messages=left)))
    cuts = prefix_cuts(TextJob(messages=right))
    assert memory.matched(cuts) == cuts[shared].characters  # the tools are the first cut


def test_prompts_with_nothing_in_common_match_nothing() -> None:
    memory = PrefixMemory()
    memory.remember(prefix_cuts(chat("one")))
    assert memory.matched(prefix_cuts(chat("other"))) == 0


def test_the_next_turn_of_a_conversation_starts_with_the_cuts_of_the_last() -> None:
    before, after = prefix_cuts(chat("hi", "hello")), prefix_cuts(chat("hi", "hello", "more"))
    assert after[: len(before)] == before
    assert len(after) == len(before) + 1


def test_different_tools_make_a_different_prefix() -> None:
    plain, with_tools = prefix_cuts(chat("hi")), prefix_cuts(chat("hi", tools=[{"type": "function"}]))
    assert not {cut.digest for cut in plain} & {cut.digest for cut in with_tools}


def test_the_order_of_keys_in_a_message_does_not_matter() -> None:
    one = TextJob(messages=[{"role": "user", "content": "hi"}])
    other = TextJob(messages=[{"content": "hi", "role": "user"}])
    assert prefix_cuts(one) == prefix_cuts(other)


def test_long_texts_share_their_whole_blocks() -> None:
    beginning = "x" * (3 * BLOCK_CHARACTERS)
    memory = PrefixMemory()
    memory.remember(prefix_cuts(TextJob(prompt=beginning + "one end")))
    assert memory.matched(prefix_cuts(TextJob(prompt=beginning + "another end"))) == 3 * BLOCK_CHARACTERS


def test_texts_that_differ_early_share_nothing_even_if_their_ends_are_equal() -> None:
    end = "x" * (3 * BLOCK_CHARACTERS)
    memory = PrefixMemory()
    memory.remember(prefix_cuts(TextJob(prompt="a" + end)))
    assert memory.matched(prefix_cuts(TextJob(prompt="b" + end))) == 0


def test_prompts_of_token_ids_are_compared_as_text() -> None:
    memory = PrefixMemory()
    memory.remember(prefix_cuts(TextJob(prompt_tokens=[1, 2, 3])))
    assert memory.matched(prefix_cuts(TextJob(prompt_tokens=[1, 2, 3]))) == len("[1, 2, 3]")
    assert memory.matched(prefix_cuts(TextJob(prompt_tokens=[1, 2, 4]))) == 0


@pytest.mark.parametrize(
    "prompt",
    [
        TextJob(prompt="x" * (MAX_PROMPT_CUTS + 2) * BLOCK_CHARACTERS),
        TextJob(prompt_tokens=[1] * MAX_PROMPT_CUTS * BLOCK_CHARACTERS),
        chat(*(["hi"] * (MAX_PROMPT_CUTS + 2))),
    ],
)
def test_a_long_prompt_has_the_cuts_of_its_beginning(prompt: TextJob) -> None:
    assert len(prefix_cuts(prompt)) == MAX_PROMPT_CUTS


def test_of_many_token_ids_only_those_before_the_last_cut_are_written_as_text() -> None:
    ids = [1] * MAX_PROMPT_CUTS * BLOCK_CHARACTERS  # the shortest text
    assert prefix_cuts(TextJob(prompt_tokens=ids)) == prefix_cuts(TextJob(prompt=json.dumps(ids)))


def test_the_latest_prompts_are_remembered() -> None:
    memory = PrefixMemory()
    old, used_again = prefix_cuts(chat("old")), prefix_cuts(chat("used again"))
    memory.remember(old)
    memory.remember(used_again)
    for number in range(MAX_CUTS // 2):
        memory.remember(prefix_cuts(TextJob(prompt=f"new {number}")))
    memory.remember(used_again)
    for number in range(MAX_CUTS // 2 + 1):
        memory.remember(prefix_cuts(TextJob(prompt=f"newer {number}")))
    assert memory.matched(used_again[1:]) == used_again[1].characters
    assert memory.matched(old[1:]) == 0


def test_owners_have_prefixes_of_their_own() -> None:
    memory = PrefixMemory()
    memory.remember(prefix_cuts(chat("hi"), "anna"))
    assert memory.matched(prefix_cuts(chat("hi"), "anna")) > 0
    assert memory.matched(prefix_cuts(chat("hi"), "ben")) == memory.matched(prefix_cuts(chat("hi"))) == 0


def test_different_adapters_make_a_different_prefix() -> None:
    digests = [
        {cut.digest for cut in prefix_cuts(TextJob(prompt="hi", adapters=adapters), owner)}
        for adapters in ((), (("first", 1.0),), (("first", 0.5),))
        for owner in ("", "ann")
    ]
    assert len(set.union(*digests)) == sum(map(len, digests))


def picture_chat(*blobs: int) -> TextJob:
    return TextJob(messages=[{"role": "user", "content": [{"type": "image", "blob": blob}]} for blob in blobs])


def test_pictures_are_known_by_their_content() -> None:
    memory = PrefixMemory()
    memory.remember(prefix_cuts(picture_chat(0, 1), digests=[b"a", b"b"]))
    assert memory.matched(prefix_cuts(picture_chat(0), digests=[b"c"])) == 0
    assert memory.matched(prefix_cuts(picture_chat(1, 0), digests=[b"b", b"a"])) > 2 * MEDIUM_CHARACTERS


def test_a_picture_is_known_in_another_chat_of_the_same_user() -> None:
    memory = PrefixMemory()
    memory.remember(prefix_cuts(picture_chat(0, 1), "anna", [b"a", b"b"]))
    assert memory.matched(prefix_cuts(picture_chat(0, 1), "anna", [b"c", b"b"])) == MEDIUM_CHARACTERS
    assert memory.matched(prefix_cuts(picture_chat(0), "bob", [b"b"])) == 0
