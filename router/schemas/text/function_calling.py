"""The body of ``POST /v1/function-calling``."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from router.schemas.errors import ApiError
from router.schemas.text.chat import ChatRequest
from router.schemas.text.tools import FunctionDefinition
from shared.wire.jobs import ToolChoice


class FunctionCallingRequest(ChatRequest):
    """A chat whose answer always calls one of ``tools``; by default exactly one, sampled greedily."""

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

    temperature: float = Field(0.0, ge=0, le=5, description="0: greedy.")
    parallel_tool_calls: bool = False

    def callable_functions(self) -> list[FunctionDefinition]:
        """The functions that may be called. Here their schemas are enforced as a whole, or refused."""
        return [function.model_copy(update={"strict": True}) for function in super().callable_functions()]

    def choice(self) -> tuple[ToolChoice, str | None]:
        """The choice of the call, where ``auto`` means ``required``.

        Raises:
            ApiError: 400, no function was given, or ``none`` was chosen.
        """
        if not self.callable_functions():
            raise ApiError(400, "tools is required: at least one function", param="tools")
        choice, name = super().choice()
        if choice is ToolChoice.NONE:
            param = "tool_choice" if self.function_call is None else "function_call"
            expected = '"auto" or the name of a function, since this endpoint always answers with a call'
            raise ApiError(400, f'{param}: expected {expected}, got "none"', param)
        return (ToolChoice.REQUIRED if choice is ToolChoice.AUTO else choice), name
