"""Real clips with masks in the DAVIS layout: numbered JPEGs beside palette PNGs."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from masklet.data.photometric import blur_some, jitter_colours, random_crop
from masklet.data.samples import Sample, promptable


class MaskedClip:
    """One clip: frames kept compressed in memory, label maps as small integers.

    Parameters
    ----------
    frames: folder of JPEGs; annotations: folder of palette PNGs of the same stems (0 is background, 1..n are objects;
        a 0/255 mask counts as object 255).

    Raises
    ------
    ValueError: no frames, frames and masks do not match one to one, or sizes differ.
    """

    def __init__(self, name: str, frames: Path, annotations: Path) -> None:
        self.name = name
        pictures = sorted(frames.glob("*.jpg"))
        outlines = sorted(annotations.glob("*.png"))
        if not pictures:
            raise ValueError(f"{name}: no JPEG frames in {frames}")
        if [p.stem for p in pictures] != [p.stem for p in outlines]:
            raise ValueError(f"{name}: {len(pictures)} frames and {len(outlines)} masks do not match one to one")
        self.stems = [path.stem for path in pictures]
        self._jpegs = [path.read_bytes() for path in pictures]
        self._outlines = [path.read_bytes() for path in outlines]
        first = self.labels(0)
        self.height, self.width = first.shape

    @classmethod
    def open(cls, folder: Path) -> MaskedClip:
        """Read `folder/JPEGImages` and `folder/Annotations`."""
        return cls(folder.name, folder / "JPEGImages", folder / "Annotations")

    def __len__(self) -> int:
        return len(self._jpegs)

    def frame(self, index: int) -> np.ndarray:
        """Frame `index` as [H,W,3] uint8 RGB."""
        image = cv2.imdecode(np.frombuffer(self._jpegs[index], np.uint8), cv2.IMREAD_COLOR_RGB)
        if image is None:
            raise ValueError(f"{self.name}: frame {self.stems[index]} is not a readable image")
        return image

    def labels(self, index: int) -> np.ndarray:
        """Object ids of frame `index` as [H,W] uint8, 0 is background."""
        with Image.open(io.BytesIO(self._outlines[index])) as picture:
            labels = np.array(picture)
        return labels if labels.ndim == 2 else labels[..., 0]

    def object_ids(self, index: int) -> list[int]:
        """Ids seen in frame `index`, ascending."""
        return [int(i) for i in np.unique(self.labels(index)) if i != 0]


def davis_clips(root: Path) -> list[MaskedClip]:
    """Every sequence of a DAVIS-layout folder (`JPEGImages/480p/<seq>`, `Annotations/480p/<seq>`), by name.

    Raises
    ------
    FileNotFoundError: the folder does not have that layout.
    """
    frames, annotations = root / "JPEGImages" / "480p", root / "Annotations" / "480p"
    if not frames.is_dir() or not annotations.is_dir():
        raise FileNotFoundError(f"{root}: expected JPEGImages/480p and Annotations/480p in it")
    names = sorted(path.name for path in frames.iterdir() if path.is_dir())
    return [MaskedClip(name, frames / name, annotations / name) for name in names]


class ClipSource:
    """Samples from real clips: random start, stride, direction of time and crop.

    Clips are drawn with probability proportional to the square root of their length.
    """

    name = "clips"

    def __init__(self, clips: Sequence[MaskedClip], max_stride: int = 5) -> None:
        if not clips:
            raise ValueError("a clip source needs at least one clip")
        self._clips = list(clips)
        weights = np.sqrt([len(clip) for clip in clips])
        self._shares = weights / weights.sum()
        self._max_stride = max_stride

    def sample(self, rng: np.random.Generator, length: int, size: int, objects: int) -> Sample:
        """Draw `length` frames in which at least one object has a usable size in the first."""
        for _ in range(50):
            clip = self._clips[int(rng.choice(len(self._clips), p=self._shares))]
            reach = max(1, (len(clip) - 1) // max(length - 1, 1))
            stride = int(rng.integers(1, min(self._max_stride, reach) + 1))
            span = stride * (length - 1) + 1
            if span > len(clip):
                continue
            start = int(rng.integers(0, len(clip) - span + 1))
            indices = list(range(start, start + span, stride))
            if rng.random() < 0.5:
                indices.reverse()
            crop = random_crop(rng, clip.height, clip.width, min_share=0.4)
            first = crop.apply(clip.labels(indices[0]), size, nearest=True)
            ids = [i for i in np.unique(first) if i != 0]
            if not ids:
                continue
            usable = promptable(np.stack([first == i for i in ids]))
            chosen = [ids[i] for i in rng.permutation(usable)[:objects]]
            if not chosen:
                continue
            labels = np.stack([crop.apply(clip.labels(i), size, nearest=True) for i in indices])
            frames = np.stack([crop.apply(clip.frame(i), size) for i in indices])
            masks = np.stack([labels == i for i in chosen])
            return Sample(frames=blur_some(rng, jitter_colours(rng, frames)), masks=masks, source=self.name)
        raise ValueError(f"no object of usable size in 50 draws of {length} frames")
