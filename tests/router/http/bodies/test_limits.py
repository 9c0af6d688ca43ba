"""What a request to a text endpoint may hold, asked over HTTP."""

from __future__ import annotations

import json
import sys
import threading
from typing import Any

import pytest

import router.http.json_body
from router.http.bodies.json_structure import check_structure
from router.http.json_body import SMALL_BYTES, SMALL_VALUES
from tests.support.router.client import CHAT, ask, post
from tests.support.router.fake_broker import FakeBroker


def broker_with(**settings: Any) -> FakeBroker:
    broker = FakeBroker()
    broker.settings = broker.settings.model_copy(update=settings)
    return broker


def error_of(broker: FakeBroker, path: str, body: Any) -> tuple[int, str]:
    response = post(broker, path, body)
    return response.status_code, response.json()["error"]["message"]


def test_text_over_the_limit_is_413_even_if_its_json_is_not() -> None:
    broker = broker_with(max_text_bytes=1000)
    text = "ä" * 490
    assert len(json.dumps({"prompt": text})) > 1000
    assert post(broker, "/v1/completions", {"prompt": text}).status_code == 200
    assert error_of(broker, "/v1/completions", {"prompt": "ä" * 500}) == (
        413,
        "body: expected at most 1000 bytes of text (--max-text-bytes), got 1006",
    )
    assert error_of(broker, "/v1/completions", {"prompt": "a" * 4000})[0] == 413


def test_a_whole_context_of_token_ids_is_no_text() -> None:
    broker = broker_with(max_text_bytes=300_000)
    tokens = [100_000 + at for at in range(131_072)]
    assert post(broker, "/v1/completions", {"prompt": tokens}).status_code == 200
    assert broker.texts[0].prompt_tokens == tokens


def test_too_many_values_are_413() -> None:
    broker = broker_with(max_json_values=1000)
    message = "body: expected at most 50 lists and objects (a twentieth of --max-json-values), got more"
    assert error_of(broker, "/v1/chat/completions", {**CHAT, "chat_template_kwargs": {"a": [[]] * 60}}) == (
        413,
        message,
    )
    message = "body: expected at most 1000 values (--max-json-values), got more"
    assert error_of(broker, "/v1/completions", {"prompt": [1] * 1001}) == (413, message)


@pytest.mark.parametrize(
    ("body", "large"),
    [
        ({"prompt": "a" * 10}, False),
        ({"prompt": "a" * SMALL_BYTES}, True),
        ({"prompt": "a", "metadata": [1] * (SMALL_VALUES - 10)}, False),
        ({"prompt": "a", "metadata": [1] * SMALL_VALUES}, True),
    ],
)
def test_a_large_body_is_parsed_beside_the_event_loop(
    body: dict[str, Any], large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []
    validated = router.http.json_body._validated

    def noted(*arguments: Any) -> Any:
        threads.append(threading.current_thread())
        return validated(*arguments)

    monkeypatch.setattr(router.http.json_body, "_validated", noted)
    broker = FakeBroker()
    assert post(broker, "/v1/completions", body).status_code == 200
    assert [thread is threading.main_thread() for thread in threads] == [not large]
    assert error_of(broker, "/v1/completions", {**body, "top_p": 2}) == (
        400,
        "top_p: expected at most 1, got 2",
    )


@pytest.mark.parametrize("text", ["a", "a" * SMALL_BYTES])
def test_the_structure_of_a_body_is_checked_once(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[bytes] = []

    def noted(body: bytes, max_values: int) -> int:
        checked.append(body)
        return check_structure(body, max_values)

    monkeypatch.setattr(router.http.json_body, "check_structure", noted)
    assert post(FakeBroker(), "/v1/completions", {"prompt": text}).status_code == 200
    assert len(checked) == 1


def test_nobody_keeps_the_bytes_of_a_body_while_its_request_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    bodies: list[bytes] = []
    references: list[int] = []
    validated = router.http.json_body._validated

    def noted(body: bytes, *arguments: Any) -> Any:
        bodies.append(body)
        return validated(body, *arguments)

    class Noting(FakeBroker):
        def submit(self, request: Any) -> Any:
            references.append(sys.getrefcount(bodies[0]))
            return super().submit(request)

    monkeypatch.setattr(router.http.json_body, "_validated", noted)
    assert post(Noting(), "/v1/completions", {"prompt": "a" * 1000}).status_code == 200
    assert references == [2]  # the list's, and the question's own


def test_values_of_a_large_body_count_as_bytes_in_flight() -> None:
    broker = broker_with(max_user_inflight_bytes=1_000_000)
    assert post(broker, "/v1/completions", {"prompt": "a" * 900_000}).status_code == 200
    response = post(broker, "/v1/completions", {"prompt": [10_000] * 100_000})
    message = "body: expected at most 1000000 bytes of a request in memory (--max-user-inflight-bytes), got more"
    assert (response.status_code, response.json()["error"]["message"]) == (413, message)


def test_the_choices_of_a_request_share_its_prompt_and_options() -> None:
    broker = FakeBroker()
    body = {"prompt": ["a b", "c"], "n": 3, "logit_bias": {"5": 1.0}, "stop": ["x"], "seed": 7}
    assert post(broker, "/v1/completions", body).status_code == 200
    first, *others = broker.texts
    assert [text.sampling.seed for text in broker.texts] == [7, 8, 9, 7, 8, 9]
    assert all(text.prompt is first.prompt for text in others[:2])
    assert all(text.stop is first.stop and text.sampling.logit_bias is first.sampling.logit_bias for text in others)
    broker.jobs.clear()
    tools = [{"type": "function", "function": {"name": "f"}}]
    assert post(broker, "/v1/chat/completions", {**CHAT, "tools": tools, "n": 2}).status_code == 200
    one, other = broker.texts
    assert one.messages is other.messages
    assert one.tools is other.tools


def test_too_many_biases_are_refused_before_each_is_checked() -> None:
    biases = {str(token): "x" for token in range(4097)}
    message = "logit_bias: expected at most 4096 biases, got 4097"
    assert error_of(FakeBroker(), "/v1/completions", {"prompt": "a", "logit_bias": biases}) == (400, message)


def test_all_texts_of_a_form_together_are_limited() -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n' + b"a" * 1_000_000 + b"\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    response = ask(FakeBroker(), "POST", "/v1/img2img", content=part * 5 + b"--b--\r\n", headers=headers)
    assert response.status_code == 413
    assert response.json()["error"]["message"] == "body: expected at most 4194304 bytes in the form's texts, got more"


def test_the_headers_of_a_forms_part_are_limited() -> None:
    body = b"--b\r\nContent-Disposition: form-data; name=" + b"a" * 9000 + b"\r\n\r\n\r\n--b--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    assert ask(FakeBroker(), "POST", "/v1/img2img", content=body, headers=headers).status_code == 400
