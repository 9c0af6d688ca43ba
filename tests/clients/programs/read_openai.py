"""Recorded streams, as the openai package puts them together."""

import json
import sys

import httpx2
import openai


def client_of(body: str) -> openai.OpenAI:
    """A client to whom every request is answered with these events."""
    headers = {"content-type": "text/event-stream"}
    transport = httpx2.MockTransport(lambda request: httpx2.Response(200, headers=headers, content=body.encode()))
    return openai.OpenAI(api_key="x", base_url="http://nexa/v1", http_client=httpx2.Client(transport=transport))


def read_chat(body: str):
    messages = [{"role": "user", "content": "Hello"}]
    with client_of(body).chat.completions.stream(model="m", messages=messages) as stream:
        message = stream.get_final_completion().choices[0].message
    calls = [[call.function.name, json.loads(call.function.arguments)] for call in message.tool_calls or []]
    return {"text": message.content or "", "thought": getattr(message, "reasoning_content", ""), "calls": calls}


def read_responses(body: str):
    with client_of(body).responses.stream(model="m", input="Hello") as stream:
        response = stream.get_final_response()
    items = response.output
    thoughts = [part.text for item in items if item.type == "reasoning" for part in item.content]
    calls = [[item.name, json.loads(item.arguments)] for item in items if item.type == "function_call"]
    return {"text": response.output_text, "thought": "".join(thoughts), "calls": calls}


streams = json.loads(sys.stdin.read())
read = {"/v1/chat/completions": read_chat, "/v1/responses": read_responses}
print(json.dumps({path: [read[path](body) for body in bodies] for path, bodies in streams.items() if path in read}))
