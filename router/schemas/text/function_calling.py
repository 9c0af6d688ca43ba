"""The body of ``POST /v1/function-calling``."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from router.schemas.errors import ApiError
from router.schemas.text.chat import ChatRequest
from shared.wire.jobs import ToolChoice


class FunctionCallingRequest(ChatRequest):
    """A chat whose answer is always a call of one of ``tools``, by default of exactly one, drawn greedily."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "messages": [{"role": "user", "content": "Extract Jason is 25 years old"}],
                    "tools": [
                        {
                            "type": "function",
                            "function": {
                                "name": "UserDetail",
                                "parameters": {
                                    "type": "object",
                                    "properties": {
                                        "name": {"type": "string", "description": "The user's name"},
                                        "age": {"type": "integer", "description": "The user's age"},
                                    },
                                    "required": ["name", "age"],
                                },
                            },
                        }
                    ],
                    "tool_choice": "auto",
                }
            ]
        }
    )

    temperature: float = Field(0.0, ge=0, le=5, description="0 is greedy.")
    parallel_tool_calls: bool = False

    def choice(self) -> tuple[ToolChoice, str | None]:
        """A call in any case: ``auto`` is ``required`` here.

        Raises:
            ApiError: 400, no function was given, or ``none`` was chosen.
        """
        if not self.callable_functions():
            raise ApiError(400, "tools is missing or empty; this endpoint needs at least one function", param="tools")
        choice, name = super().choice()
        if choice is ToolChoice.NONE:
            param = "tool_choice" if self.function_call is None else "function_call"
            raise ApiError(
                400, f'{param} is "none"; this endpoint always answers with a call: accepted are auto and a name', param
            )
        return (ToolChoice.REQUIRED if choice is ToolChoice.AUTO else choice), name
