"""`Masklet`: one object's masks over the frames of a video, the thing this software makes."""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from numpy.typing import NDArray

from masklet.masks.rle import Bbox, Mask, Rle, intersection, union

KNOWN_SCORE = 10.0
"""Object score of a mask that was given and not predicted: +10 where there is a mask, -10 where it is empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameMask:
    """One object's mask in one frame.

    Args:
        frame: index of the frame in its video, from 0.
        rle: the mask.
        score: object score as a logit; above 0 the model holds the object for visible.
        iou: the model's estimate of the mask's IoU with the truth, 0..1.
        visible: whether the object is in the frame.
        prompted: whether a prompt stands on this frame.

    Raises:
        ValueError: a negative frame, a score that is not finite, an IoU outside 0..1.
    """

    frame: int
    rle: Rle
    score: float
    iou: float
    visible: bool
    prompted: bool = False

    def __post_init__(self) -> None:
        if self.frame < 0:
            raise ValueError(f"frames count from 0, got {self.frame}")
        if not math.isfinite(self.score):
            raise ValueError(f"an object score is a finite number, got {self.score} at frame {self.frame}")
        if not 0.0 <= self.iou <= 1.0:
            raise ValueError(f"an IoU estimate lies in 0..1, got {self.iou} at frame {self.frame}")

    @classmethod
    def given(cls, frame: int, mask: NDArray[Any] | Rle) -> FrameMask:
        """A mask that is known rather than predicted: read from a file or drawn. IoU 1, score +10 or (empty) -10."""
        rle = mask if isinstance(mask, Rle) else Rle.encode(mask)
        visible = bool(rle)
        return cls(frame=frame, rle=rle, score=KNOWN_SCORE if visible else -KNOWN_SCORE, iou=1.0, visible=visible)


class Masklet:
    """One object's masks over frames, sorted by frame, all of one size.

    A frame that the masklet doesn't hold is one that nobody looked at; a frame in which the object was looked for and
    not found is held with `visible=False`.

    Args:
        object_id: the object's number in its video, 0 or more.
        height, width: of the frames in pixels.
        frames: the masks to start with, in any order.
        name: what the object is called, if anything.
        prompts: the prompts that made it, one JSON object each (stored, not interpreted).

    Raises:
        ValueError: a negative id, a size below 1, masks of another size, two masks for one frame.

    Example:
        >>> import numpy as np
        >>> cat = Masklet(1, 4, 6, name="cat")
        >>> cat.add(FrameMask.given(0, np.eye(4, 6)))
        >>> cat.area(0), cat.bbox(0), cat.first_seen
        (4, (0, 0, 4, 4), 0)
    """

    def __init__(
        self,
        object_id: int,
        height: int,
        width: int,
        frames: Iterable[FrameMask] = (),
        *,
        name: str | None = None,
        prompts: Iterable[Mapping[str, Any]] = (),
    ) -> None:
        if object_id < 0:
            raise ValueError(f"an object id is 0 or more, got {object_id}")
        if height < 1 or width < 1:
            raise ValueError(f"frames have at least 1x1 pixels, got {height}x{width}")
        self.object_id = object_id
        self.height = height
        self.width = width
        self.name = name
        self.prompts: tuple[dict[str, Any], ...] = tuple(dict(prompt) for prompt in prompts)
        self._records: dict[int, FrameMask] = {}
        self._order: list[int] = []
        for record in frames:
            self.add(record)

    @classmethod
    def from_masks(cls, object_id: int, masks: Mapping[int, NDArray[Any] | Rle], *, name: str | None = None) -> Masklet:
        """A masklet of known masks: frame index -> HxW mask (bool, or 0 and 1) or Rle; at least one."""
        records = [FrameMask.given(frame, mask) for frame, mask in masks.items()]
        if not records:
            raise ValueError("expected at least one mask, got none")
        return cls(object_id, records[0].rle.height, records[0].rle.width, records, name=name)

    def add(self, record: FrameMask, *, replace: bool = False) -> None:
        """Add one frame's mask.

        Raises:
            ValueError: a mask of another size, or (unless `replace`) a frame that is already there.
        """
        if (record.rle.height, record.rle.width) != (self.height, self.width):
            raise ValueError(
                f"object {self.object_id}: expected a mask of {self.height}x{self.width} (height x width) at frame "
                f"{record.frame}, got {record.rle.height}x{record.rle.width}"
            )
        if record.frame not in self._records:
            insort(self._order, record.frame)
        elif not replace:
            raise ValueError(f"object {self.object_id} already has a mask at frame {record.frame}")
        self._records[record.frame] = record

    def discard(self, frame: int) -> None:
        """Forget the mask of a frame, if there is one."""
        if self._records.pop(frame, None) is not None:
            self._order.remove(frame)

    @property
    def frames(self) -> tuple[int, ...]:
        """Indices of the frames that have a mask, ascending."""
        return tuple(self._order)

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[FrameMask]:
        """The masks in the order of their frames."""
        return (self._records[frame] for frame in self._order)

    def __contains__(self, frame: object) -> bool:
        return frame in self._records

    def __getitem__(self, frame: int) -> FrameMask:
        """The record of a frame. Raises KeyError where there is none."""
        try:
            return self._records[frame]
        except KeyError:
            raise KeyError(f"object {self.object_id} has no mask at frame {frame}") from None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Masklet):
            return NotImplemented
        return self.to_json() == other.to_json()

    __hash__ = None  # pyright: ignore[reportAssignmentType]  # as Python itself says it: mutable, so not hashable

    def __repr__(self) -> str:
        span = f"{self._order[0]}..{self._order[-1]}" if self._order else "none"
        name = "" if self.name is None else f", name={self.name!r}"
        return f"Masklet({self.object_id}, {self.height}x{self.width}, {len(self)} frames: {span}{name})"

    def get(self, frame: int) -> FrameMask | None:
        """The record of a frame, or None."""
        return self._records.get(frame)

    def mask(self, frame: int) -> Mask:
        """HxW bool mask of a frame; KeyError where there is none."""
        return self[frame].rle.decode()

    def area(self, frame: int) -> int:
        """Foreground pixels in a frame; KeyError where it has no mask."""
        return self[frame].rle.area

    def bbox(self, frame: int) -> Bbox | None:
        """(x0, y0, x1, y1), ends exclusive; None where the mask is empty, KeyError where there is none."""
        return self[frame].rle.bbox

    @property
    def visibility(self) -> dict[int, bool]:
        """Frame -> whether the object is visible there."""
        return {record.frame: record.visible for record in self}

    @property
    def first_seen(self) -> int | None:
        """The first frame in which the object is visible, or None."""
        return next((record.frame for record in self if record.visible), None)

    @property
    def last_seen(self) -> int | None:
        """The last frame in which the object is visible, or None."""
        return next((frame for frame in reversed(self._order) if self._records[frame].visible), None)

    def union(self, other: Masklet) -> Masklet:
        """This masklet with the masks of `other` added; a frame that only one of them has is taken from it.

        Where both have a frame: the better object score and the lower IoU estimate. Id, name and prompts stay.
        """
        self._check_same_size(other)
        records = list(self)
        for i, mine in enumerate(records):
            theirs = other.get(mine.frame)
            if theirs is not None:
                records[i] = replace(
                    mine,
                    rle=union((mine.rle, theirs.rle)),
                    score=max(mine.score, theirs.score),
                    iou=min(mine.iou, theirs.iou),
                    visible=mine.visible or theirs.visible,
                    prompted=mine.prompted or theirs.prompted,
                )
        records += [record for record in other if record.frame not in self]
        return Masklet(self.object_id, self.height, self.width, records, name=self.name, prompts=self.prompts)

    def intersection(self, other: Masklet) -> Masklet:
        """What is in both masklets, on the frames that both have. Id, name and prompts stay.

        The lower object score and IoU estimate; visible where both are and something is left.
        """
        self._check_same_size(other)
        records: list[FrameMask] = []
        for mine in self:
            theirs = other.get(mine.frame)
            if theirs is None:
                continue
            rle = intersection((mine.rle, theirs.rle))
            records.append(
                replace(
                    mine,
                    rle=rle,
                    score=min(mine.score, theirs.score),
                    iou=min(mine.iou, theirs.iou),
                    visible=mine.visible and theirs.visible and bool(rle),
                    prompted=mine.prompted or theirs.prompted,
                )
            )
        return Masklet(self.object_id, self.height, self.width, records, name=self.name, prompts=self.prompts)

    def _check_same_size(self, other: Masklet) -> None:
        if (self.height, self.width) != (other.height, other.width):
            raise ValueError(
                f"masklets have one size, got {self.height}x{self.width} and {other.height}x{other.width} "
                "(height x width)"
            )

    def to_json(self) -> dict[str, Any]:
        """A JSON object that `from_json` reads back without loss."""
        return {
            "object_id": self.object_id,
            "name": self.name,
            "height": self.height,
            "width": self.width,
            "prompts": [dict(prompt) for prompt in self.prompts],
            "frames": [
                {
                    "frame": record.frame,
                    "counts": record.rle.counts.decode("ascii"),
                    "score": record.score,
                    "iou": record.iou,
                    "visible": record.visible,
                    "prompted": record.prompted,
                }
                for record in self
            ],
        }

    @classmethod
    def from_json(cls, obj: object) -> Masklet:
        """Read what `to_json` wrote.

        Raises:
            ValueError: missing or unknown keys, values of another type, or anything that the masklet itself refuses.
        """
        fields = _fields(obj, _MASKLET_KEYS, "a masklet")
        height, width = fields["height"], fields["width"]
        name = fields["name"]
        if name is not None and not isinstance(name, str):
            raise ValueError(f"a masklet's name is a string or null, got {name!r}")
        records: list[FrameMask] = []
        for item in fields["frames"]:
            frame = _fields(item, _FRAME_KEYS, "a masklet's frame")
            rle = Rle.from_coco({"size": [height, width], "counts": frame["counts"]})
            records.append(
                FrameMask(
                    frame=frame["frame"],
                    rle=rle,
                    score=float(frame["score"]),
                    iou=float(frame["iou"]),
                    visible=frame["visible"],
                    prompted=frame["prompted"],
                )
            )
        prompts = [_fields(prompt, None, "a prompt") for prompt in fields["prompts"]]
        return cls(fields["object_id"], height, width, records, name=name, prompts=prompts)


_NUMBER = (int, float)
_MASKLET_KEYS: dict[str, tuple[type, ...]] = {
    "object_id": (int,),
    "name": (str, type(None)),
    "height": (int,),
    "width": (int,),
    "prompts": (list,),
    "frames": (list,),
}
_FRAME_KEYS: dict[str, tuple[type, ...]] = {
    "frame": (int,),
    "counts": (str,),
    "score": _NUMBER,
    "iou": _NUMBER,
    "visible": (bool,),
    "prompted": (bool,),
}


def _fields(obj: object, keys: Mapping[str, tuple[type, ...]] | None, what: str) -> dict[str, Any]:
    """`obj` as a dict with exactly `keys` of the given types (any keys for None)."""
    if not isinstance(obj, dict):
        raise ValueError(f"{what} is a JSON object, got {type(obj).__name__}")
    fields = cast("dict[str, Any]", obj)
    if keys is None:
        return fields
    if set(fields) != set(keys):
        missing, unknown = sorted(set(keys) - set(fields)), sorted(set(fields) - set(keys))
        raise ValueError(f"{what}: missing keys {missing}, unknown keys {unknown}")
    for key, types in keys.items():
        value = fields[key]
        # bool is an int to isinstance; a true where a number belongs is a mistake.
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            expected = " or ".join(t.__name__ for t in types)
            raise ValueError(f"{what}: expected {key} as {expected}, got {value!r}")
    return fields
