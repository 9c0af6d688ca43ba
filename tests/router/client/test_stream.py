"""Streams of a real server whose connections break."""

from __future__ import annotations

import socket

import pytest

import router.client.stream
from router.client.connection import ServerClient
from router.client.errors import RequestRefused, ServerUnreachable, StreamLost
from shared.wire.payloads import Failed
from tests.support.clients.cutting_proxy import cutting_proxy
from tests.support.router.client import COMPLETION, serving, wait_until
from tests.support.router.fake_broker import FakeBroker, words
from tests.support.router.resuming import EVENTS, TEXTS, job_of, paced

PATH = "/v1/completions"


def test_a_stream_whose_connection_breaks_twice_is_read_to_its_end() -> None:
    broker, notices = paced(), list[str]()
    with serving(broker) as url, cutting_proxy(url) as proxy, ServerClient(proxy.url) as client:
        broker.allowed = 3
        found = []
        for event in client.stream(PATH, COMPLETION, on_notice=notices.append):
            found.append(event)
            if len(found) in (2, 5):
                broker.allowed += 3
                proxy.cut()
            if len(found) == 7:
                broker.allowed = EVENTS
    assert [event.id for event in found] == list(range(1, EVENTS))
    assert "".join(event.json["choices"][0]["text"] for event in found) == "".join(TEXTS)
    assert notices == ["connection lost, trying again", "connected again"] * 2


def test_a_connection_that_breaks_after_the_last_event_loses_nothing() -> None:
    """The mark of the end was sent, but has not arrived: the server says that there is no more."""
    broker = FakeBroker(script=words(*TEXTS))
    with serving(broker) as url, ServerClient(url) as client:
        stream = client.stream(PATH, COMPLETION)
        events = list(stream)
        assert len(events) == EVENTS - 1
        assert stream._resume("for the test") is None


def test_a_plain_stream_that_breaks_off_is_lost() -> None:
    broker = paced()
    broker.allowed = 3
    with serving(broker) as url, cutting_proxy(url) as proxy, ServerClient(proxy.url) as client:
        events = iter(client.stream(PATH, COMPLETION, resumable=False))
        next(events)
        proxy.cut()
        with pytest.raises(StreamLost, match="the answer broke off"):
            list(events)
        assert proxy.accepted == 1


def test_a_stream_that_the_server_has_forgotten_is_lost() -> None:
    broker = paced()
    broker.allowed = 3
    with serving(broker) as url, cutting_proxy(url) as proxy, ServerClient(proxy.url) as client:
        stream = client.stream(PATH, COMPLETION)
        events = iter(stream)
        next(events)
        proxy.cut()
        client.ask("DELETE", f"/v1/jobs/{stream.job_id}")
        with pytest.raises((StreamLost, RequestRefused), match=r"lost|cancelled"):
            list(events)


def test_a_server_that_does_not_come_back_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router.client.stream, "RESUME_TIMEOUT_S", 0.0)
    broker = paced()
    broker.allowed = 3
    with serving(broker) as url, cutting_proxy(url) as proxy, ServerClient(proxy.url) as client:
        events = iter(client.stream(PATH, COMPLETION))
        next(events)
        proxy.close()
        with pytest.raises(StreamLost, match="did not come back"):
            list(events)


def test_a_cancelled_stream_frees_its_slot() -> None:
    broker = paced()
    broker.allowed = 3
    with serving(broker) as url, ServerClient(url) as client:
        stream = client.stream(PATH, COMPLETION)
        next(iter(stream))
        stream.cancel()
        wait_until(lambda: broker.cancelled)
        assert (job_of(url, stream.job_id) or {"state": "cancelled"})["state"] == "cancelled"


def test_a_stream_whose_answer_has_not_begun_is_cancelled_by_its_request() -> None:
    broker = paced()
    with serving(broker) as url, ServerClient(url) as client:
        stream = client.stream(PATH, COMPLETION)
        response = client.http.send(stream._request, stream=True)  # as if Ctrl-C came before its head
        assert stream.job_id == ""
        stream.cancel()
        wait_until(lambda: broker.cancelled)
        response.close()


def test_an_error_in_a_stream_ends_it_with_the_servers_words() -> None:
    broker = FakeBroker(script=[*words("Once")[:-1], Failed(503, "the model is gone", code="worker_died")])
    with serving(broker) as url, ServerClient(url) as client:
        events = iter(client.stream(PATH, COMPLETION))
        assert next(events).json["choices"][0]["text"] == "Once"
        with pytest.raises(RequestRefused, match="the model is gone") as caught:
            next(events)
    assert (caught.value.status, caught.value.code) == (0, "worker_died")


def test_a_refused_request_has_the_status_and_the_servers_words() -> None:
    with serving(FakeBroker()) as url, ServerClient(url) as client:
        with pytest.raises(RequestRefused, match=f"^{url} answered 400: temperature: ") as caught:
            list(client.stream(PATH, {**COMPLETION, "temperature": 7}))
        assert caught.value.status == 400
        with pytest.raises(RequestRefused, match="answered 404: ") as caught:
            client.get("/v1/jobs/none")
        assert caught.value.status == 404


def test_where_nothing_listens_no_server_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with ServerClient(url) as client, pytest.raises(ServerUnreachable, match=f"^no server answers at {url} "):
        client.get("/v1/models")


def test_what_is_no_nexa_server_is_told_so() -> None:
    with serving(FakeBroker()) as url, ServerClient(url) as client, pytest.raises(RequestRefused, match="not a nexa"):
        client.get("/docs")  # a page


def test_models_of_a_kind() -> None:
    with serving(FakeBroker()) as url, ServerClient(url) as client:
        (model,) = client.models("text")
        assert (model.name, model.kinds) == ("smol", ("text",))
        assert client.models("image") == []
