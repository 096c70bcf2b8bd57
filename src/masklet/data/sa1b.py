"""SA-1B: `sa_N.jpg` beside `sa_N.json`, which holds its masks as COCO run lengths.

    {"image": {"height": H, "width": W, ...}, "annotations": [{"id": I, "segmentation": RLE, "area": A, ...}, ...]}

Specification: README of the SA-1B data set. A JSON is read when its picture is drawn: there are eleven million.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from masklet.data.footage import Frame, LazyMasks, read_frame, read_jpeg, worthwhile
from masklet.data.sequences import Mask
from masklet.masks.rle import Rle
from masklet.media.folder import natural_key


@dataclass(frozen=True, slots=True)
class Sa1bStill:
    """A picture of SA-1B, as a clip of one frame. Both files must exist when it is drawn."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.stem

    def __len__(self) -> int:
        return 1

    def frames(self, places: Sequence[int]) -> list[Frame]:
        return [read_frame(self.path) for _ in places]

    def masks(self, place: int) -> Mapping[int, Mask]:  # noqa: ARG002
        """The objects that are trained on. Raises ValueError that names the JSON where it is not what SA-1B says."""
        listing = self.path.with_suffix(".json")
        return picture_masks(listing.read_bytes(), str(listing))

    def jpeg(self, place: int) -> bytes | None:  # noqa: ARG002
        return read_jpeg(self.path)


def open_sa1b(root: Path) -> list[Sa1bStill]:
    """The pictures of SA-1B in `root`, or in the folders in it as the archives unpack (`sa_000000/`).

    Raises
    ------
    FileNotFoundError: no pictures, or one without its JSON.
    """
    folders = [root, *sorted((path for path in root.iterdir() if path.is_dir()), key=natural_key)]
    found: list[Sa1bStill] = []
    for folder in folders:
        names = {path.name for path in folder.iterdir()}
        pictures = [name for name in names if name.startswith("sa_") and name.endswith(".jpg")]
        for name in sorted(pictures, key=natural_key):
            if f"{name[:-4]}.json" not in names:
                raise FileNotFoundError(f"{folder / name[:-4]}.json: no such file; {name} is beside it (SA-1B)")
            found.append(Sa1bStill(folder / name))
    if not found:
        raise FileNotFoundError(f"{root}: expected sa_*.jpg beside sa_*.json, in it or in its folders (SA-1B)")
    return found


def picture_masks(text: bytes, what: str) -> Mapping[int, Mask]:
    """The objects of a JSON of SA-1B that are trained on. Raises ValueError that begins with `what`."""
    listing = parse(text, what)
    try:
        objects = {int(entry["id"]): entry["segmentation"] for entry in listing["annotations"]}
        sizes = {i: (int(s["size"][0]), int(s["size"][1])) for i, s in objects.items()}
        areas = {int(entry["id"]): int(entry["area"]) for entry in listing["annotations"]}
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ValueError(
            f'{what}: expected {{"annotations": [{{"id", "segmentation": {{"size", "counts"}}, "area"}}, ...]}} (SA-1B)'
        ) from error
    if len(objects) < len(listing["annotations"]):
        raise ValueError(f"{what}: two annotations have one id")
    kept = [i for i in objects if worthwhile(areas[i], *sizes[i])]
    return LazyMasks(kept, lambda i: decode(objects[i], f"{what}: annotation {i}"))


def parse(text: bytes, what: str) -> dict[str, Any]:
    """A JSON object. Raises ValueError that begins with `what`."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{what}: no valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise ValueError(f"{what}: expected a JSON object, got {type(value).__name__}")
    return value


def decode(segmentation: object, what: str) -> Mask:
    """COCO run lengths as a mask. Raises ValueError that begins with `what`."""
    try:
        return Rle.from_coco(segmentation).decode()
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from error
