"""Pictures without masks, in any folder: what masked auto-encoding learns from, and nothing else does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from masklet.data.footage import read_frame
from masklet.data.framing import Framing
from masklet.data.samples import Sample
from masklet.media.folder import natural_key
from masklet.media.images import IMAGE_SUFFIXES


def has_pictures(root: Path) -> bool:
    """Whether there is a picture in a folder or below it."""
    return next(_pictures(root), None) is not None


def open_unlabelled(root: Path) -> list[Path]:
    """The pictures in a folder and below it, folder by folder; hidden ones are left out.

    Raises
    ------
    FileNotFoundError: there are none.
    """
    found = sorted(_pictures(root), key=lambda path: (path.parent, natural_key(path)))
    if not found:
        raise FileNotFoundError(f"{root}: expected pictures in it or in its folders")
    return found


def _pictures(root: Path) -> Iterator[Path]:
    for path in root.rglob("*"):
        if path.suffix.lower() in IMAGE_SUFFIXES and not any(p[0] == "." for p in path.relative_to(root).parts):
            yield path


class UnlabelledSource:
    """Single-frame samples without objects.

    Parameters
    ----------
    name: of the data set. paths: its pictures, at least one. framing: what is shown of a picture.
    """

    def __init__(self, name: str, paths: Sequence[Path], framing: Framing) -> None:
        if not paths:
            raise ValueError("a source of pictures needs at least one picture")
        self.name = name
        self._paths = paths
        self._framing = framing

    def sample(self, rng: np.random.Generator, length: int, size: int, objects: int) -> Sample:  # noqa: ARG002
        """Draw a picture; `length` must be 1.

        Raises
        ------
        ValueError: another length. MediaError: the picture cannot be read; the message names it.
        """
        if length != 1:
            raise ValueError(f"{self.name}: no clips are made from pictures without masks, got length {length}")
        path = self._paths[int(rng.integers(len(self._paths)))]
        image = read_frame(path)
        frame = self._framing(rng, *image.shape[:2]).apply(image, size)
        return Sample(frames=frame[None], masks=np.zeros((0, 1, size, size), bool), source=f"{self.name}/{path.stem}")
