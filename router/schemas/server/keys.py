"""Bodies and responses of ``/v1/keys``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

from router.jobs.limits import Priority, UserLimits, model_names
from router.schemas.base import RequestModel

MAX_LIMIT = 10**9 - 1

Running = Annotated[int, Field(ge=1, le=MAX_LIMIT)]
Queued = Annotated[int, Field(ge=0, le=MAX_LIMIT)]
Tokens = Annotated[int, Field(ge=1, le=MAX_LIMIT)]
Models = Annotated[list[str], AfterValidator(lambda names: list(model_names(names)))]


class KeyLimits(RequestModel):
    """The limits of a key's requests."""

    max_running: Running | None = Field(None, description="Requests that may run at a time; null for no limit.")
    max_queued: Queued | None = Field(None, description="Requests that may wait; null for the server's limit.")
    priority: Annotated[Priority, Field(strict=False)] = Field(
        Priority.INTERACTIVE, description="The highest priority of its requests."
    )
    models: Models | None = Field(None, description="The only models that it may use, served or not; null for all.")
    tokens_per_day: Tokens | None = Field(
        None, description="Tokens of prompts and generated ones that it may use in a day (UTC); null for no limit."
    )

    @property
    def limits(self) -> UserLimits:
        """The same for the queues."""
        models = None if self.models is None else tuple(self.models)
        return UserLimits(self.max_running, self.max_queued, self.priority, models, self.tokens_per_day)


class KeyRequest(KeyLimits):
    """A key to create."""

    name: str = Field(description="In logs and usage: 1 to 64 letters, digits, `.`, `-` or `_`.")
    admin: bool = Field(False, description="Whether it may control the server, and see all jobs and usage.")


class KeyChange(KeyLimits):
    """New limits of a key. What is left out is lifted, except `admin`, which stays as it is."""

    name: str = Field(description="The key's name.")
    admin: bool | None = Field(None, description="Whether it may control the server; left out, as before.")


class KeyObject(BaseModel):
    """A key without its secret."""

    object: Literal["key"] = "key"
    id: str
    name: str
    max_running: int | None
    max_queued: int | None
    priority: Priority
    models: list[str] | None = Field(description="The only models that it may use; null for all.")
    tokens_per_day: int | None
    admin: bool
    created: int = Field(description="Seconds since the epoch.")
    revoked: int | None = Field(description="When it was revoked; null while it is active.")


class CreatedKey(KeyObject):
    """A key that has just been created."""

    key: str = Field(description="The key itself. It is never shown again.")


class KeyList(BaseModel):
    """Keys, oldest first."""

    object: Literal["list"] = "list"
    data: list[KeyObject]


class RevokedKey(BaseModel):
    """A key that no longer counts."""

    object: Literal["key.revoked"] = "key.revoked"
    name: str
