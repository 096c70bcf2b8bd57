"""SA-V's validation and test sets: frames at 24 a second, one mask for each object at 6 a second.

    sav_val/sav_val.txt
    sav_val/JPEGImages_24fps/VIDEO/00000.jpg
    sav_val/Annotations_6fps/VIDEO/OBJECT/00000.png    every fourth frame

Specification: README of the SA-V data set. Scored are all annotated frames but the first and the last, as its
evaluator does by default. A split ("val") is a folder `sav_val` in the root or a list `sav_val.txt`; without a split
the one list in the root counts, if there is one.
"""

from __future__ import annotations

from pathlib import Path

from masklet.data.layouts.folders import (
    annotated,
    beside_each_other,
    between_first_and_last,
    check_consecutive,
    chosen,
    frame_files,
    object_annotations,
    split_folder,
    video_size,
)
from masklet.data.sequences import AnnotatedVideo

FRAMES, MASKS = "JPEGImages_24fps", "Annotations_6fps"


def open_sav(root: Path, split: str | None) -> list[AnnotatedVideo]:
    """Read SA-V's val or test set."""
    folder = split_folder(root, split, "sav_")
    listing = _listing(root, folder, split)
    videos: list[AnnotatedVideo] = []
    for place in chosen(beside_each_other(folder / FRAMES, folder / MASKS), listing):
        frames = frame_files(place.frames)
        check_consecutive(frames)
        annotations = object_annotations(place.masks, frames, video_size(frames))
        videos.append(annotated(place.name, frames, annotations, between_first_and_last(annotations.frames)))
    return videos


def _listing(root: Path, folder: Path, split: str | None) -> Path | None:
    if split is None:
        lists = sorted(folder.glob("sav_*.txt"))
        return lists[0] if len(lists) == 1 else None
    for name in (f"{split}.txt", f"sav_{split}.txt"):
        if (folder / name).is_file():
            return folder / name
    return folder / f"sav_{split}.txt" if folder == root else None  # a folder of the split needs no list
