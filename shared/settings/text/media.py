"""The options of text models that see pictures or hear recordings."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict

from shared.models.projectors.choice import NO_PROJECTOR
from shared.settings.option import Group, Option
from shared.settings.values import Text, Whole


class MediaModelOptions(BaseModel):
    """Options of text models. ``mmproj``, once models were found, is the path of a file that fits, or empty."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mmproj: Annotated[
        str,
        Option(
            Text("FILE", f"a path, or {NO_PROJECTOR}"),
            "projector with which a GGUF text model sees or hears; without it, the one beside the model or fetched "
            f"with it; {NO_PROJECTOR} leaves it out",
            Group.MODELS,
        ),
    ] = ""
    image_max_tokens: Annotated[
        int,
        Option(
            Whole(1, 65_536),
            "most tokens of a picture, for models that take pictures in their own size; larger ones are made smaller",
            Group.MODELS,
        ),
    ] = 1024
