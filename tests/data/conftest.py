"""Small data folders in the two formats, written by the tests themselves."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from masklet.masks.palette import davis_palette
from masklet.masks.rle import Rle


@pytest.fixture
def stills_folder(tmp_path: Path) -> Path:
    """Two pictures: a large rectangle and a small one on noise; a third without a usable instance."""
    folder = tmp_path / "things"
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(0)
    images, annotations = [], []
    boxes = [[(10, 20, 90, 100), (100, 10, 130, 60)], [(30, 30, 120, 90)], [(0, 0, 1, 1)]]
    for index, corners in enumerate(boxes):
        picture = cv2.resize(rng.integers(0, 255, (30, 40, 3), dtype=np.uint8), (160, 120))
        for number, (x0, y0, x1, y1) in enumerate(corners):
            picture[y0:y1, x0:x1] = (200, 40, 40 + 100 * number)
            mask = np.zeros((120, 160), bool)
            mask[y0:y1, x0:x1] = True
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": index,
                    "segmentation": Rle.encode(mask).to_coco(),
                    "area": int(mask.sum()),
                    "annotator": number,
                }
            )
        Image.fromarray(picture).save(folder / "images" / f"{index}.jpg", quality=95)
        images.append({"id": index, "file_name": f"{index}.jpg", "height": 120, "width": 160})
    (folder / "instances.json").write_text(json.dumps({"images": images, "annotations": annotations}))
    return folder


@pytest.fixture
def clip_folder(tmp_path: Path) -> Path:
    """Twelve frames of 60x80 with object 1 moving right and object 3 that leaves after frame 5."""
    folder = tmp_path / "walk"
    for part in ("JPEGImages", "Annotations"):
        (folder / part).mkdir(parents=True)
    for t in range(12):
        labels = np.zeros((60, 80), np.uint8)
        labels[10:30, 5 + 3 * t : 25 + 3 * t] = 1
        if t <= 5:
            labels[40:55, 50:70] = 3
        Image.fromarray(labels * 60).convert("RGB").save(folder / "JPEGImages" / f"{t:05d}.jpg")
        picture = Image.fromarray(labels, mode="P")
        picture.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
        picture.save(folder / "Annotations" / f"{t:05d}.png")
    return folder


class Writer:
    """Writes the tiny pictures that data sets are made of in tests: 24 high, 32 wide unless told otherwise."""

    def frames(self, folder: Path, stems: list[str], *, size: tuple[int, int] = (24, 32), suffix: str = ".jpg") -> None:
        """Pictures whose brightness is their place in the list."""
        folder.mkdir(parents=True, exist_ok=True)
        for index, stem in enumerate(stems):
            Image.fromarray(np.full((*size, 3), 10 * index, np.uint8)).save(folder / f"{stem}{suffix}")

    def labels(self, path: Path, labels: np.ndarray) -> None:
        """A palette PNG with the colours of DAVIS."""
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(labels)
        picture.putpalette(davis_palette().tobytes())
        picture.save(path)

    def grey(self, path: Path, values: np.ndarray) -> None:
        """A picture as its array is: grey, 16-bit or colour."""
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(values).save(path)

    def box(self, *boxes: tuple[int, int], size: tuple[int, int] = (24, 32)) -> np.ndarray:
        """Labels with a box of 6x6 for each (value, left edge), at the height 4."""
        labels = np.zeros(size, np.uint8)
        for value, left in boxes:
            labels[4:10, left : left + 6] = value
        return labels


@pytest.fixture
def writer() -> Writer:
    return Writer()
