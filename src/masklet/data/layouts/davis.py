"""DAVIS 2016 and 2017: `JPEGImages/480p/SEQUENCE/00000.jpg` and `Annotations/480p/SEQUENCE/00000.png`.

`Full-Resolution` may stand for `480p`. A split is `ImageSets/2016/SPLIT.txt` or `ImageSets/2017/SPLIT.txt`. Scored are
all annotated frames but the first and the last (Pont-Tuset et al., arXiv 1704.00675, and the benchmark's evaluator).
2016 joins all that is not background into one object; 2017 prompts the objects of the first frame and has no others.
"""

from __future__ import annotations

from pathlib import Path

from masklet.data.layouts.annotations import LabelAnnotations
from masklet.data.layouts.folders import (
    annotated,
    beside_each_other,
    between_first_and_last,
    by_frame,
    check_consecutive,
    chosen,
    frame_files,
    mask_files,
    video_size,
)
from masklet.data.sequences import AnnotatedVideo

RESOLUTIONS = ("480p", "Full-Resolution")


def resolution(root: Path) -> str | None:
    """The folder name of the resolution that `root` has, 480p first; None for another layout."""
    for name in RESOLUTIONS:
        if (root / "JPEGImages" / name).is_dir() and (root / "Annotations" / name).is_dir():
            return name
    return None


def open_davis(root: Path, split: str | None, *, year: int) -> list[AnnotatedVideo]:
    """Read DAVIS of 2016 or 2017; a sequence has a mask for every frame, or (test sets) for the first one only."""
    size_name = resolution(root)
    if size_name is None:
        raise FileNotFoundError(f"{root}: expected JPEGImages/480p and Annotations/480p in it (DAVIS)")
    listing = None if split is None else root / "ImageSets" / str(year) / f"{split}.txt"
    places = beside_each_other(root / "JPEGImages" / size_name, root / "Annotations" / size_name)
    return [_video(place.name, place.frames, place.masks, year) for place in chosen(places, listing)]


def _video(name: str, pictures: Path, outlines: Path, year: int) -> AnnotatedVideo:
    frames = frame_files(pictures)
    check_consecutive(frames)
    masks = by_frame(frames, mask_files(outlines))
    missing = [index for index in range(len(frames)) if index not in masks]
    if missing and set(masks) != {0}:
        raise ValueError(f"{outlines / frames[missing[0]].stem}.png: the mask of {frames[missing[0]]} is missing")
    annotations = LabelAnnotations(masks, video_size(frames), first_only=True, binary=year == 2016)
    return annotated(name, frames, annotations, between_first_and_last(annotations.frames))
