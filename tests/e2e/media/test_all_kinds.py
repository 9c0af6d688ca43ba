"""Text, speech and images from one address."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.support.recordings import JFK, JFK_WORDS, words_of
from tests.support.running_server import RunningServer

CHAT = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 8}
PICTURE = {"prompt": "a cat", "width": 64, "height": 64, "sample_steps": 2}


def test_models_say_their_kind(all_kinds: RunningServer) -> None:
    models = all_kinds.client.get("/v1/models").json()["data"]
    assert [model["kind"] for model in models] == ["text", "speech", "speech", "image"]
    assert all(model["ready"] for model in models)


def test_each_kind_has_its_own_workers(all_kinds: RunningServer) -> None:
    rows = all_kinds.workers()
    assert {row["state"] for row in rows} == {"ready"}
    assert len({row["pid"] for row in rows}) == 4


def test_all_kinds_answer_at_once(all_kinds: RunningServer) -> None:
    def speech() -> list[str]:
        answer = all_kinds.client.post("/v1/audio/transcriptions", files={"file": JFK.read_bytes()})
        return words_of(answer.json()["text"])

    with ThreadPoolExecutor(3) as threads:
        chat = threads.submit(all_kinds.post, "/v1/chat/completions", CHAT)
        picture = threads.submit(all_kinds.post, "/v1/txt2img", PICTURE)
        heard = threads.submit(speech)
        assert chat.result()["choices"][0]["message"]["content"]
        assert picture.result()["data"][0]["base64"]
        assert heard.result() == JFK_WORDS


def test_an_endpoint_without_a_model_of_its_kind_says_what_would_serve_it(server: RunningServer) -> None:
    refused = server.client.post("/v1/txt2img", json=PICTURE)
    assert refused.status_code == 404
    assert "nexa server smollm2 sd1-5" in refused.json()["error"]["message"]
    refused = server.client.post("/v1/audio/transcriptions", files={"file": JFK.read_bytes()})
    assert refused.status_code == 404
    assert "nexa server smollm2 faster-whisper-tiny" in refused.json()["error"]["message"]


def test_a_model_of_another_kind_is_refused(all_kinds: RunningServer) -> None:
    refused = all_kinds.client.post("/v1/chat/completions", json={**CHAT, "model": "faster-whisper-tiny"})
    assert refused.status_code == 404
    assert "expected one of kind text" in refused.json()["error"]["message"]
