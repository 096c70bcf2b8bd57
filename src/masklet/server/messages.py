"""What goes over the WebSocket: commands of the page as values, and masks as bytes.

A mask message is little endian: u8 kind, u8 flags, u16 object, u32 frame, u32 number (the sequence of a stored mask,
the request that a preview or candidate answers), f32 object score, f32 predicted IoU, u16 height, u16 width, then the
COCO run lengths (ASCII) to the end.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from masklet.export.effects import MOST_EFFECTS
from masklet.masks import FrameMask, Rle

_HEADER = struct.Struct("<BBHIIffHH")
_MOST_COUNTS = 8 * 2**20


class Kind(IntEnum):
    """What a mask message is."""

    STORED = 1
    PREVIEW = 2
    CANDIDATE = 3


class Flags(IntFlag):
    """What a mask message says of its mask."""

    VISIBLE = 1
    PROMPTED = 2
    EDITED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskMessage:
    """One mask on its way to the page; `number` is a sequence (stored) or a request (preview, candidate)."""

    kind: Kind
    object: int
    number: int
    mask: FrameMask
    edited: bool = False

    def encode(self) -> bytes:
        mask = self.mask
        flags = Flags.VISIBLE * mask.visible | Flags.PROMPTED * mask.prompted | Flags.EDITED * self.edited
        rle = mask.rle
        header = _HEADER.pack(
            self.kind, flags, self.object, mask.frame, self.number, mask.score, mask.iou, rle.height, rle.width
        )
        return header + rle.counts

    @classmethod
    def decode(cls, data: bytes) -> MaskMessage:
        """Reads what `encode` wrote. Raises ValueError for anything else."""
        if len(data) < _HEADER.size:
            raise ValueError(f"a mask message has at least {_HEADER.size} bytes, got {len(data)}")
        kind, flags, thing, frame, number, score, iou, height, width = _HEADER.unpack_from(data)
        rle = Rle(height, width, data[_HEADER.size :])
        mask = FrameMask(
            frame=frame,
            rle=rle,
            score=score,
            iou=iou,
            visible=bool(flags & Flags.VISIBLE),
            prompted=bool(flags & Flags.PROMPTED),
        )
        return cls(kind=Kind(kind), object=thing, number=number, mask=mask, edited=bool(flags & Flags.EDITED))


# -- commands ---------------------------------------------------------------------------------------------------------

Frame = Annotated[int, Field(ge=0, lt=2**32)]
Number = Annotated[int, Field(ge=1, lt=2**16)]
Coordinate = Annotated[float, Field(allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Colour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]
Numbers = Annotated[list[Number], Field(min_length=1, max_length=1000)]


class Command(BaseModel):
    """What every command has: the number by which the page knows the answer."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    request: Annotated[int, Field(ge=1, lt=2**32)]


class ObjectAdd(Command):
    type: Literal["object-add"]
    name: Name | None = None
    colour: Colour | None = None


class ObjectChange(Command):
    type: Literal["object-change"]
    object: Number
    name: Name | None = None
    colour: Colour | None = None
    hidden: bool | None = None
    locked: bool | None = None


class ObjectDelete(Command):
    type: Literal["object-delete"]
    object: Number


class ObjectMerge(Command):
    type: Literal["object-merge"]
    objects: Annotated[list[Number], Field(min_length=2, max_length=1000)]
    into: Number


class PromptCommand(Command):
    """Of an object, or (null) of a new one."""

    type: Literal["prompt"]
    frame: Frame
    object: Number | None
    points: Annotated[list[tuple[Coordinate, Coordinate]], Field(max_length=1000, strict=False)] = []
    labels: Annotated[list[Literal[0, 1]], Field(max_length=1000)] = []
    box: Annotated[list[Coordinate], Field(min_length=4, max_length=4)] | None = None
    fresh: bool = False


class MaskCommand(Command):
    """Of an object, or (null) of a new one."""

    type: Literal["mask"]
    frame: Frame
    object: Number | None
    counts: Annotated[str, Field(max_length=_MOST_COUNTS)]


class Candidates(Command):
    type: Literal["candidates"]
    frame: Frame
    object: Number


class Choose(Command):
    type: Literal["choose"]
    frame: Frame
    object: Number
    candidate: Annotated[int, Field(ge=0, le=2)]


class Preview(Command):
    type: Literal["preview"]
    frame: Frame
    x: Coordinate
    y: Coordinate


class Clear(Command):
    """Of `frame`, of frames `start` .. `stop` - 1, or of all; of one object, or of all that are not locked."""

    type: Literal["clear"]
    frame: Frame | None = None
    start: Frame | None = None
    stop: Frame | None = None
    object: Number | None = None

    @model_validator(mode="after")
    def _means_some_frames(self) -> Self:
        if (self.start is None) != (self.stop is None) or (self.frame is not None and self.start is not None):
            raise ValueError("expected a frame, or start and stop, or neither")
        return self


class EffectsCommand(Command):
    """All effects, in place of those before. Commands with the same `gesture`, one after the other, are one edit."""

    type: Literal["effects"]
    effects: Annotated[list[dict[str, Any]], Field(max_length=MOST_EFFECTS)]
    gesture: Annotated[str, Field(min_length=1, max_length=64)] | None = None


class Track(Command):
    type: Literal["track"]
    direction: Literal["forward", "backward", "both"]
    start: Frame
    stop: Annotated[int, Field(ge=-1, lt=2**32)] | None = None
    objects: Numbers | None = None


class Stop(Command):
    type: Literal["stop"]
    job: int


class Masks(Command):
    type: Literal["masks"]
    start: Frame
    stop: Frame


class Cursor(Command):
    type: Literal["cursor"]
    frame: Frame


class Undo(Command):
    type: Literal["undo"]


class Redo(Command):
    type: Literal["redo"]


class Ack(BaseModel):
    """The page has received all masks up to a sequence; it has no answer, so its request may be left out."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    type: Literal["ack"]
    sequence: Annotated[int, Field(ge=0)]
    request: int | None = None


AnyCommand = (
    ObjectAdd | ObjectChange | ObjectDelete | ObjectMerge | PromptCommand | MaskCommand | Candidates | Choose
    | Preview | Clear | EffectsCommand | Track | Stop | Masks | Cursor | Undo | Redo | Ack
)  # fmt: skip
_COMMANDS: TypeAdapter[AnyCommand] = TypeAdapter(Annotated[AnyCommand, Field(discriminator="type")])


class BadCommand(ValueError):
    """A message that is no command; `request` is its number where that could be read."""

    def __init__(self, message: str, request: int | None) -> None:
        super().__init__(message)
        self.request = request


def parse_command(text: str) -> AnyCommand:
    """A command from the JSON of one message. Raises BadCommand for anything else."""
    try:
        return _COMMANDS.validate_json(text)
    except ValidationError as error:
        raise BadCommand(one_line(error), request_of(text)) from None


def one_line(error: ValidationError) -> str:
    """The first thing that pydantic found wrong, and where."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"][1:])
    return f"{place}: {first['msg']}" if place else str(first["msg"])


class _Numbered(BaseModel):
    request: Annotated[int, Field(ge=1, lt=2**32, strict=True)]


def request_of(text: str) -> int | None:
    """The number of a message, where that can be read."""
    try:
        return _Numbered.model_validate_json(text).request
    except ValidationError:
        return None
