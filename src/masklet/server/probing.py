"""Looks at a file that may be anything, in a process of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from masklet.server.apart import Unfit, ask_apart
from masklet.server.settings import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a file holds: `kind` is "video", "images" or "image"."""

    kind: str
    width: int
    height: int
    frames: int
    fps: float


def probe_apart(path: Path, limits: Limits) -> Found:
    """Opens a file or folder in a child process, which also decodes the first frame.

    Raises
    ------
    Unfit
        It cannot be opened, takes more than the limits allow, or takes the child process down with it.
    """
    request = {"path": str(path), "frames": limits.frames, "pixels": limits.pixels}
    return Found(**ask_apart("masklet.server.probe_child", request, [path.parent], limits))


def check(found: Found, frames: int, pixels: int) -> None:
    """Raises Unfit for more frames or pixels than there may be."""
    if found.width * found.height > pixels:
        raise Unfit(f"frames may have {pixels} pixels, these have {found.width}x{found.height}")
    if found.frames > frames:
        raise Unfit(f"a video may have {frames} frames, this one has {found.frames}")
