"""The words in which prompts are said on a command line and in a prompts file.

A point is `x,y` (positive) or `x,y,-` (negative), a box `x0,y0,x1,y1`, both in pixels of the picture. For video a
prompt also names its object and frame: `ID@FRAME:point=x,y`, `ID@FRAME:box=x0,y0,x1,y1`, `ID@FRAME:mask=file.png`;
parts may be joined with `;`. Prompts of one object on one frame combine into one `Prompt`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

EXAMPLE = '"1@0:point=420,240", "1@0:point=300,200,-" or "2@15:box=100,80,260,300"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """All that is said about one object on one frame."""

    object_id: int
    frame: int
    points: tuple[tuple[float, float], ...] = ()
    labels: tuple[int, ...] = ()  # 1 on the object, 0 beside it; as many as points
    box: tuple[float, float, float, float] | None = None  # x0, y0, x1, y1
    mask: str | None = None  # path of a picture of the object
    label: int | None = None  # value of the object's pixels in it; None: all that are not 0

    def merge(self, other: Prompt) -> Prompt:
        """Add what `other` says about the same object and frame.

        Raises:
            ValueError: two boxes or two masks, or a mask together with points or a box.
        """
        where = f"object {self.object_id} on frame {self.frame}"
        if self.box and other.box:
            raise ValueError(f"{where} has two boxes; expected at most one")
        if self.mask and other.mask:
            raise ValueError(f"{where} has two masks; expected at most one")
        merged = replace(
            self,
            points=self.points + other.points,
            labels=self.labels + other.labels,
            box=self.box or other.box,
            mask=self.mask or other.mask,
            label=self.label if self.mask else other.label,
        )
        if merged.mask and (merged.points or merged.box):
            raise ValueError(f"{where} has a mask and points or a box; expected one or the other")
        return merged

    def to_json(self) -> dict[str, Any]:
        """The record of a prompts file; `from_json` reads it back."""
        record: dict[str, Any] = {"object": self.object_id, "frame": self.frame}
        if self.points:
            record["points"] = [list(point) for point in self.points]
            record["labels"] = list(self.labels)
        if self.box:
            record["box"] = list(self.box)
        if self.mask:
            record["mask"] = self.mask
        if self.label is not None:
            record["label"] = self.label
        return record

    @classmethod
    def from_json(cls, record: object) -> Prompt:
        """Read a record with `object`, `frame`, and `points` (and `labels`), `box`, or `mask` (and `label`).

        Raises:
            ValueError: an unknown or missing field, or a value of the wrong form.
        """
        if not isinstance(record, Mapping):
            raise ValueError(f"expected a prompt such as {{'object': 1, 'frame': 0, 'box': [...]}}, not {record!r}")
        unknown = set(record) - {"object", "frame", "points", "labels", "box", "mask", "label"}
        if unknown:
            raise ValueError(f"prompt {record!r} has unknown fields {', '.join(sorted(map(str, unknown)))}")
        points = tuple(_point(point) for point in _sequence(record.get("points", ()), "points"))
        labels = tuple(_sequence(record.get("labels", [1] * len(points)), "labels"))
        if len(labels) != len(points) or any(type(label) is not int or label not in (0, 1) for label in labels):
            raise ValueError(f"prompt {record!r}: expected one label, 1 or 0, for each of its {len(points)} points")
        box, mask, label = record.get("box"), record.get("mask"), record.get("label")
        if mask is not None and not isinstance(mask, str):
            raise ValueError(f"prompt {record!r}: mask must be the path of a picture")
        prompt = cls(
            object_id=_count(record.get("object"), "object"),
            frame=_count(record.get("frame"), "frame"),
            points=points,
            labels=labels,
            box=None if box is None else _box(box),
            mask=mask,
            label=None if label is None else _count(label, "label"),
        )
        if not (prompt.points or prompt.box or prompt.mask):
            raise ValueError(f"prompt {record!r} says nothing: expected points, box or mask")
        return prompt.merge(Prompt(object_id=prompt.object_id, frame=prompt.frame))


def parse_point(text: str) -> tuple[tuple[float, float], int]:
    """`"420,240"` -> ((420.0, 240.0), 1); with `,-` behind it the label is 0.

    Raises:
        ValueError: anything else.
    """
    parts = [part.strip() for part in text.split(",")]
    label = 1
    if len(parts) == 3 and parts[2] in ("+", "-"):
        label = int(parts.pop() == "+")
    try:
        x, y = map(float, parts)
        if not (math.isfinite(x) and math.isfinite(y)):
            raise ValueError("not finite")
    except ValueError:
        raise ValueError(
            f"cannot read the point {text!r}: expected x,y or x,y,- such as 420,240 or 300,200,-"
        ) from None
    return (x, y), label


def parse_box(text: str) -> tuple[float, float, float, float]:
    """`"100,80,260,300"` -> (100.0, 80.0, 260.0, 300.0): left, top, right, bottom.

    Raises:
        ValueError: not four finite numbers.
    """
    try:
        x0, y0, x1, y1 = map(float, text.split(","))
        if not all(map(math.isfinite, (x0, y0, x1, y1))):
            raise ValueError("not finite")
    except ValueError:
        raise ValueError(f"cannot read the box {text!r}: expected x0,y0,x1,y1 such as 100,80,260,300") from None
    return x0, y0, x1, y1


def parse_prompt(text: str) -> Prompt:
    """Read one `--prompt`, `ID@FRAME:KIND=VALUE[;KIND=VALUE...]`.

    Raises:
        ValueError: with what was expected and an example.
    """
    head, colon, body = text.partition(":")
    number, at, frame = head.partition("@")
    if not (colon and at and number.strip().isdecimal() and frame.strip().isdecimal()):
        raise ValueError(f"cannot read the prompt {text!r}: expected ID@FRAME:KIND=VALUE such as {EXAMPLE}")
    prompt = Prompt(object_id=int(number), frame=int(frame))
    for part in body.split(";"):
        kind, _, value = (piece.strip() for piece in part.partition("="))
        if kind == "point":
            point, label = parse_point(value)
            said = replace(prompt, points=(point,), labels=(label,), box=None, mask=None)
        elif kind == "box":
            said = replace(prompt, points=(), labels=(), box=parse_box(value), mask=None)
        elif kind == "mask" and value:
            said = replace(prompt, points=(), labels=(), box=None, mask=value)
        else:
            raise ValueError(
                f"cannot read {part!r} of the prompt {text!r}: expected point=, box= or mask=, such as {EXAMPLE}"
            )
        prompt = prompt.merge(said)
    return prompt


def read_prompts(path: Path) -> list[Prompt]:
    """Read a prompts file: a JSON list of `Prompt.from_json` records. Mask paths are relative to the file.

    Raises:
        ValueError: not such a file. OSError: it cannot be read.
    """
    try:
        records = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no JSON file: {error}") from None
    if not isinstance(records, list):
        raise ValueError(f'{path}: expected a list such as [{{"object": 1, "frame": 0, "points": [[420, 240]]}}]')
    try:
        prompts = [Prompt.from_json(record) for record in records]
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return [replace(p, mask=str(path.parent / p.mask)) if p.mask else p for p in prompts]


def combine(prompts: Iterable[Prompt]) -> list[Prompt]:
    """One prompt for each object and frame, in order of frame, then object.

    Raises:
        ValueError: prompts that contradict each other (see `Prompt.merge`).
    """
    table: dict[tuple[int, int], Prompt] = {}
    for prompt in prompts:
        key = (prompt.frame, prompt.object_id)
        table[key] = table[key].merge(prompt) if key in table else prompt
    return [table[key] for key in sorted(table)]


def _sequence(value: object, name: str) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"{name} must be a list, not {value!r}")
    return list(value)


def _point(value: object) -> tuple[float, float]:
    x, y = _numbers(value, 2, "a point [x, y]")
    return x, y


def _box(value: object) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = _numbers(value, 4, "a box [x0, y0, x1, y1]")
    return x0, y0, x1, y1


def _numbers(value: object, count: int, name: str) -> list[float]:
    items: list[Any] = value if isinstance(value, list) else []
    finite = all(isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in items)
    if len(items) != count or not finite:
        raise ValueError(f"expected {name} of finite numbers, not {value!r}")
    return [float(v) for v in items]


def _count(value: object, name: str) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"a prompt's {name} must be a whole number from 0 up, not {value!r}")
    return value
