"""The job of `masklet.server.imports`: any file of masks becomes masklet's own JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from masklet.export import write_masklet_json
from masklet.export.info import VideoInfo
from masklet.server.apart import answer
from masklet.server.mask_files import MaskFile, read_masks


def convert(
    path: str, name: str, scratch: str, target: str, video: dict[str, Any], frame: int, most_bytes: int
) -> dict[str, Any]:
    """Reads the masks at `path` and writes them to `target`. Raises ValueError for what doesn't fit the video."""
    info = VideoInfo.from_json(video)
    found = read_masks(MaskFile(path=Path(path), name=name), info, Path(scratch), frame=frame, most_bytes=most_bytes)
    write_masklet_json(target, found, info)
    return {"objects": len(found)}


if __name__ == "__main__":
    answer(convert)
