"""Whatever a worker sends: the events of a message put together are the whole message."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from router.answers.choices import CollectedChoice
from router.answers.submission import SubmittedRequest
from router.api.anthropic.message import MESSAGE
from router.http.request_record import RequestRecord
from router.schemas.anthropic.request import MessagesRequest
from shared.wire.payloads import Done, FinishReason, Payload, Started, Tokens, ToolCallDelta
from tests.support.requests.anthropic_answers import message_events, message_of
from tests.support.router.client import CHAT
from tests.support.router.fake_broker import FakeBroker

FRAGMENTS = st.text(max_size=4)
ARGUMENTS = st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=3), max_size=2)


@st.composite
def cut(draw: st.DrawFn, text: str) -> list[str]:
    """A text in parts."""
    places = sorted(draw(st.lists(st.integers(0, len(text)), max_size=3)))
    return [text[begin:end] for begin, end in zip([0, *places], [*places, len(text)], strict=True)]


@st.composite
def steps(draw: st.DrawFn) -> list[Tokens]:
    """Thoughts, words and calls in any order, in steps of any size."""
    made: list[Tokens] = []
    index = 0
    for kind in draw(st.lists(st.sampled_from(["thought", "words", "both", "call", "nothing"]), max_size=8)):
        if kind != "call":
            thought = draw(FRAGMENTS) if kind in ("thought", "both") else ""
            words = draw(FRAGMENTS) if kind in ("words", "both") else ""
            made.append(Tokens(words, [1], reasoning=thought))
            continue
        first, *rest = draw(cut(json.dumps(draw(ARGUMENTS))))
        made.append(Tokens(draw(FRAGMENTS), [1], tool_calls=[ToolCallDelta(index, "f", first)]))
        made += [Tokens("", [1], tool_calls=[ToolCallDelta(index, None, part)]) for part in rest]
        if draw(st.booleans()):  # the next call begins in the step that ends this one
            made[-1].tool_calls.append(ToolCallDelta(index + 1, "g", "{}"))
            index += 1
        index += 1
    return made


ENDS = st.builds(
    Done,
    st.sampled_from(FinishReason),
    st.integers(5, 9),
    st.integers(0, 5),
    st.integers(0, 9),
    st.just(0.1),
    st.integers(0, 9),
    st.none() | st.text(min_size=1, max_size=3),
    st.booleans(),
)


@settings(deadline=None)
@given(steps(), ENDS, st.booleans(), st.data())
def test_the_events_put_together_are_the_whole_message(
    made: list[Tokens], end: Done, omitted: bool, data: st.DataObject
) -> None:
    thinking = {"type": "adaptive", "display": "omitted" if omitted else None}
    body = MessagesRequest.model_validate({**CHAT, "max_tokens": 9, "thinking": thinking})
    broker, record = FakeBroker(), RequestRecord()
    submitted = SubmittedRequest(broker, record, None, body.to_jobs())
    collected = CollectedChoice(end=end)
    for step in made:
        collected.add(step)
    whole = MESSAGE.write_whole(body, submitted, [collected])

    payloads: list[Payload] = [Started(end.prompt_tokens, end.cached_tokens), *made, end]
    writer = MESSAGE.make_writer(MESSAGE.rendering(body), submitted)
    chunks = writer.opening()
    while payloads:
        count = data.draw(st.integers(1, len(payloads)))
        chunks += writer.render(0, payloads[:count])
        payloads = payloads[count:]
    chunks += writer.closing(submitted)
    assert message_of(message_events("".join(chunks))) == json.loads(json.dumps(whole))
