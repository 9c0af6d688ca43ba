"""Recorded streams, as the ollama package reads them."""

import json
import sys

import httpx
import ollama


def read(body: str):
    headers = {"content-type": "application/x-ndjson"}
    transport = httpx.MockTransport(lambda request: httpx.Response(200, headers=headers, content=body.encode()))
    client = ollama.Client("http://nexa", transport=transport)
    messages = [part.message for part in client.chat("m", [{"role": "user", "content": "Hello"}], stream=True)]
    calls = [call.function for message in messages for call in message.tool_calls or []]
    return {
        "text": "".join(message.content or "" for message in messages),
        "thought": "".join(message.thinking or "" for message in messages),
        "calls": [[call.name, dict(call.arguments)] for call in calls],
    }


streams = json.loads(sys.stdin.read())
print(json.dumps({"/api/chat": [read(body) for body in streams["/api/chat"]]}))
