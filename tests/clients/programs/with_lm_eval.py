"""lm-eval: multiple-choice questions of our own, answered by the likelihood of each choice."""

import json
import os
import sys

import lm_eval
from lm_eval.tasks import TaskManager

given = json.loads(sys.argv[1])
os.environ["OPENAI_API_KEY"] = given["key"]
os.chdir(given["tasks"])
manager = TaskManager(include_path=".", include_defaults=False)
found = lm_eval.simple_evaluate(
    model="local-completions",
    model_args={
        "model": given["model"],
        "base_url": f"{given['url']}/v1/completions",
        "auth_token": given["key"],
        "num_concurrent": 4,
        "max_retries": 1,
    },
    tasks=["fifty"],
    task_manager=manager,
    bootstrap_iters=0,
)
samples = sorted(found["samples"]["fifty"], key=lambda sample: sample["doc_id"])
likelihoods = [[likelihood for ((likelihood, _),) in sample["resps"]] for sample in samples]
print(json.dumps({"likelihoods": likelihoods, "accuracy": found["results"]["fifty"]["acc,none"]}))
