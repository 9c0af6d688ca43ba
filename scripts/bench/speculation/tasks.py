"""What is asked of a model, with speculation and without."""

from __future__ import annotations

from msgspec.structs import replace

from shared.wire.jobs import Sampling, TextJob

CODE = """
def total(prices, taxes):
    result = 0
    for price, tax in zip(prices, taxes):
        result += price * (1 + tax)
    return result

class Basket:
    def __init__(self):
        self.items = []

    def add(self, name, price, tax=0.2):
        self.items.append((name, price, tax))

    def total(self):
        return total([item[1] for item in self.items], [item[2] for item in self.items])
"""
USERS = 16
CHANGED_EVERY = 24
"""In a prediction, one word in so many differs from the text."""

COPY, STORY, WARM_STORY, CROWD, PREDICTED = (
    "one user: a text repeated",
    "one user: a story",
    "one user: a story at temperature 0.8",
    f"{USERS} users: stories at temperature 0.8",
    "one user: a story and its prediction",
)


def tasks() -> dict[str, list[TextJob]]:
    """The jobs of each task, all submitted at once. Those of :data:`PREDICTED` get their prediction later."""
    twice = f"```python{CODE}```\n\nThe same code again:\n\n```python\ndef total(prices, taxes):\n"
    return {
        COPY: [TextJob(prompt=twice, sampling=Sampling(temperature=0), max_tokens=96, ignore_eos=True)],
        PREDICTED: [_story(2, 0.0, 96)],
        STORY: [_story(0, 0.0, 64)],
        WARM_STORY: [_story(1, 0.8, 64)],
        CROWD: [_story(user, 0.8, 24) for user in range(USERS)],
    }


def with_prediction(jobs: list[TextJob], answers: list[str]) -> list[TextJob]:
    """Jobs that expect their answers, but for a few words."""
    return [replace(job, prediction=_changed(answer)) for job, answer in zip(jobs, answers, strict=True)]


def _changed(text: str) -> str:
    words = text.split(" ")
    words[CHANGED_EVERY::CHANGED_EVERY] = ["something"] * len(words[CHANGED_EVERY::CHANGED_EVERY])
    return " ".join(words)


def _story(seed: int, temperature: float, tokens: int) -> TextJob:
    sampling = Sampling(temperature=temperature, seed=seed)
    return TextJob(prompt=f"Story {seed}: Once upon a time", sampling=sampling, max_tokens=tokens, ignore_eos=True)
