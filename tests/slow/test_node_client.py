"""OpenAI's package for JavaScript, unchanged, against a real model. Needs Node and npm."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.running_server import RunningServer

SCRIPT = """
import OpenAI from "openai";

const client = new OpenAI({ baseURL: process.argv[2] + "/v1", apiKey: "x" });
const messages = [{ role: "user", content: "Say hello" }];

const whole = await client.chat.completions.create({ model: "smollm2", messages, max_tokens: 8 });

let streamed = "";
const stream = await client.chat.completions.create({ model: "smollm2", messages, max_tokens: 8, stream: true });
for await (const chunk of stream) streamed += chunk.choices[0]?.delta?.content ?? "";

const parameters = { type: "object", properties: { city: { type: "string", maxLength: 20 } }, required: ["city"] };
const called = await client.chat.completions.create({
  model: "smollm2",
  messages: [{ role: "user", content: "What is the weather in Paris?" }],
  tools: [{ type: "function", function: { name: "weather", parameters } }],
  tool_choice: "required",
});

let refusal = null;
try {
  await client.chat.completions.create({ model: "no-such-model", messages });
} catch (error) {
  refusal = { status: error.status, code: error.code };
}
const call = called.choices[0].message.tool_calls[0].function;
console.log(JSON.stringify({ whole: whole.choices[0].message.content, usage: whole.usage, streamed, call, refusal }));
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which npm has installed the package."""
    npm = shutil.which("npm")
    assert npm is not None, "npm is missing: apt-get install nodejs npm, or make test-slow as root"
    folder = tmp_path_factory.mktemp("node")
    (folder / "package.json").write_text('{"type": "module", "private": true}')
    command = [npm, "install", "--no-audit", "--no-fund", "--loglevel=error", "openai@^6"]
    subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=True)
    return folder


def test_chats_streams_calls_and_errors(project: Path, server: RunningServer) -> None:
    (project / "client.mjs").write_text(SCRIPT)
    command = ["node", "client.mjs", server.url]
    ended = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=240, check=False)
    assert ended.returncode == 0, ended.stderr
    answers: dict[str, Any] = json.loads(ended.stdout)
    assert answers["whole"]
    assert answers["usage"]["completion_tokens"] <= 8
    assert answers["streamed"]
    assert answers["call"]["name"] == "weather"
    assert list(json.loads(answers["call"]["arguments"])) == ["city"]
    assert answers["refusal"] == {"status": 404, "code": "model_not_found"}
