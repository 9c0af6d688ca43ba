"""A text model in ONNX has what is looked up in its text checked in one run: the same words in fewer steps."""

from __future__ import annotations

import pytest

from shared.settings.text.speculation import Speculate
from shared.wire.jobs import Sampling, TextJob
from tests.support.engines.speculating import draft_always, run
from tests.support.onnx.made_models import made_model
from workers.onnx.text.factory import engine_of
from workers.onnx.text.options import OnnxTextOptions
from workers.text.speculation.options import SpeculationOptions

WORDS = "red, green, blue, white, black, brown, " * 4
TOKENS = 40


def test_words_that_are_looked_up_are_those_of_plain_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    draft_always(monkeypatch)
    path = str(made_model("text-fp32"))  # 32 bits: rounding does not change its words
    jobs = {
        f"job {number}": TextJob(prompt=prompt, max_tokens=TOKENS, sampling=Sampling(temperature=0), ignore_eos=True)
        for number, prompt in enumerate([WORDS, f"Colours: {WORDS}"])
    }
    answers, steps = [], []
    for speculate in (Speculate.OFF, Speculate.NGRAM):
        speculation = SpeculationOptions(speculate, draft_tokens=4)
        engine = engine_of(OnnxTextOptions(path, 2, slots=2, context_tokens=256, speculation=speculation))
        engine.load(lambda _fraction: None)
        said = run(engine, jobs)
        answers.append(
            {job_id: [token for _, ids, *_ in parts for token in ids] for job_id, (parts, *_) in said.items()}
        )
        steps.append(engine.stats().steps)
        if speculate is Speculate.NGRAM:
            assert engine.stats().accepted_tokens > TOKENS / 2
        engine.close()
    assert answers[0] == answers[1]
    assert steps[1] < steps[0]
