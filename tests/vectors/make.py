"""Writes the vectors that Python and the page's TypeScript are both tested against: `python tests/vectors/make.py`.

rle.json: masks as runs down the columns (background first) beside their compressed COCO counts.
messages.json: mask messages of the WebSocket as hexadecimal bytes beside what they say.
effects.json: the kinds of effects, their parameters, the parameters' defaults and ranges.
"""

from __future__ import annotations

import json
from dataclasses import MISSING, asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from masklet.export.effects import KINDS, parameters
from masklet.masks import FrameMask, Rle
from masklet.server.messages import Kind, MaskMessage

HERE = Path(__file__).parent


def masks() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    pixel = np.zeros((5, 4), bool)
    pixel[2, 1] = True
    square = np.zeros((48, 64), bool)
    square[10:26, 20:50] = True
    columns = np.zeros((3, 5), bool)
    columns[:, 1:3] = True
    rows, across = np.mgrid[0:720, 0:1280]
    disc = (rows - 300) ** 2 + (across - 700) ** 2 < 250**2
    return {
        "empty": np.zeros((3, 7), bool),
        "full": np.ones((3, 7), bool),
        "one pixel": pixel,
        "first pixel": np.eye(1, 6, dtype=bool),
        "last pixel": np.eye(1, 6, 5, dtype=bool),
        "whole columns": columns,
        "checkerboard": np.indices((6, 5)).sum(axis=0) % 2 == 1,
        "square": square,
        "noise": random.random((17, 23)) < 0.3,
        "disc at 720p": disc,
        "empty at 4K": np.zeros((2160, 3840), bool),
    }


def rle_vectors() -> list[dict[str, Any]]:
    found = []
    for name, mask in masks().items():
        rle = Rle.encode(mask)
        found.append(
            {
                "name": name,
                "height": rle.height,
                "width": rle.width,
                "runs": rle.runs().tolist(),
                "area": rle.area,
                "counts": rle.counts.decode("ascii"),
            }
        )
    return found


def message_vectors() -> list[dict[str, Any]]:
    square = Rle.encode(masks()["square"])
    empty = Rle.empty(720, 1280)
    # Scores and IoUs are numbers that 32 bits hold exactly.
    messages = [
        MaskMessage(kind=Kind.STORED, object=1, number=7, mask=_mask(3, square, 5.25, 0.875, prompted=True)),
        MaskMessage(kind=Kind.STORED, object=65535, number=2**32 - 1, mask=_mask(2**32 - 1, empty, -10.0, 0.0)),
        MaskMessage(kind=Kind.STORED, object=2, number=300, mask=_mask(70000, square, 10.0, 1.0), edited=True),
        MaskMessage(kind=Kind.PREVIEW, object=0, number=12, mask=_mask(0, square, 0.5, 0.75)),
        MaskMessage(kind=Kind.CANDIDATE, object=4, number=13, mask=_mask(131, square, -0.125, 0.0625, prompted=True)),
    ]
    found = []
    for message in messages:
        mask = message.mask
        found.append(
            {
                "bytes": message.encode().hex(),
                "kind": int(message.kind),
                "object": message.object,
                "frame": mask.frame,
                "number": message.number,
                "visible": mask.visible,
                "prompted": mask.prompted,
                "edited": message.edited,
                "score": mask.score,
                "iou": mask.iou,
                "height": mask.rle.height,
                "width": mask.rle.width,
                "counts": mask.rle.counts.decode("ascii"),
            }
        )
    return found


def effect_vectors() -> list[dict[str, Any]]:
    found = []
    for kind, effect in KINDS.items():
        defaults = {entry.name: entry.default for entry in fields(effect) if entry.default is not MISSING}
        listed = {
            name: {"type": type(parameter).__name__, "default": defaults.get(name), **asdict(parameter)}
            for name, parameter in parameters(effect).items()
        }
        found.append({"kind": kind, "parameters": listed})
    return found


def files() -> dict[str, str]:
    """Name and content of every file."""
    vectors = {"rle.json": rle_vectors(), "messages.json": message_vectors(), "effects.json": effect_vectors()}
    return {
        name: "[\n" + ",\n".join(json.dumps(vector, separators=(",", ":")) for vector in found) + "\n]\n"
        for name, found in vectors.items()
    }


def _mask(frame: int, rle: Rle, score: float, iou: float, *, prompted: bool = False) -> FrameMask:
    return FrameMask(frame=frame, rle=rle, score=score, iou=iou, visible=score > 0, prompted=prompted)


if __name__ == "__main__":
    for name, content in files().items():
        (HERE / name).write_text(content, encoding="utf-8")
