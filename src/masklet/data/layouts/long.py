"""MOSE and LVOS: `JPEGImages/VIDEO/STEM.jpg` and `Annotations/VIDEO/STEM.png`, where objects may appear later.

A split ("valid", "val") is a folder in the root. An object is prompted where it is first seen.

MOSE (Ding et al., ICCV 2023) is scored as DAVIS: all annotated frames but the first and the last. Its official
validation set has first masks only: predictions for it go to the server.

LVOS v1 and v2 (Hong et al., ICCV 2023; arXiv 2404.19326) are scored as their evaluator does: all annotated frames but
the last, an object from the frame on in which it appears. Its groups "seen" and "unseen" are those of videos:
`unseen_videos.txt` of the evaluator, one name a line, beside `JPEGImages`; without it there are no groups.
"""

from __future__ import annotations

from pathlib import Path

from masklet.data.layouts.annotations import LabelAnnotations, OneGroup
from masklet.data.layouts.folders import (
    Place,
    annotated,
    beside_each_other,
    between_first_and_last,
    by_frame,
    frame_files,
    mask_files,
    read_names,
    split_folder,
    video_size,
)
from masklet.data.sequences import AnnotatedVideo

UNSEEN = "unseen_videos.txt"


def open_mose(root: Path, split: str | None) -> list[AnnotatedVideo]:
    """Read MOSE."""
    root = split_folder(root, split)
    videos: list[AnnotatedVideo] = []
    for place in beside_each_other(root / "JPEGImages", root / "Annotations"):
        frames, annotations = _read(place)
        videos.append(annotated(place.name, frames, annotations, between_first_and_last(annotations.frames)))
    return videos


def open_lvos(root: Path, split: str | None) -> list[AnnotatedVideo]:
    """Read LVOS v1 or v2."""
    root = split_folder(root, split)
    unseen = set(read_names(root / UNSEEN)) if (root / UNSEEN).is_file() else None
    videos: list[AnnotatedVideo] = []
    for place in beside_each_other(root / "JPEGImages", root / "Annotations"):
        frames, annotations = _read(place)
        groups = None
        if unseen is not None:
            groups = OneGroup(annotations, "unseen" if place.name in unseen else "seen")
        videos.append(annotated(place.name, frames, annotations, annotations.frames[:-1], groups))
    return videos


def _read(place: Place) -> tuple[tuple[Path, ...], LabelAnnotations]:
    frames = frame_files(place.frames)
    return frames, LabelAnnotations(by_frame(frames, mask_files(place.masks)), video_size(frames))
