"""COCO instance JSON: each frame an image, each mask of an object in it an annotation.

Specification: cocodataset.org, "Data format". Segmentations are compressed run lengths. Beyond COCO, an image has its
`frame_index`, and an annotation its `object_id`, `score` (the IoU estimate), `object_score` and `prompted`: with these
what was written is read back without loss but for two things: empty masks have no annotation, and come back as an
object that isn't visible in every image of the file; and prompts are not kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from masklet.export.files import StrPath, check_keys, naming, read_json, whole, within, write_json
from masklet.export.info import Annotation, VideoInfo, frames_looked_at
from masklet.masks import FrameMask, Masklet, Rle
from masklet.masks.polygons import coco_polygons_to_rle

_UNNAMED = "object"
_TOP_KEYS = ("info", "licenses", "type")


def write_coco_json(path: StrPath, masklets: Sequence[Masklet], info: VideoInfo) -> None:
    """Write masklets as COCO instances, atomically; categories are the objects' names ("object" for none).

    Raises:
        ValueError: masklets that don't fit the video. MediaError: the file cannot be written.
    """
    info.check(masklets)
    masklets = sorted(masklets, key=lambda masklet: masklet.object_id)
    categories = category_ids(masklets)
    annotations: list[dict[str, Any]] = []
    frames = frames_looked_at(masklets)
    for frame in frames:
        for masklet in masklets:
            record = masklet.get(frame)
            box = record.rle.bbox if record else None
            if record is None or box is None:
                continue
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": frame + 1,
                    "category_id": categories[masklet.name or _UNNAMED],
                    "segmentation": record.rle.to_coco(),
                    "area": record.rle.area,
                    "bbox": xywh(box),
                    "iscrowd": 0,
                    "object_id": masklet.object_id,
                    "score": record.iou,
                    "object_score": record.score,
                    "prompted": record.prompted,
                }
            )
    images = [
        {
            "id": frame + 1,
            "file_name": f"{info.frame_name(frame)}.jpg",
            "width": info.width,
            "height": info.height,
            "frame_index": frame,
        }
        for frame in frames
    ]
    value = {
        "info": {"description": info.name, "frame_count": info.frame_count, "fps": info.fps, "model": info.model},
        "licenses": [],
        "images": images,
        "annotations": annotations,
        "categories": [{"id": number, "name": name} for name, number in categories.items()],
    }
    write_json(path, value)


def read_coco_json(path: StrPath) -> Annotation:
    """Read COCO instances whose images are the frames of one video (or one picture).

    Of files that masklet didn't write: frames are the images in their order, each annotation without `object_id` or
    `track_id` is an object of its own with the annotation's id, polygons are filled by COCO's rules.

    Raises:
        FormatError: no such file, keys missing or unknown, unknown image or category ids, ids that occur twice,
            images of different size, masks that don't fit their image.
    """
    value = read_json(path)
    with naming(path):
        check_keys(value, ("images", "annotations", "categories"), _TOP_KEYS, "a COCO file")
        about = read_about(value.get("info"))
        names = read_categories(value["categories"])
        frames, stems, size = _read_images(value["images"])
        objects: dict[int, Masklet] = {}
        for item in as_list(value["annotations"], "annotations"):
            _read_annotation(item, names=names, frames=frames, size=size, objects=objects)
        empty = Rle.empty(*size)
        for masklet in objects.values():
            for frame in frames.values():
                if frame not in masklet:
                    masklet.add(FrameMask.given(frame, empty))
        count = max(frames.values()) + 1
        if about.frame_count is not None:
            count = max(count, about.frame_count)
        plain = all(stem == f"{frame:05d}" for frame, stem in stems.items())
        info = VideoInfo(
            name=about.description or Path(path).stem,
            height=size[0],
            width=size[1],
            frame_count=count,
            fps=about.fps,
            frame_names=None if plain or len(stems) != count else tuple(stems[frame] for frame in range(count)),
            model=about.model,
        )
        return Annotation(info=info, masklets=tuple(objects[object_id] for object_id in sorted(objects)))


def category_ids(masklets: Sequence[Masklet]) -> dict[str, int]:
    """Category name -> id from 1, in the order of the objects."""
    return {name: i for i, name in enumerate(dict.fromkeys(masklet.name or _UNNAMED for masklet in masklets), start=1)}


def read_categories(items: object) -> dict[int, str | None]:
    """Category id -> name, None for the category of objects without a name. ValueError for ids that occur twice."""
    names: dict[int, str | None] = {}
    for item in as_list(items, "categories"):
        category = check_keys(item, ("id", "name"), None, "a category")
        number = whole(category["id"], "a category's id")
        if number in names:
            raise ValueError(f"category {number} occurs twice")
        names[number] = None if category["name"] == _UNNAMED else str(category["name"])
    return names


@dataclass(frozen=True, slots=True)
class About:
    """What masklet writes into a file's `info`, where it is there."""

    description: str | None = None
    frame_count: int | None = None
    fps: float | None = None
    model: str | None = None


def read_about(value: object) -> About:
    """A file's `info`: other keys may stand beside masklet's. ValueError where masklet's are of another type."""
    if value is None:
        return About()
    fields = check_keys(value, (), None, "info")
    types = {"description": str, "frame_count": int, "fps": (int, float), "model": str}
    found = {key: fields[key] for key in types if fields.get(key) is not None}
    for key, item in found.items():
        if not isinstance(item, types[key]) or isinstance(item, bool):
            raise ValueError(f"info: {key} is of the wrong type: {item!r}")
    return About(**found)


def xywh(box: tuple[int, int, int, int]) -> list[int]:
    """COCO's box of one with exclusive ends."""
    x0, y0, x1, y1 = box
    return [x0, y0, x1 - x0, y1 - y0]


def _read_images(items: object) -> tuple[dict[int, int], dict[int, str], tuple[int, int]]:
    """Image id -> frame, frame -> file stem, and the (height, width) of all."""
    frames: dict[int, int] = {}
    stems: dict[int, str] = {}
    size: tuple[int, int] | None = None
    for place, item in enumerate(as_list(items, "images")):
        image = check_keys(item, ("id", "file_name", "height", "width"), None, "an image")
        number = whole(image["id"], "an image's id")
        frame = whole(image.get("frame_index", place), f"image {number}: frame_index")
        came = whole(image["height"], "an image's height"), whole(image["width"], "an image's width")
        if number in frames or frame in stems:
            raise ValueError(f"image {number} occurs twice")
        if size is not None and came != size:
            raise ValueError(f"image {number} is {came[0]}x{came[1]} (height x width), the first {size[0]}x{size[1]}")
        size, frames[number], stems[frame] = came, frame, PurePosixPath(str(image["file_name"])).stem
    if size is None:
        raise ValueError("expected at least one image, got none")
    return frames, stems, size


def _read_annotation(
    item: object,
    *,
    names: dict[int, str | None],
    frames: dict[int, int],
    size: tuple[int, int],
    objects: dict[int, Masklet],
) -> None:
    """Add one annotation to the masklet of its object."""
    needed = ("id", "image_id", "category_id", "segmentation")
    fields = check_keys(item, needed, None, "an annotation")
    what = f"annotation {fields['id']}"
    if fields["image_id"] not in frames:
        raise ValueError(f"{what}: no image has the id {fields['image_id']!r}")
    if fields["category_id"] not in names:
        raise ValueError(f"{what}: no category has the id {fields['category_id']!r}")
    object_id = whole(fields.get("object_id", fields.get("track_id", fields["id"])), f"{what}: the object's id")
    with within(what):
        segmentation = fields["segmentation"]
        polygons = isinstance(segmentation, list)
        rle = coco_polygons_to_rle(segmentation, *size) if polygons else Rle.from_coco(segmentation)
        known = FrameMask.given(frames[fields["image_id"]], rle)
        record = FrameMask(
            frame=known.frame,
            rle=rle,
            score=float(fields.get("object_score", known.score)),
            iou=float(fields.get("score", known.iou)),
            visible=known.visible,
            prompted=bool(fields.get("prompted", False)),
        )
        name = names[fields["category_id"]]
        masklet = objects.setdefault(object_id, Masklet(object_id, *size, name=name))
        if masklet.name != name:
            raise ValueError(f"object {object_id} is of the categories {masklet.name!r} and {name!r}")
        masklet.add(record)


def as_list(value: object, what: str) -> list[Any]:
    """`value` if it is a list, else ValueError."""
    if not isinstance(value, list):
        raise ValueError(f"{what} is a list, got {type(value).__name__}")
    return value
