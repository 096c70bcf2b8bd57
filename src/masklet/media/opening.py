"""Make a clip of whatever holds frames."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from masklet.media.clip import DEFAULT_FPS, ArrayClip, Clip
from masklet.media.errors import MediaError
from masklet.media.folder import ImageFolderClip, glob_images
from masklet.media.images import IMAGE_SUFFIXES
from masklet.media.video import VideoClip


def open_clip(source: str | os.PathLike[str] | np.ndarray | Sequence[Any] | Clip, *, fps: float | None = None) -> Clip:
    """Open a clip.

    Parameters
    ----------
    source : a video file; a folder of pictures or a glob (`shots/*.png`), sorted naturally by name; a picture (a clip
        of one frame); a list of picture files, in its order; T x H x W x 3 uint8, or a list of H x W x 3 uint8 arrays;
        or a Clip, returned as it is.
    fps : frames a second of folders and arrays (default 24); video has its own times, and giving `fps` is an error.

    Raises
    ------
    MediaError : nothing readable there; the message is one line that says what came.
    """
    if isinstance(source, Clip):
        clip: Clip | None = source
    elif isinstance(source, np.ndarray):
        return ArrayClip(source, fps=DEFAULT_FPS if fps is None else fps)
    elif isinstance(source, (str, os.PathLike)):
        clip = _open_path(source, fps)
    elif isinstance(source, Sequence):
        if source and all(isinstance(item, (str, os.PathLike)) for item in source):
            return ImageFolderClip(source, fps=DEFAULT_FPS if fps is None else fps)
        return ArrayClip(source, fps=DEFAULT_FPS if fps is None else fps)
    else:
        raise MediaError(
            f"expected a video file, a folder, a glob or arrays, got {type(source).__name__}; "
            "for generators and cameras use open_stream"
        )
    if fps is not None and not isinstance(clip, (ImageFolderClip, ArrayClip)):
        raise ValueError(f"fps={fps} was given, but {clip.name} has times of its own")
    return clip


def _open_path(source: str | os.PathLike[str], fps: float | None) -> Clip:
    text = os.fspath(source)
    path = Path(source)
    if "://" in text:
        raise MediaError(f"{text}: an address has no frame index; use open_stream, or save it to a file first")
    if path.is_dir():
        return ImageFolderClip(path, fps=DEFAULT_FPS if fps is None else fps)
    if not path.exists() and any(c in text for c in "*?["):
        return ImageFolderClip(glob_images(text), fps=DEFAULT_FPS if fps is None else fps)
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return ImageFolderClip([path], fps=DEFAULT_FPS if fps is None else fps)
    return VideoClip(path)
