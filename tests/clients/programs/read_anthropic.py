"""Recorded streams, as the anthropic package puts them together."""

import json
import sys

import anthropic
import httpx2


def read(body: str):
    headers = {"content-type": "text/event-stream"}
    transport = httpx2.MockTransport(lambda request: httpx2.Response(200, headers=headers, content=body.encode()))
    http = httpx2.Client(transport=transport)
    client = anthropic.Anthropic(api_key="x", base_url="http://nexa", http_client=http)
    messages = [{"role": "user", "content": "Hello"}]
    with client.messages.stream(model="m", messages=messages, max_tokens=100) as stream:
        blocks = stream.get_final_message().content
    return {
        "text": "".join(block.text for block in blocks if block.type == "text"),
        "thought": "".join(block.thinking for block in blocks if block.type == "thinking"),
        "calls": [[block.name, block.input] for block in blocks if block.type == "tool_use"],
    }


streams = json.loads(sys.stdin.read())
print(json.dumps({"/v1/messages": [read(body) for body in streams["/v1/messages"]]}))
