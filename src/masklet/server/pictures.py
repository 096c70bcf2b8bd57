"""Frames as JPEG."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from masklet.media import Clip, write_bytes
from masklet.media.clip import Frame

MOST_HEIGHT = 4320
MOST_STRIP = 64


def frame_jpeg(picture: Frame, height: int | None) -> bytes:
    """A frame, at its full size or shrunk to a height in pixels."""
    return _encoded(_shrunk(picture, height), 90)


def strip_jpeg(clip: Clip, count: int, height: int, folder: Path, media_id: str) -> bytes:
    """`count` frames spread evenly from the first to the last, side by side; kept in the folder for the next time."""
    kept = folder / f"{media_id}-{count}-{height}.jpg"
    if kept.is_file():
        return kept.read_bytes()
    chosen = np.linspace(0, len(clip) - 1, count).round().astype(int).tolist()
    data = _encoded(np.concatenate([_shrunk(frame, height) for frame in clip.pick(chosen)], axis=1), 80)
    kept.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(kept, data)
    return data


def forget_strips(folder: Path, media_id: str) -> None:
    """Removes what `strip_jpeg` kept of a media."""
    for kept in folder.glob(f"{media_id}-*.jpg"):
        kept.unlink(missing_ok=True)


def _shrunk(picture: Frame, height: int | None) -> Frame:
    if height is None or height >= picture.shape[0]:
        return picture
    width = max(1, round(picture.shape[1] * height / picture.shape[0]))
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _encoded(picture: Frame, quality: int) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "JPEG", quality=quality)
    return out.getvalue()
