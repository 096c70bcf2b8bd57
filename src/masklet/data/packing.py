"""Data sets written as tar archives (see `masklet.data.tars` for what is in them)."""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from masklet.data.footage import Frame, MaskedClip, check_fit
from masklet.data.sequences import Mask
from masklet.data.tars import INDEX, scan, write_index
from masklet.masks.rle import Rle
from masklet.media import atomic_path


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """How a data set is packed.

    Attributes
    ----------
    samples: of one archive, at most.
    short_side: frames whose shorter side is longer are shrunk to it, in pixels; None: all stay as they are, and JPEG
        files are copied byte for byte.
    quality: of frames that have to be compressed, 1..100.

    Raises
    ------
    ValueError: a number out of its range.
    """

    samples: int = 1000
    short_side: int | None = None
    quality: int = 92

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise ValueError(f"an archive holds 1 or more samples, got {self.samples}")
        if self.short_side is not None and self.short_side < 16:
            raise ValueError(f"the short side is 16 pixels or more, got {self.short_side}")
        if not 1 <= self.quality <= 100:
            raise ValueError(f"JPEG quality is 1..100, got {self.quality}")


def pack(
    clips: Sequence[MaskedClip],
    folder: Path,
    packing: Packing | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Write clips and pictures as `shard-00000.tar` and so on with their index; each archive appears whole or not.

    Parameters
    ----------
    folder: made if missing; must not hold archives yet.
    progress: called with the samples written and those to write.

    Returns
    -------
    The archives.

    Raises
    ------
    ValueError: no clips, a folder with archives in it, or a clip that is not what its layout says.
    MediaError: something cannot be written.
    """
    packing = packing or Packing()
    if not clips:
        raise ValueError("nothing to pack: no clips and no pictures")
    folder.mkdir(parents=True, exist_ok=True)
    present = sorted(folder.glob("*.tar"))
    if present:
        raise ValueError(f"{folder}: holds archives already ({present[0].name}); choose another folder or remove them")
    shards: list[Path] = []
    for start in range(0, len(clips), packing.samples):
        path = folder / f"shard-{len(shards):05d}.tar"
        with atomic_path(path) as temporary, tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as archive:
            for number in range(start, min(start + packing.samples, len(clips))):
                _add(archive, clips[number], number, packing)
                if progress is not None:
                    progress(number + 1, len(clips))
        shards.append(path)
    (folder / INDEX).unlink(missing_ok=True)
    write_index(folder, {path.name: scan(path) for path in shards})
    return shards


def _add(archive: tarfile.TarFile, clip: MaskedClip, number: int, packing: Packing) -> None:
    slug = re.sub(r"[^A-Za-z0-9_-]+", "-", clip.name).strip("-")[-60:]
    key = f"{number:08d}-{slug}"  # without a dot: it ends the key
    still = len(clip) == 1
    rows: list[dict[int, Rle]] = []
    for place in range(len(clip)):
        frame = clip.frames([place])[0]
        found = clip.masks(place)
        row: dict[int, Rle] = {}
        for i in found:
            mask = found[i]
            check_fit(clip, frame, mask)
            if mask.any():
                row[i] = Rle.encode(_shrunk_mask(mask, packing))
        rows.append(row)
        stored = clip.jpeg(place)
        small = _shrunk(frame, packing)
        data = stored if stored is not None and small is frame else _compressed(small, packing.quality)
        height, width = small.shape[:2]
        _write(archive, f"{key}.jpg" if still else f"{key}.{place:05d}.jpg", data)
    value = _picture(clip.name, rows[0], height, width) if still else _video(clip.name, rows, height, width)
    _write(archive, f"{key}.json", json.dumps(value, separators=(",", ":")).encode())


def _picture(name: str, row: dict[int, Rle], height: int, width: int) -> dict[str, Any]:
    """What SA-1B says of a picture."""
    annotations = [{"id": i, "segmentation": rle.to_coco(), "area": rle.area} for i, rle in row.items()]
    return {"image": {"file_name": name, "height": height, "width": width}, "annotations": annotations}


def _video(name: str, rows: Sequence[dict[int, Rle]], height: int, width: int) -> dict[str, Any]:
    """What SA-V says of a video of which every frame is annotated."""
    ids = sorted({i for row in rows for i in row})
    empty = Rle.empty(height, width)
    return {
        "video_id": name,
        "video_frame_count": len(rows),
        "video_height": height,
        "video_width": width,
        "masklet_id": ids,
        "masklet": [[row.get(i, empty).to_coco() for i in ids] for row in rows],
    }


def _shrunk(frame: Frame, packing: Packing) -> Frame:
    size = _size(frame.shape[0], frame.shape[1], packing)
    if size is None:
        return frame
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)


def _shrunk_mask(mask: Mask, packing: Packing) -> Mask:
    size = _size(mask.shape[0], mask.shape[1], packing)
    if size is None:
        return mask
    return np.asarray(cv2.resize(mask.view(np.uint8) * 255, size, interpolation=cv2.INTER_AREA)) >= 128


def _size(height: int, width: int, packing: Packing) -> tuple[int, int] | None:
    """(width, height) to shrink to; None where the frame stays as it is."""
    if packing.short_side is None or min(height, width) <= packing.short_side:
        return None
    factor = packing.short_side / min(height, width)
    return max(1, round(width * factor)), max(1, round(height * factor))


def _compressed(frame: Frame, quality: int) -> bytes:
    done, data = cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return np.asarray(data, np.uint8).tobytes()


def _write(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    entry.mode = 0o644
    archive.addfile(entry, io.BytesIO(data))
