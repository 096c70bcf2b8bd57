"""COCO's JSON of instances with its pictures beside it.

The JSON is `instances.json` in the root, or the one `instances*.json` in it or in `annotations/`, or the file that is
given as the root. The pictures are in `images/` or beside the JSON; for `annotations/instances_X.json` in `X/` or
`images/`. Segmentations are run lengths or polygons. Crowd regions are left out, as are annotations without a pixel and
pictures without an object: there is nothing to point at. Specification: cocodataset.org, "Data format".

Where annotations have a field "annotator" (BSDS500), several people have outlined the same picture: it is listed once
for each of them, with the regions of that one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from masklet.data.layouts.stills import AnnotatedPicture, RleRegions
from masklet.masks.polygons import coco_polygons_to_rle
from masklet.masks.rle import Rle
from masklet.media.images import image_size


def find_json(root: Path) -> Path | None:
    """The JSON of a COCO folder, None where it has none or several without an `instances.json` among them."""
    if root.is_file():
        return root
    if (root / "instances.json").is_file():
        return root / "instances.json"
    found = [path for folder in (root, root / "annotations") for path in sorted(folder.glob("instances*.json"))]
    return found[0] if len(found) == 1 else None


def open_coco(root: Path) -> list[AnnotatedPicture]:
    """Read a COCO folder; a picture is named as its file."""
    path = find_json(root)
    if path is None:
        raise FileNotFoundError(
            f"{root}: expected instances.json in it, or one instances*.json there or in annotations/"
        )
    listing = _read(path)
    images = {_field(entry, "id", path, "an image"): entry for entry in listing["images"]}
    objects: dict[tuple[Any, Any], dict[int, tuple[Rle, int]]] = {}
    for entry in listing["annotations"]:
        if entry.get("iscrowd"):
            continue
        number = _field(entry, "id", path, "an annotation")
        what = f"annotation {number}"
        image_id = _field(entry, "image_id", path, what)
        if image_id not in images:
            raise ValueError(f"{path}: {what} is of image {image_id}, which is not listed")
        rle = _rle(_field(entry, "segmentation", path, what), images[image_id], path, what)
        area = rle.area
        if area:
            of_person = objects.setdefault((image_id, entry.get("annotator")), {})
            if number in of_person:
                raise ValueError(f"{path}: a second {what} of image {image_id}")
            of_person[number] = rle, area
    folder = _picture_folder(path, [_field(entry, "file_name", path, f"image {i}") for i, entry in images.items()])
    order = {image_id: place for place, image_id in enumerate(images)}
    people = sorted(objects, key=lambda key: order[key[0]])
    return [_picture(folder, images[image_id], objects[image_id, who], who, path) for image_id, who in people]


def _picture(
    folder: Path, entry: dict[str, Any], masks: dict[int, tuple[Rle, int]], who: Any, path: Path
) -> AnnotatedPicture:
    file = folder / entry["file_name"]
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such file; {path} lists it")
    size, stated = image_size(file), (entry["height"], entry["width"])
    if size != stated:
        raise ValueError(f"{file}: is {size[1]}x{size[0]} (width x height), {path.name} says {stated[1]}x{stated[0]}")
    masks = dict(sorted(masks.items()))
    areas = {i: area for i, (_, area) in masks.items()}
    name = Path(entry["file_name"]).with_suffix("").as_posix()
    return AnnotatedPicture(
        name=name if who is None else f"{name}@{who}",
        path=file,
        areas=areas,
        regions=RleRegions(masks={i: rle for i, (rle, _) in masks.items()}),
    )


def _rle(segmentation: object, image: dict[str, Any], path: Path, what: str) -> Rle:
    height, width = (_field(image, key, path, f"image {image['id']}") for key in ("height", "width"))
    try:
        if isinstance(segmentation, dict):
            rle = Rle.from_coco(segmentation)
        else:
            rle = coco_polygons_to_rle(segmentation, height, width)
    except ValueError as error:
        raise ValueError(f"{path}: {what}: {error}") from error
    if (rle.height, rle.width) != (height, width):
        raise ValueError(
            f"{path}: {what} is {rle.width}x{rle.height} (width x height), its image {width}x{height}: sizes differ"
        )
    return rle


def _picture_folder(path: Path, names: list[str]) -> Path:
    beside, above, part = path.parent, path.parent.parent, path.stem.removeprefix("instances").lstrip("_")
    candidates = [beside / "images", beside, above / "images"]
    if part:
        candidates += [beside / part, above / part]
    for folder in candidates:
        if any((folder / name).is_file() for name in names):
            return folder
    looked = ", ".join(dict.fromkeys(map(str, candidates)))
    raise FileNotFoundError(f"{path}: none of its pictures is there; looked in {looked}")


def _field(entry: Any, key: str, path: Path, what: str) -> Any:
    if not isinstance(entry, dict) or key not in entry:
        raise ValueError(f"{path}: {what} lacks {key}")
    return entry[key]


def _read(path: Path) -> dict[str, Any]:
    try:
        listing = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: no valid JSON: {error}") from error
    if not isinstance(listing, dict) or not all(
        isinstance(listing.get(key), list) for key in ("images", "annotations")
    ):
        raise ValueError(f'{path}: expected {{"images": [...], "annotations": [...]}} (COCO)')
    return listing
