"""The job of `masklet.server.probing`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from masklet.media import open_clip, probe
from masklet.server.apart import answer
from masklet.server.probing import Found, check


def look(path: str, frames: int, pixels: int) -> dict[str, Any]:
    """What the file at `path` holds. Raises MediaError and Unfit."""
    info = probe(path)
    found = Found(kind=info.kind, width=info.width, height=info.height, frames=info.frames, fps=info.fps)
    check(found, frames, pixels)
    with open_clip(path) as clip:
        clip[0]
    return asdict(found)


if __name__ == "__main__":
    answer(look)
