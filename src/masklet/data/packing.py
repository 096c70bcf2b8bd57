"""Data sets written as tar archives (see `masklet.data.tars` for what is in them)."""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from masklet.data.footage import Footage, Frame, MaskedClip, check_fit
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
    *,
    unlabelled: Sequence[Footage] = (),
) -> list[Path]:
    """Write clips and pictures as `shard-00000.tar` and so on with their index; each archive appears whole or not.

    Parameters
    ----------
    folder: made if missing; must not hold archives yet.
    progress: called with the samples written and those to write.
    unlabelled: pictures without masks, which get archives of their own, behind the others.

    Returns
    -------
    The archives.

    Raises
    ------
    ValueError: no clips, a folder with archives in it, or a clip that is not what its layout says.
    MediaError: something cannot be written.
    """
    packing = packing or Packing()
    total = len(clips) + len(unlabelled)
    if not total:
        raise ValueError("nothing to pack: no clips and no pictures")
    folder.mkdir(parents=True, exist_ok=True)
    present = sorted(folder.glob("*.tar"))
    if present:
        raise ValueError(f"{folder}: holds archives already ({present[0].name}); choose another folder or remove them")
    shards: list[Path] = []
    starts = (*range(0, len(clips), packing.samples), *range(len(clips), total, packing.samples))
    for start, end in pairwise((*starts, total)):
        path = folder / f"shard-{len(shards):05d}.tar"
        with atomic_path(path) as temporary, tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as archive:
            for number in range(start, end):
                if number < len(clips):
                    _add_clip(archive, clips[number], number, packing)
                else:
                    picture = unlabelled[number - len(clips)]
                    name = f"{_key(picture, number)}.jpg"
                    _add_frame(archive, name, picture.frames([0])[0], picture.jpeg(0), packing)
                if progress is not None:
                    progress(number + 1, total)
        shards.append(path)
    (folder / INDEX).unlink(missing_ok=True)
    write_index(folder, {path.name: scan(path) for path in shards})
    return shards


def _key(footage: Footage, number: int) -> str:
    slug = re.sub(r"[^A-Za-z0-9_-]+", "-", footage.name).strip("-")[-60:]
    return f"{number:08d}-{slug}"  # without a dot: it ends the key


def _add_clip(archive: tarfile.TarFile, clip: MaskedClip, number: int, packing: Packing) -> None:
    key = _key(clip, number)
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
        height, width = _add_frame(
            archive, f"{key}.jpg" if still else f"{key}.{place:05d}.jpg", frame, clip.jpeg(place), packing
        )
    value = _picture(clip.name, rows[0], height, width) if still else _video(clip.name, rows, height, width)
    _write(archive, f"{key}.json", json.dumps(value, separators=(",", ":")).encode())


def _add_frame(
    archive: tarfile.TarFile, name: str, frame: Frame, stored: bytes | None, packing: Packing
) -> tuple[int, int]:
    """Write a frame, as it is `stored` where it need not change; returns its height and width there."""
    small = _shrunk(frame, packing)
    data = stored if stored is not None and small is frame else _compressed(small, packing.quality)
    _write(archive, name, data)
    return small.shape[0], small.shape[1]


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
