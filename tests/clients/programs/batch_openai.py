"""A batch with the openai package: its file, its answers and its errors, and a batch that is cancelled."""

import json
import sys
import time

import openai

given = json.loads(sys.stdin.read())
client = openai.OpenAI(base_url=f"{given['url']}/v1", api_key=given["key"], max_retries=0)


def batch_of(lines, name):
    """A batch of these requests."""
    data = "\n".join(json.dumps(line) for line in lines).encode()
    file = client.files.create(file=(name, data), purpose="batch")
    return client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h", metadata={"name": name}
    )


def line(custom_id, model, text, **more):
    body = {"model": model, "messages": [{"role": "user", "content": text}], **more}
    return {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": body}


def ended(batch):
    """The batch once it has ended."""
    while batch.status in ("validating", "in_progress", "finalizing", "cancelling"):
        time.sleep(0.1)
        batch = client.batches.retrieve(batch.id)
    return batch


def rows(file_id):
    text = client.files.content(file_id).text if file_id else ""
    return {row["custom_id"]: row for row in map(json.loads, text.splitlines())}


asked = [line(f"ask-{number}", given["thinker"], given["weather"]) for number in range(3)]
done = ended(batch_of([*asked, line("bad", given["thinker"], given["weather"], temperature=99)], "weather.jsonl"))
answers = rows(done.output_file_id)
errors = rows(done.error_file_id)
stories = [line(f"story-{number}", given["model"], given["story"]) for number in range(20)]
stopped = ended(client.batches.cancel(batch_of(stories, "stories.jsonl").id))
print(
    json.dumps(
        {
            "status": done.status,
            "counts": done.request_counts.model_dump(),
            "answers": {
                name: row["response"]["body"]["choices"][0]["message"]["content"] for name, row in answers.items()
            },
            "errors": {name: row["response"]["status_code"] for name, row in errors.items()},
            "cancelled": stopped.status,
            "listed": [batch.metadata["name"] for batch in client.batches.list()],
            "files": [file.filename for file in client.files.list(purpose="batch")],
        }
    )
)
