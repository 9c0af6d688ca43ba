"""A text model that gives vectors or scores too."""

from __future__ import annotations

import pytest

from router.cli.models.finding import find_models
from shared.engines.embedding import Pooling, as_asked
from shared.kinds import JobKind
from shared.settings.loading import load_options
from shared.wire.jobs import EmbedJob, RerankJob, Sampling, TextJob
from shared.wire.payloads import Done, Scores, Started, Tokens
from tests.support.engines.encoding import cosines, embed, events_of, loaded, run, vectors_in
from tests.support.weights import WEIGHTS
from workers.engine import EngineJob

GREEDY = TextJob(prompt="One, two, three,", max_tokens=8, sampling=Sampling(temperature=0))


def test_text_and_vectors_at_the_same_time() -> None:
    with loaded(WEIGHTS, JobKind.TEXT, JobKind.EMBEDDING, context_tokens=256, slots=4) as engine:
        alone = run(engine, GREEDY)
        vectors = embed(engine, ["a cat", "a dog"])
        jobs = [EngineJob("text", GREEDY), EngineJob("vectors", EmbedJob(["a cat", "a dog"]))]
        events = events_of(engine, jobs)
        assert cosines(vectors_in(events["vectors"]), vectors).min() >= 0.999
        texts = ["".join(p.text for p in payloads if isinstance(p, Tokens)) for payloads in (alone, events["text"])]
        assert texts[0] == texts[1] != ""
        engine.cancel("text")
        assert (engine.stats().running, engine.stats().waiting) == (0, 0)


def test_a_long_input_leaves_an_answer_its_tokens() -> None:
    with loaded(WEIGHTS, JobKind.TEXT, JobKind.EMBEDDING, context_tokens=2048, slots=2) as engine:
        jobs = [EngineJob("long", EmbedJob(["word " * 1900])), EngineJob("text", GREEDY)]
        for job in jobs:
            engine.submit(job)
        ended: list[str] = []
        while engine.has_work():
            ended += [job_id for job_id, payload in engine.step() if isinstance(payload, Tokens | Done)]
        assert ended.index("long") > ended.index("text")


def test_text_and_scores() -> None:
    with loaded(WEIGHTS, JobKind.TEXT, JobKind.RERANK, context_tokens=256, slots=2) as engine:
        payloads = run(engine, RerankJob("a fruit", ["An apple", "A lamp"]))
        assert isinstance(payloads[0], Started)
        assert isinstance(payloads[-1], Done)
        values = [value for payload in payloads if isinstance(payload, Scores) for value in payload.values]
        assert len(values) == 2
        assert all(0 < value < 1 for value in values)


@pytest.mark.parametrize(
    ("options", "engine", "kinds"),
    [
        ("", "llama", (JobKind.TEXT,)),
        ("@embeddings=on", "embedding", (JobKind.TEXT, JobKind.EMBEDDING)),
        ("@embeddings=on,pooling=mean", "embedding", (JobKind.TEXT, JobKind.EMBEDDING)),
        ("@embeddings=on,pooling=rank", "embedding", (JobKind.TEXT, JobKind.RERANK)),
        ("@pooling=rank", "llama", (JobKind.TEXT,)),
    ],
)
def test_options_say_what_a_text_model_serves(options: str, engine: str, kinds: tuple[JobKind, ...]) -> None:
    (model,) = find_models(load_options({"model_path": [f"smollm2{options}"]}, None).models, ())
    assert (model.engine, model.kinds) == (engine, kinds)


@pytest.mark.parametrize(("pooling", "kind"), [("cls", JobKind.EMBEDDING), ("rank", JobKind.RERANK)])
def test_pooling_says_what_an_embedding_model_serves(pooling: str, kind: JobKind) -> None:
    for kinds in ((JobKind.EMBEDDING,), (JobKind.RERANK,)):
        assert as_asked("embedding", kinds, WEIGHTS, Pooling(pooling), False) == ("embedding", (kind,))


def test_other_models_do_not_mind() -> None:
    assert as_asked("whisper", (JobKind.SPEECH,), WEIGHTS, "rank", True) == ("whisper", (JobKind.SPEECH,))
