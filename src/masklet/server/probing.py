"""Looks at a file that may be anything, in a process of its own with limits on time and memory."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from masklet.server.settings import Limits


class Unfit(ValueError):
    """A file that is no media, or more than the limits allow."""


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
    request = json.dumps(
        {
            "path": str(path),
            "frames": limits.frames,
            "pixels": limits.pixels,
            "seconds": limits.probe_seconds,
            "bytes": limits.probe_bytes,
        }
    )
    try:
        done = subprocess.run(
            [sys.executable, "-m", "masklet.server.probe_child"],
            input=request,
            capture_output=True,
            text=True,
            timeout=limits.probe_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unfit(f"it takes more than {limits.probe_seconds:g} s to find out what the file is") from None
    try:
        answer = json.loads(done.stdout)
    except json.JSONDecodeError:
        raise Unfit("the file cannot be opened: its decoder failed or ran out of memory") from None
    if "error" in answer:
        raise Unfit(answer["error"])
    return Found(**answer)


def check(found: Found, frames: int, pixels: int) -> None:
    """Raises Unfit for more frames or pixels than there may be."""
    if found.width * found.height > pixels:
        raise Unfit(f"frames may have {pixels} pixels, these have {found.width}x{found.height}")
    if found.frames > frames:
        raise Unfit(f"a video may have {frames} frames, this one has {found.frames}")


def as_json(found: Found) -> str:
    return json.dumps(asdict(found))
