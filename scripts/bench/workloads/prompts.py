"""The texts of the workloads' requests: the same for the same seed, different for different seeds."""

from __future__ import annotations

import random

_WHO = "lighthouse keeper,baker,clockmaker,young pilot,beekeeper,retired sailor,violinist,gardener,librarian,carpenter"
_WHERE = "harbour,mountain village,desert town,old library,floating market,railway station,snowy island,river delta"
_WHAT = "finds a letter,repairs a strange machine,loses a bet,hides a secret,meets a rival,builds a bridge,wins a race"
_HOW = "at midnight,before the storm,with a borrowed key,after ten years,without a word,against all advice"
_ROOMS = "kitchen,cellar,workshop,attic,garage,study,laundry,greenhouse,hallway,library"
_THINGS = "boiler,bread oven,bicycle rack,water filter,tool cabinet,projector,sewing machine,printer,ladder,radio"
_RULES = "is checked on Mondays,must be switched off at night,is lent to neighbours,stays locked,needs oil in spring"

NAMES = ["Jason", "Maria", "Ahmed", "Yuki", "Olga", "Pedro", "Ingrid", "Kwame", "Priya", "Liam", "Chen", "Fatima"]


def user(text: str) -> dict[str, str]:
    """A user's message."""
    return {"role": "user", "content": text}


class Prompts:
    """Draws texts for one workload of one round."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)

    def story(self) -> str:
        """A short request for a long answer, about 40 tokens with the chat template."""
        who, where, what, how = (self._pick(words) for words in (_WHO, _WHERE, _WHAT, _HOW))
        return f"Write a long story about a {who} in a {where} who {what} {how}. Story {self._random.randrange(10**6)}."

    def question(self) -> str:
        """A short question about the handbook."""
        return f"What should I know about the {self._pick(_THINGS)} in the {self._pick(_ROOMS)}? Explain at length."

    def follow_up(self) -> str:
        """The next message of a user in a chat, about 30 tokens."""
        return (
            f"Now tell me in detail what the {self._pick(_WHO)} in the {self._pick(_WHERE)} thinks, {self._pick(_HOW)}."
        )

    def handbook(self, sentences: int) -> str:
        """A text of ``sentences`` sentences, about 15 tokens each."""
        rows = [
            f"{number}. The {self._pick(_THINGS)} in the {self._pick(_ROOMS)} {self._pick(_RULES)}."
            for number in range(1, sentences + 1)
        ]
        return f"House rules, edition {self._random.randrange(10**6)}.\n" + "\n".join(rows)

    def person(self) -> str:
        """A request for the function's call."""
        return f"Extract {self._random.choice(NAMES)} is {self._random.randrange(18, 90)} years old"

    def _pick(self, words: str) -> str:
        return self._random.choice(words.split(","))
