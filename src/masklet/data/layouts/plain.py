"""Any folder of videos with masks: labels in one picture a frame (palette), or one picture for each object.

Three ways to lay them out are known:

    ROOT/JPEGImages/VIDEO/STEM.jpg   ROOT/Annotations/VIDEO/[OBJECT/]STEM.png
    ROOT/VIDEO/JPEGImages/STEM.jpg   ROOT/VIDEO/Annotations/[OBJECT/]STEM.png
    ROOT/JPEGImages/STEM.jpg         ROOT/Annotations/[OBJECT/]STEM.png          (one video, named as ROOT)

Not all frames need a mask. An object is prompted where it is first seen. Scored are all annotated frames but the first
and the last, as DAVIS and SA-V have it. A split is `ImageSets/SPLIT.txt`.
"""

from __future__ import annotations

from pathlib import Path

from masklet.data.layouts.annotations import LabelAnnotations
from masklet.data.layouts.folders import (
    Place,
    annotated,
    beside_each_other,
    between_first_and_last,
    by_frame,
    chosen,
    frame_files,
    mask_files,
    object_annotations,
    subfolders,
    video_size,
)
from masklet.data.sequences import AnnotatedVideo
from masklet.media.images import IMAGE_SUFFIXES

FRAMES, MASKS = "JPEGImages", "Annotations"


def has_both(folder: Path) -> bool:
    """Whether a folder holds `JPEGImages` and `Annotations`."""
    return (folder / FRAMES).is_dir() and (folder / MASKS).is_dir()


def places_of(root: Path) -> list[Place]:
    """The videos of a folder in one of the three ways. Raises FileNotFoundError where it has none of them."""
    if not root.is_dir():
        raise FileNotFoundError(f"{root}: no such folder")
    if has_both(root):
        if any(p.suffix.lower() in IMAGE_SUFFIXES for p in (root / FRAMES).iterdir()):
            return [Place(name=root.resolve().name, frames=root / FRAMES, masks=root / MASKS)]
        return beside_each_other(root / FRAMES, root / MASKS)
    places = [Place(name=p.name, frames=p / FRAMES, masks=p / MASKS) for p in subfolders(root) if has_both(p)]
    if not places:
        raise FileNotFoundError(f"{root}: expected {FRAMES} and {MASKS} in it, or in the folders of its videos")
    return places


def open_palette(root: Path, split: str | None) -> list[AnnotatedVideo]:
    """One picture of labels a frame."""
    return [_palette_video(place) for place in chosen(places_of(root), _listing(root, split))]


def open_per_object(root: Path, split: str | None) -> list[AnnotatedVideo]:
    """One black and white picture for each object and frame."""
    return [_per_object_video(place) for place in chosen(places_of(root), _listing(root, split))]


def _listing(root: Path, split: str | None) -> Path | None:
    return None if split is None else root / "ImageSets" / f"{split}.txt"


def _palette_video(place: Place) -> AnnotatedVideo:
    frames = frame_files(place.frames)
    annotations = LabelAnnotations(by_frame(frames, mask_files(place.masks)), video_size(frames))
    return annotated(place.name, frames, annotations, between_first_and_last(annotations.frames))


def _per_object_video(place: Place) -> AnnotatedVideo:
    frames = frame_files(place.frames)
    annotations = object_annotations(place.masks, frames, video_size(frames))
    return annotated(place.name, frames, annotations, between_first_and_last(annotations.frames))
