"""``/v1/responses`` over HTTP: conversations, stored responses, and who may see them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from shared.wire.jobs import TextJob, TokenizeJob
from shared.wire.payloads import Done, FinishReason, Payload, Started, Tokenized, Tokens, ToolCallDelta
from tests.support.requests.pictures import in_base64, png
from tests.support.router.client import app_of, http_client
from tests.support.router.fake_broker import FakeBroker, words

PATH = "/v1/responses"
TOOL = {"type": "function", "name": "add"}
Story = Callable[[httpx.AsyncClient], Awaitable[None]]


def told(broker: FakeBroker, story: Story) -> None:
    async def go() -> None:
        async with http_client(broker) as client:
            await story(client)

    asyncio.run(go())


async def asked(client: httpx.AsyncClient, given: Any = "a", **fields: Any) -> dict[str, Any]:
    """The response to an input."""
    answer = await client.post(PATH, json={"input": given, **fields})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def refused(client: httpx.AsyncClient, method: str, path: str, **request: Any) -> tuple[int, str]:
    answer = await client.request(method, path, **request)
    assert answer.status_code >= 400
    return answer.status_code, answer.json()["error"]["message"]


def test_a_conversation_goes_on_with_its_pictures() -> None:
    broker = FakeBroker(script=words("Once"), media=("image",))
    picture = {"type": "input_image", "image_url": f"data:image/png;base64,{in_base64(png())}"}

    async def story(client: httpx.AsyncClient) -> None:
        first = await asked(client, [{"role": "user", "content": [picture]}])
        await asked(client, "b", previous_response_id=first["id"])
        items = (await client.get(f"{PATH}/{first['id']}/input_items")).json()["data"]
        assert items[0]["content"] == [{**picture, "detail": "auto"}]

    told(broker, story)
    messages = broker.texts[1].messages
    assert messages is not None
    assert [message["content"] for message in messages] == [[{"type": "image", "blob": 0}], "Once", "b"]
    assert broker.jobs[1].request.blobs == (png(),)


def test_a_conversation_goes_on_with_all_that_was_said() -> None:
    broker = FakeBroker(script=words("Once"))

    async def story(client: httpx.AsyncClient) -> None:
        first = await asked(client, "a", instructions="Be short.")
        second = await asked(client, "b", previous_response_id=first["id"], instructions="Be long.")
        await asked(client, [{"role": "user", "content": "c"}], previous_response_id=second["id"])
        assert second["previous_response_id"] == first["id"]

    told(broker, story)
    a, b, c = ({"role": "user", "content": text} for text in "abc")
    once = {"role": "assistant", "content": "Once"}
    assert [text.messages for text in broker.texts][1:] == [
        [{"role": "system", "content": "Be long."}, a, once, b],
        [a, once, b, once, c],
    ]


def test_thoughts_and_calls_are_in_the_next_turn() -> None:
    script: list[Payload] = [
        Started(7, 3),
        Tokens("", [1], reasoning="Hm"),
        Tokens("", [2], tool_calls=[ToolCallDelta(0, "add", "{}")]),
        Done(FinishReason.TOOL_CALLS, 7, 3, 2, 0.01),
    ]
    broker = FakeBroker(script=script)

    async def story(client: httpx.AsyncClient) -> None:
        first = await asked(client, "a", tools=[TOOL])
        call_id = first["output"][1]["call_id"]
        result = {"type": "function_call_output", "call_id": call_id, "output": "5"}
        await asked(client, [result], previous_response_id=first["id"], tools=[TOOL])
        call = {"id": call_id, "type": "function", "function": {"name": "add", "arguments": "{}"}}
        assert broker.texts[1].messages == [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": None, "reasoning_content": "Hm", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": call_id, "content": "5"},
        ]

    told(broker, story)


def test_items_of_a_stored_response_can_be_referred_to() -> None:
    broker = FakeBroker(script=words("Once"))

    async def story(client: httpx.AsyncClient) -> None:
        first = await asked(client, "a")
        reference = {"type": "item_reference", "id": first["output"][0]["id"]}
        await asked(client, [{"role": "user", "content": "a"}, reference, {"role": "user", "content": "b"}])
        assert broker.texts[1].messages == [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "Once"},
            {"role": "user", "content": "b"},
        ]

    told(broker, story)


@pytest.mark.parametrize("stream", [False, True])
def test_a_response_can_be_got_again_and_deleted(stream: bool) -> None:
    async def story(client: httpx.AsyncClient) -> None:
        answer = await client.post(PATH, json={"input": "a", "stream": stream})
        answer_id = answer.headers["X-Job-Id"] if stream else answer.json()["id"].removeprefix("resp_")
        path = f"{PATH}/resp_{answer_id}"
        kept = (await client.get(path)).json()
        assert kept["status"] == "completed"
        assert stream or kept == answer.json()
        assert (await client.delete(path)).json() == {"id": f"resp_{answer_id}", "object": "response", "deleted": True}
        assert (await client.get(path)).status_code == 404

    told(FakeBroker(), story)


def test_what_is_not_to_be_stored_is_not() -> None:
    async def story(client: httpx.AsyncClient) -> None:
        response = await asked(client, store=False)
        assert (await refused(client, "GET", f"{PATH}/{response['id']}"))[0] == 404
        status, message = await refused(
            client, "POST", PATH, json={"input": "b", "previous_response_id": response["id"]}
        )
        assert status == 404
        assert message.startswith("previous_response_id: expected a stored response of yours, got 'resp_")

    told(FakeBroker(), story)


def test_another_user_sees_nothing_of_it() -> None:
    broker = FakeBroker()

    async def story(client: httpx.AsyncClient) -> None:
        response = await asked(client)
        path = f"{PATH}/{response['id']}"
        elsewhere = httpx.ASGITransport(app=app_of(broker), client=("10.0.0.9", 1))
        async with httpx.AsyncClient(transport=elsewhere, base_url="http://nexa") as other:
            for method, end in (("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("GET", "/input_items")):
                assert (await refused(other, method, path + end))[0] == 404
            body = {"input": "b", "previous_response_id": response["id"]}
            assert (await refused(other, "POST", PATH, json=body))[0] == 404
        assert (await client.get(path)).status_code == 200

    told(broker, story)


def test_the_input_is_listed_in_pages() -> None:
    async def story(client: httpx.AsyncClient) -> None:
        first = await asked(client, [{"role": "user", "content": text} for text in "ab"])
        second = await asked(client, "c", previous_response_id=first["id"])
        path = f"{PATH}/{second['id']}/input_items"
        page = (await client.get(path, params={"limit": 3})).json()
        texts = [item["content"][0]["text"] for item in page["data"]]
        assert (texts, page["has_more"]) == (["c", "Once upon", "b"], True)
        assert (page["first_id"], page["last_id"]) == (page["data"][0]["id"], page["data"][2]["id"])
        rest = (await client.get(path, params={"after": page["last_id"]})).json()
        assert [item["content"][0]["text"] for item in rest["data"]] == ["a"]
        assert not rest["has_more"]
        oldest = (await client.get(path, params={"order": "asc", "limit": 1})).json()
        assert oldest["data"] == rest["data"]
        assert (await refused(client, "GET", path, params={"after": "x"}))[0] == 400

    told(FakeBroker(), story)


def test_what_is_ignored_is_in_the_header() -> None:
    async def story(client: httpx.AsyncClient) -> None:
        body = {"input": [{"type": "x"}, {"role": "user", "content": "a"}], "tools": [{"type": "web_search"}]}
        answer = await client.post(PATH, json=body)
        expected = "input: items of type x are ignored; tools: those of type web_search are ignored"
        assert answer.headers["X-Nexa-Warning"] == expected
        assert (await refused(client, "POST", PATH, json={"input": [{"type": "x"}]}))[0] == 400

    told(FakeBroker(), story)


def counting(work: Any) -> list[Payload]:
    """A model with 100 tokens of context, for which each letter is one."""
    if not isinstance(work, TokenizeJob):
        return list(words("Once"))
    count = sum(len(message["content"] or "") for message in work.text.messages or [])
    return [Started(0, 0), Tokenized(count, 100), Done(FinishReason.STOP, count, 0, 0, 0.0)]


@pytest.mark.parametrize(
    ("lengths", "kept"),
    [([30, 30], 2), ([30, 30, 30], 2), ([50, 50, 30, 30, 20], 3), ([10, 99], 1), ([300], 1)],
)
def test_the_oldest_messages_are_left_out_until_the_rest_fits(lengths: list[int], kept: int) -> None:
    broker = FakeBroker(script=counting)
    given = [{"role": "user", "content": "x" * length} for length in lengths]

    async def story(client: httpx.AsyncClient) -> None:
        answer = await client.post(PATH, json={"input": given, "truncation": "auto", "instructions": "y"})
        assert answer.status_code == 200
        dropped = len(lengths) - kept
        note = f"truncation: the {dropped} oldest messages were left out" if dropped else None
        assert answer.headers.get("X-Nexa-Warning") == note

    told(broker, story)
    (job,) = broker.texts
    assert job.messages == [{"role": "system", "content": "y"}, *given[len(lengths) - kept :]]


def test_a_result_does_not_stay_without_its_call() -> None:
    broker = FakeBroker(script=counting)
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    result = {"type": "function_call_output", "call_id": "c", "output": "x" * 50}
    given = [{"role": "user", "content": "x" * 30}, call, result, call, result]

    async def story(client: httpx.AsyncClient) -> None:
        await asked(client, given, truncation="auto")

    told(broker, story)
    (job,) = broker.texts
    assert [message["role"] for message in job.messages or []] == ["assistant", "tool"]


def test_tokens_are_counted_without_an_answer() -> None:
    broker = FakeBroker(script=counting)

    async def story(client: httpx.AsyncClient) -> None:
        answer = await client.post(f"{PATH}/input_tokens", json={"input": "abc"})
        assert answer.json() == {"object": "response.input_tokens", "input_tokens": 3}

    told(broker, story)
    assert not any(isinstance(job.request.work, TextJob) for job in broker.jobs)


def test_compacting_is_not_there() -> None:
    async def story(client: httpx.AsyncClient) -> None:
        assert (await refused(client, "POST", f"{PATH}/compact", json={}))[0] == 501

    told(FakeBroker(), story)
