"""Photographs with instance masks in the COCO format (one folder: `images/` and `instances.json`)."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from masklet.data.photometric import blur_some, jitter_colours, random_crop
from masklet.data.samples import Sample, promptable
from masklet.masks.rle import Rle


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One decoded still: image [H,W,3] uint8 RGB and masks [N,H,W] bool (they may overlap)."""

    image: np.ndarray
    masks: np.ndarray


class Stills:
    """All pictures of a COCO-format folder, kept compressed in memory and decoded on access.

    Parameters
    ----------
    folder: holds `instances.json` and `images/`.
    min_share, max_share: instances outside this share of the image area are left out.

    Raises
    ------
    FileNotFoundError: `instances.json` or an image that it names is missing.
    ValueError: an image cannot be decoded, or no picture has a usable instance.
    """

    def __init__(self, folder: Path, *, min_share: float = 0.003, max_share: float = 0.9) -> None:
        self.name = folder.name
        listing = json.loads((folder / "instances.json").read_text())
        by_image: dict[int, list[tuple[int, dict]]] = defaultdict(list)
        for entry in listing["annotations"]:
            height, width = entry["segmentation"]["size"]
            if min_share <= entry["area"] / (height * width) <= max_share:
                # Two people may have outlined the same picture; regions of only one of them go together.
                by_image[entry["image_id"]].append((entry.get("annotator", 0), entry["segmentation"]))
        self._pictures: list[tuple[bytes, list[tuple[int, dict]]]] = [
            ((folder / "images" / image["file_name"]).read_bytes(), by_image[image["id"]])
            for image in listing["images"]
            if by_image[image["id"]]
        ]
        if not self._pictures:
            raise ValueError(f"{folder}: no picture has an instance between {min_share:.1%} and {max_share:.0%} of it")

    def __len__(self) -> int:
        return len(self._pictures)

    def picture(self, index: int, annotator: int | None = None) -> Picture:
        """Decode picture `index`, with the instances of one annotator (default: the first one found)."""
        data, entries = self._pictures[index]
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
        if image is None:
            raise ValueError(f"{self.name}: picture {index} is not a readable image")
        if annotator is None:
            annotator = entries[0][0]
        masks = np.stack([Rle.from_coco(segmentation).decode() for who, segmentation in entries if who == annotator])
        return Picture(image=image, masks=masks)

    def draw(self, rng: np.random.Generator) -> Picture:
        """A random picture, and of it a random annotator."""
        index = int(rng.integers(len(self)))
        annotators = sorted({who for who, _ in self._pictures[index][1]})
        return self.picture(index, int(rng.choice(annotators)))


class StillPool:
    """Several `Stills`, drawn by given weights."""

    def __init__(self, parts: list[tuple[Stills, float]]) -> None:
        if not parts:
            raise ValueError("a pool of stills needs at least one folder")
        weights = np.array([weight for _, weight in parts])
        self._stills = [stills for stills, _ in parts]
        self._shares = weights / weights.sum()

    def draw(self, rng: np.random.Generator) -> Picture:
        """A random picture of a random folder."""
        return self._stills[int(rng.choice(len(self._stills), p=self._shares))].draw(rng)


class StillSource:
    """Single-frame samples from a pool: a random crop with up to `objects` of its instances."""

    name = "stills"

    def __init__(self, pool: StillPool) -> None:
        self._pool = pool

    def sample(self, rng: np.random.Generator, length: int, size: int, objects: int) -> Sample:
        """Draw one picture; `length` must be 1."""
        if length != 1:
            raise ValueError(f"stills have one frame, got length {length}; use ClipSynthesis for clips")
        for _ in range(50):
            picture = self._pool.draw(rng)
            crop = random_crop(rng, *picture.image.shape[:2])
            order = rng.permutation(len(picture.masks))[: 3 * objects]
            masks = np.stack([crop.apply(picture.masks[i].view(np.uint8), size, nearest=True) > 0 for i in order])
            usable = promptable(masks)[:objects]
            if len(usable):
                frames = crop.apply(picture.image, size)[None]
                frames = blur_some(rng, jitter_colours(rng, frames))
                return Sample(frames=frames, masks=masks[usable][:, None], source=self.name)
        raise ValueError("no crop of 50 pictures showed an instance of usable size")
