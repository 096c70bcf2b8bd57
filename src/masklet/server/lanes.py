"""The swim lane of an object: where it is present, absent or in doubt, prompted or edited."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from masklet.store import MaskEntry

UNSURE_IOU = 0.7
UNSURE_SCORE = 1.0


def presence(entry: MaskEntry) -> str:
    """ "unsure" where the predicted IoU is below 0.7 or the object score within 1 of 0; else "present" or "absent"."""
    if abs(entry.score) < UNSURE_SCORE or (entry.visible and entry.iou < UNSURE_IOU):
        return "unsure"
    return "present" if entry.visible else "absent"


def lane(masks: Mapping[int, MaskEntry], prompts: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    """An object's lane from its masks and stored prompts by frame: prompted and edited frames, runs
    [first, last, presence], and the clicks and boxes by frame (drawn masks are no marks to show)."""
    runs: list[list[Any]] = []
    prompted: list[int] = []
    edited: list[int] = []
    for frame in sorted(masks):
        entry = masks[frame]
        if entry.prompted:
            prompted.append(frame)
        if entry.edited:
            edited.append(frame)
        what = presence(entry)
        if runs and runs[-1][1] == frame - 1 and runs[-1][2] == what:
            runs[-1][1] = frame
        else:
            runs.append([frame, frame, what])
    marks = {
        str(frame): {"points": prompt.get("points", []), "labels": prompt.get("labels", []), "box": prompt.get("box")}
        for frame, prompt in sorted(prompts.items())
        if "points" in prompt or "box" in prompt
    }
    return {"prompted": prompted, "edited": edited, "runs": runs, "prompts": marks}


def spans(frames: list[int]) -> list[list[int]]:
    """Frames as runs [first, last]."""
    found: list[list[int]] = []
    for frame in sorted(frames):
        if found and found[-1][1] == frame - 1:
            found[-1][1] = frame
        else:
            found.append([frame, frame])
    return found
