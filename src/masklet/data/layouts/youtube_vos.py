"""YouTube-VOS 2018, 2019 (youtube-vos.org): `JPEGImages/VIDEO/00000.jpg`, `Annotations/VIDEO/00000.png`, `meta.json`.

`meta.json` lists each video's objects with their category and the names of the frames in which they are to be found;
an object is prompted on the first of these, which may come later in the video. Frames are every fifth of the original
video. The official validation set has masks only where objects start: predictions for it go to the server. Scored here
are all annotated frames but the first.

Groups "seen" and "unseen": an object is unseen where its category does not occur in the training set. The categories
come from `unseen_categories.json` beside `meta.json` (a list of names), else from the training set's own
`../train/meta.json`; without either there are no groups.

A split ("valid") is a folder in the root.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from masklet.data.layouts.annotations import LabelAnnotations
from masklet.data.layouts.folders import (
    Place,
    annotated,
    beside_each_other,
    by_frame,
    frame_files,
    mask_files,
    split_folder,
    video_size,
)
from masklet.data.sequences import AnnotatedVideo

META, UNSEEN = "meta.json", "unseen_categories.json"


def open_youtube_vos(root: Path, split: str | None) -> list[AnnotatedVideo]:
    """Read YouTube-VOS; a video that is not both on disk and in `meta.json` is an error."""
    root = split_folder(root, split)
    listing = _videos(root / META)
    places = beside_each_other(root / "JPEGImages", root / "Annotations")
    names = {place.name for place in places}
    for name in listing:
        if name not in names:
            raise ValueError(f"{root / 'JPEGImages' / name}: no frames of a video that {META} lists")
    for place in places:
        if place.name not in listing:
            raise ValueError(f"{root / META}: does not list the video {place.name}, which is in JPEGImages")
    group = _grouping(root)
    return [_video(place, listing[place.name], root / META, group) for place in places]


def has_meta(root: Path) -> bool:
    """Whether a folder has the `meta.json` of this data set: objects with categories."""
    if not (root / META).is_file() or "videos" not in _read_json(root / META):
        return False
    objects = next(iter(_videos(root / META).values()), {})
    return any("category" in entry for entry in objects.values())


def _video(place: Place, objects: dict[str, Any], meta: Path, group: Callable[[str], str] | None) -> AnnotatedVideo:
    frames = frame_files(place.frames)
    masks = by_frame(frames, mask_files(place.masks))
    stems = {path.stem: index for index, path in enumerate(frames)}
    starts: dict[int, int] = {}
    groups: dict[int, str] = {}
    for name, entry in objects.items():
        what = f"{meta}: object {name} of video {place.name}"
        if not name.isdecimal() or not 1 <= int(name) <= 255:
            raise ValueError(f"{what}: expected an id in 1..255")
        listed = entry.get("frames")
        if not isinstance(listed, list) or not listed:
            raise ValueError(f"{what} lacks its list of frames")
        if listed[0] not in stems:
            raise ValueError(f"{what} starts on frame {listed[0]}, which is not in {place.frames}")
        starts[int(name)] = stems[listed[0]]
        if starts[int(name)] not in masks:
            raise ValueError(f"{place.masks / listed[0]}.png: the mask with which object {name} starts is missing")
        if group is not None:
            if "category" not in entry:
                raise ValueError(f"{what} lacks its category")
            groups[int(name)] = group(entry["category"])
    if not starts:
        raise ValueError(f"{meta}: no object in video {place.name}")
    annotations = LabelAnnotations(masks, video_size(frames), starts=starts)
    return annotated(place.name, frames, annotations, annotations.frames[1:], groups)


def _grouping(root: Path) -> Callable[[str], str] | None:
    """Category -> "seen" or "unseen", where there is a source for it."""
    if (root / UNSEEN).is_file():
        unseen = _read_json(root / UNSEEN)
        if not isinstance(unseen, list) or not all(isinstance(name, str) for name in unseen):
            raise ValueError(f"{root / UNSEEN}: expected a list of category names")
        return lambda category: "unseen" if category in unseen else "seen"
    training = root.resolve().parent / "train" / META
    if root.resolve().name != "train" and training.is_file():
        objects = [entry for video in _videos(training).values() for entry in video.values()]
        seen = {entry["category"] for entry in objects if "category" in entry}
        return lambda category: "seen" if category in seen else "unseen"
    return None


def _videos(path: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """Video -> object -> entry of a `meta.json`."""
    meta = _read_json(path)
    try:
        found = {name: dict(video["objects"]) for name, video in meta["videos"].items()}
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f'{path}: expected {{"videos": {{VIDEO: {{"objects": {{ID: ...}}}}}}}}') from error
    for video, objects in found.items():
        for name, entry in objects.items():
            if not isinstance(entry, dict):
                raise ValueError(f"{path}: object {name} of video {video} is no JSON object")
    return found


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: no such file") from None
    except ValueError as error:
        raise ValueError(f"{path}: no valid JSON: {error}") from error
