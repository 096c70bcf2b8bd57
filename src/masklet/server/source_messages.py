"""What a page sends over the WebSocket of a live source.

First a `start` as JSON; then frames as bytes, little endian: u32 number (counts up), f64 seconds since the start, then
a JPEG to the end; between them commands as JSON.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from masklet.server.messages import BadCommand, Command, Coordinate, Frame, Name, Number, one_line, request_of

_HEADER = struct.Struct("<Id")


class Start(BaseModel):
    """The first message: the size of all frames, what the recording is to be called, and for which project it is."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    type: Literal["start"]
    width: Annotated[int, Field(ge=16, le=8192)]
    height: Annotated[int, Field(ge=16, le=8192)]
    name: Name
    project: Annotated[str, Field(min_length=1, max_length=64)] | None = None


class SourcePrompt(Command):
    """Clicks and a box on a frame, added to what the object has there; `object` null: a new one."""

    type: Literal["prompt"]
    frame: Frame
    object: Number | None = None
    points: list[tuple[Coordinate, Coordinate]] = Field(default=[], max_length=1000, strict=False)
    labels: list[Literal[0, 1]] = Field(default=[], max_length=1000)
    box: Annotated[list[Coordinate], Field(min_length=4, max_length=4)] | None = None


class SourceDelete(Command):
    type: Literal["object-delete"]
    object: Number


class Finish(Command):
    """The end: what was recorded is kept, or not."""

    type: Literal["finish"]
    keep: bool = True


SourceCommand = SourcePrompt | SourceDelete | Finish
_COMMANDS: TypeAdapter[SourceCommand] = TypeAdapter(Annotated[SourceCommand, Field(discriminator="type")])


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFrame:
    """A frame as it came: the page's number of it, seconds since the start, and the JPEG."""

    number: int
    seconds: float
    jpeg: bytes

    @classmethod
    def decode(cls, data: bytes) -> SourceFrame:
        """Raises BadCommand for what is no frame."""
        if len(data) <= _HEADER.size:
            raise BadCommand(f"a frame has more than {_HEADER.size} bytes, got {len(data)}", None)
        number, seconds = _HEADER.unpack_from(data)
        if not (math.isfinite(seconds) and seconds >= 0):
            raise BadCommand(f"a frame's time is seconds from 0, got {seconds}", None)
        return cls(number=number, seconds=seconds, jpeg=data[_HEADER.size :])


def parse_start(text: str | None) -> Start:
    """Raises BadCommand for anything but a `start`."""
    try:
        return Start.model_validate_json(text or "")
    except ValidationError as error:
        raise BadCommand(f"expected a start: {one_line(error)}", None) from None


def parse_source_command(text: str) -> SourceCommand:
    """Raises BadCommand for what is no command."""
    try:
        return _COMMANDS.validate_json(text)
    except ValidationError as error:
        raise BadCommand(one_line(error), request_of(text)) from None
