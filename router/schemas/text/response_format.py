"""``response_format``: the format that an answer's text must have."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from router.schemas.base import RequestModel
from router.schemas.errors import ApiError
from shared.wire.jobs import Constraint, ConstraintKind


class JsonSchemaFormat(RequestModel):
    """A named JSON schema. The answer satisfies it whether or not ``strict`` is set."""

    name: str = Field("answer", max_length=64)
    description: str | None = None
    schema_: dict[str, Any] = Field(alias="schema")
    strict: bool | None = None


class ResponseFormat(RequestModel):
    """``text``, ``json_object`` (any object, or one that satisfies ``schema``) or ``json_schema``."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchemaFormat | None = None
    schema_: dict[str, Any] | None = Field(None, alias="schema")

    def to_constraint(self) -> Constraint | None:
        """The constraint on the generated text; ``None`` for plain text.

        Raises:
            ApiError: 400, the schema is missing.
        """
        if self.type == "text":
            return None
        if self.type == "json_schema":
            if self.json_schema is None:
                field = "response_format.json_schema"
                raise ApiError(400, f'{field} is required for type json_schema: {{"name": ..., "schema": ...}}', field)
            return Constraint(ConstraintKind.JSON_SCHEMA, self.json_schema.schema_)
        if self.schema_ is not None:
            return Constraint(ConstraintKind.JSON_SCHEMA, self.schema_)
        return Constraint(ConstraintKind.JSON_OBJECT)
