"""SegTrack v2: `JPEGImages/SEQUENCE/*` and `GroundTruth/SEQUENCE/*`, or `GroundTruth/SEQUENCE/OBJECT/*` for several.

Pictures and masks are PNG or BMP; masks are black and white, some stored in colour. Their names differ from those of
the pictures in some sequences: where they do, both are paired in order and have to be as many. Objects are numbered by
their folders (1, 2, ...), a single one is 1. Scored are all annotated frames but the first (Li et al., ICCV 2013, score
all; the first is given here). A split is `ImageSets/SPLIT.txt`, in which names may begin with a star.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from masklet.data.layouts.annotations import ObjectAnnotations
from masklet.data.layouts.folders import (
    Place,
    annotated,
    beside_each_other,
    by_frame,
    chosen,
    frame_files,
    mask_files,
    object_folders,
    subfolders,
    video_size,
)
from masklet.data.sequences import AnnotatedVideo

FRAMES, MASKS = "JPEGImages", "GroundTruth"
_SUFFIXES = frozenset({".png", ".bmp"})


def open_segtrack(root: Path, split: str | None) -> list[AnnotatedVideo]:
    """Read SegTrack v2."""
    listing = None if split is None else root / "ImageSets" / f"{split}.txt"
    return [_video(place) for place in chosen(beside_each_other(root / FRAMES, root / MASKS), listing)]


def _video(place: Place) -> AnnotatedVideo:
    frames = frame_files(place.frames)
    folders = object_folders(place.masks) if subfolders(place.masks) else {1: place.masks}
    files = {i: _paired(frames, mask_files(folder, _SUFFIXES)) for i, folder in folders.items()}
    annotations = ObjectAnnotations(files, video_size(frames), colours=True)
    return annotated(place.name, frames, annotations, annotations.frames[1:])


def _paired(frames: Sequence[Path], masks: Sequence[Path]) -> dict[int, Path]:
    if {path.stem for path in masks} & {path.stem for path in frames}:
        return by_frame(frames, masks)
    if len(masks) != len(frames):
        raise ValueError(
            f"{masks[0].parent}: {len(masks)} masks do not pair with the {len(frames)} frames in {frames[0].parent}, "
            "neither by name nor in order"
        )
    return dict(enumerate(masks))
