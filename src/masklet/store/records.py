"""The values that go into the store and come out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Self

from masklet.masks import FrameMask, Rle
from masklet.masks.palette import object_colour

Key = tuple[int, int]
"""Object and frame."""

LOCAL_PROJECT = "local"
"""The project of what was added without a login, by whoever sits at the machine."""


class Conflict(ValueError):
    """Somebody else changed the media since its state was read; nothing was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """A video, a picture or a folder of pictures that is worked on.

    `id` is opaque; `path` is where the file is, `uploaded` whether it belongs to the app; times are UTC. `project_id`
    says to which project it belongs, `added_by` which user brought it (None: nobody who still is one); `size` is that
    of an uploaded file in bytes, as far as it counts for a user.
    """

    id: str
    name: str
    kind: str
    path: str
    uploaded: bool
    width: int
    height: int
    frames: int
    fps: float
    created: datetime
    changed: datetime
    project_id: str = LOCAL_PROJECT
    added_by: int | None = None
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody with a token; `name` is unique."""

    id: int
    name: str
    created: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """Media that its members share; `owner` and `members` (the owner among them) are names of users."""

    id: str
    name: str
    owner: str | None
    members: tuple[str, ...]
    created: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectRecord:
    """An object as an edit left it; not `present` means that the edit took it away."""

    object: int
    name: str
    colour: str
    hidden: bool = False
    locked: bool = False
    present: bool = True

    @classmethod
    def new(cls, number: int, name: str | None = None, colour: str | None = None) -> Self:
        """As it begins, with a name and a colour (#rrggbb) of its number where none is given."""
        own = "#{:02x}{:02x}{:02x}".format(*object_colour(number))
        return cls(object=number, name=name or f"Object {number}", colour=(colour or own).lower())


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptRecord:
    """An object's whole prompt on a frame, as a JSON object; None: an edit took it away."""

    object: int
    frame: int
    prompt: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskRecord:
    """An object's mask on a frame; None: an edit took it away. `edited`: drawn, chosen or merged by hand."""

    object: int
    frame: int
    mask: FrameMask | None
    edited: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What an edit changes: every entry is the new value of its object, or of its object and frame.

    `effects` are all effects in their order, as JSON objects; None: they stay.
    """

    objects: tuple[ObjectRecord, ...] = ()
    prompts: tuple[PromptRecord, ...] = ()
    masks: tuple[MaskRecord, ...] = ()
    effects: tuple[Mapping[str, Any], ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One edit: what it was and on which revision it builds (None: on the media as it came)."""

    id: int
    parent: int | None
    kind: str
    author: str
    created: datetime
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """An edit (`revision`) was taken back, or made again: by whom, and when."""

    id: int
    kind: Literal["undo", "redo"]
    revision: int
    author: str
    created: datetime


@dataclass(frozen=True, slots=True)
class MaskEntry:
    """What is known of a stored mask without its run lengths, which `Store.masks` reads by `row`."""

    row: int
    score: float
    iou: float
    visible: bool
    prompted: bool
    edited: bool

    def with_runs(self, frame: int, rle: Rle) -> FrameMask:
        return FrameMask(
            frame=frame, rle=rle, score=self.score, iou=self.iou, visible=self.visible, prompted=self.prompted
        )


@dataclass(frozen=True, slots=True)
class EffectsEntry:
    """Which effects hold: `Store.effects` reads them by `row`. None: there never were any."""

    row: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """How the state differs after an edit, an undo or a redo: the new values, None where there is nothing any more.

    `revision` is the edit that was made, taken back or made again; `head` the one that the media now stands at.
    `effects` is None where it did not touch them.
    """

    revision: Revision
    head: int | None
    can_undo: bool
    can_redo: bool
    objects: Mapping[int, ObjectRecord | None] = field(default_factory=dict)
    prompts: Mapping[Key, Mapping[str, Any] | None] = field(default_factory=dict)
    masks: Mapping[Key, MaskEntry | None] = field(default_factory=dict)
    effects: EffectsEntry | None = None


@dataclass(slots=True, kw_only=True)
class State:
    """A media at one revision: its objects by number, prompts and masks by object and frame, its effects."""

    head: int | None = None
    can_undo: bool = False
    can_redo: bool = False
    objects: dict[int, ObjectRecord] = field(default_factory=dict)
    prompts: dict[int, dict[int, Mapping[str, Any]]] = field(default_factory=dict)
    masks: dict[int, dict[int, MaskEntry]] = field(default_factory=dict)
    effects: EffectsEntry = EffectsEntry(None)

    def apply(self, applied: Applied) -> None:
        """Follows an edit, an undo or a redo; `objects` is replaced, for threads that go through the old one."""
        self.head, self.can_undo, self.can_redo = applied.head, applied.can_undo, applied.can_redo
        after = self.objects | dict(applied.objects)
        self.objects = {number: record for number, record in after.items() if record is not None and record.present}
        _follow(self.prompts, applied.prompts)
        _follow(self.masks, applied.masks)
        if applied.effects is not None:
            self.effects = applied.effects


def _follow(table: dict[int, dict[int, Any]], changes: Mapping[Key, Any]) -> None:
    for (number, frame), value in changes.items():
        if value is not None:
            table.setdefault(number, {})[frame] = value
        elif number in table:
            table[number].pop(frame, None)
            if not table[number]:
                del table[number]
