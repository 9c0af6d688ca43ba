"""Arguments of functions as Python's tools declare them. Pydantic writes their schemas."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AnyUrl, Base64Bytes, BaseModel, ConfigDict, Field, Json, PositiveInt, SecretStr


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str


class Folder(BaseModel):
    name: str
    folders: list[Folder] = []


class Search(BaseModel):
    """Sets, maps, choices and bounds."""

    tags: set[str]
    counts: dict[str, int]
    order: Literal["up", "down"] = "up"
    colour: Colour
    limit: Annotated[int, Field(ge=1, le=100)] = 10
    score: Annotated[float, Field(gt=0, lt=1)]
    pages: PositiveInt | None = None
    pair: tuple[int, str]
    more: tuple[int, ...] = ()


class Files(BaseModel):
    """Formats of strings."""

    path: Path
    data: bytes
    encoded: Base64Bytes
    secret: SecretStr
    address: IPv4Address
    link: AnyUrl
    parsed: Json[list[int]]


class Times(BaseModel):
    """Times and numbers."""

    at: datetime
    day: date
    hour: time
    lasts: timedelta
    id: UUID
    price: Decimal
    rounded: Annotated[Decimal, Field(max_digits=5, decimal_places=2)]


class Pets(BaseModel):
    """A union that a property tells apart."""

    pet: Annotated[Cat | Dog, Field(discriminator="kind")]
    others: list[Cat | Dog] = []
    anything: Any = None


class Tree(BaseModel):
    """A model that has itself as a part."""

    root: Folder


class Closed(BaseModel):
    """A model without other properties."""

    model_config = ConfigDict(extra="forbid")
    code: Annotated[str, Field(pattern=r"^[A-Z]{3}-\d+$", min_length=5, max_length=9)]
    frozen: frozenset[int] = frozenset()


MODELS: list[type[BaseModel]] = [Search, Files, Times, Pets, Tree, Folder, Closed]
