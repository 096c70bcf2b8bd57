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
    """Single-frame samples from a pool: a random crop with some of its instances, or a mosaic of four.

    On one picture the most striking thing is a good guess whatever the prompt says; on a mosaic, only the prompt tells
    which of the four is meant. Without mosaics a short training never learns to read clicks.

    Parameters
    ----------
    mosaics: share of samples that are mosaics; half of these show one picture four times.
    """

    name = "stills"

    def __init__(self, pool: StillPool, mosaics: float = 0.6) -> None:
        self._pool = pool
        self._mosaics = mosaics

    def sample(self, rng: np.random.Generator, length: int, size: int, objects: int) -> Sample:
        """Draw up to `objects` instances of one picture, or up to twice as many of a mosaic; `length` must be 1."""
        if length != 1:
            raise ValueError(f"stills have one frame, got length {length}; use ClipSynthesis for clips")
        for _ in range(50):
            mosaic = rng.random() < self._mosaics
            image, masks = self._mosaic(rng, size) if mosaic else self._single(rng, size, 3 * objects)
            usable = rng.permutation(promptable(masks))[: 2 * objects if mosaic else objects]
            if len(usable):
                frames = blur_some(rng, jitter_colours(rng, image[None]))
                return Sample(frames=frames, masks=masks[usable][:, None], source=self.name)
        raise ValueError("no crop of 50 pictures showed an instance of usable size")

    def _single(self, rng: np.random.Generator, size: int, most: int) -> tuple[np.ndarray, np.ndarray]:
        """A crop [S,S,3] and the masks [N,S,S] of at most `most` of its instances."""
        picture = self._pool.draw(rng)
        crop = random_crop(rng, *picture.image.shape[:2])
        order = rng.permutation(len(picture.masks))[:most]
        masks = np.stack([crop.apply(picture.masks[i].view(np.uint8), size, nearest=True) > 0 for i in order])
        return crop.apply(picture.image, size), masks

    def _mosaic(self, rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Four crops as the quarters of one picture, with at most two instances of each."""
        half = size // 2
        parts = (
            [self._single(rng, half, 2) for _ in range(4)] if rng.random() < 0.5 else [self._single(rng, half, 2)] * 4
        )
        image = np.empty((size, size, 3), np.uint8)
        masks: list[np.ndarray] = []
        for quarter, (picture, outlines) in enumerate(parts):
            place = np.s_[
                quarter // 2 * half : (quarter // 2 + 1) * half, quarter % 2 * half : (quarter % 2 + 1) * half
            ]
            image[place] = picture
            for outline in outlines:
                whole = np.zeros((size, size), bool)
                whole[place] = outline
                masks.append(whole)
        return image, np.stack(masks)
