"""The options of speculation: drafts of what a text model says next, checked in one step."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict

from shared.settings.option import Group, Option
from shared.settings.values import Choice, Text, Whole


class Speculate(StrEnum):
    """Where drafts come from. ``AUTO`` looks up in the text, and asks a draft model if one is named."""

    AUTO = "auto"
    OFF = "off"
    NGRAM = "ngram"
    DRAFT = "draft"


class SpeculatingModelOptions(BaseModel):
    """Options of text models. ``draft`` is a model's name, and once models were found the path of its file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    speculate: Annotated[
        str,
        Option(
            Choice(tuple(Speculate), "HOW"),
            "drafts of next tokens, used only where they save time: ngram looks them up in the text, "
            "draft asks the draft model, auto does both",
            Group.MODELS,
        ),
    ] = Speculate.AUTO.value
    draft: Annotated[
        str,
        Option(
            Text("NAME", "a model's name or path"),
            "a small GGUF model with the same vocabulary, loaded beside a GGUF text model to draft for it",
            Group.MODELS,
        ),
    ] = ""
    draft_tokens: Annotated[
        int, Option(Whole(1, 64), "longest draft in tokens; how long one is is decided at each step", Group.MODELS)
    ] = 16

    @property
    def draft_file(self) -> str:
        """The file of the draft model that is loaded beside a model; empty if none is."""
        return self.draft if self.speculate in (Speculate.AUTO, Speculate.DRAFT) else ""
