"""Pictures without masks, in any folder or archive: what masked auto-encoding learns from, and nothing else does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from masklet.data.footage import Footage, Frame, read_frame, read_jpeg
from masklet.data.framing import Framing
from masklet.data.samples import Sample
from masklet.media.folder import natural_key
from masklet.media.images import IMAGE_SUFFIXES


@dataclass(frozen=True, slots=True)
class PlainPicture:
    """A picture file without masks; `origin` names its data set."""

    path: Path
    origin: str

    @property
    def name(self) -> str:
        return f"{self.origin}/{self.path.stem}"

    def __len__(self) -> int:
        return 1

    def frames(self, places: Sequence[int]) -> list[Frame]:
        return [read_frame(self.path) for _ in places]

    def jpeg(self, place: int) -> bytes | None:  # noqa: ARG002
        return read_jpeg(self.path)


def has_pictures(root: Path) -> bool:
    """Whether there is a picture in a folder or below it."""
    return next(_pictures(root), None) is not None


def open_unlabelled(root: Path) -> list[PlainPicture]:
    """The pictures in a folder and below it, folder by folder; hidden ones are left out.

    Raises
    ------
    FileNotFoundError: there are none.
    """
    found = sorted(_pictures(root), key=lambda path: (path.parent, natural_key(path)))
    if not found:
        raise FileNotFoundError(f"{root}: expected pictures in it or in its folders")
    origin = root.resolve().name
    return [PlainPicture(path, origin) for path in found]


def _pictures(root: Path) -> Iterator[Path]:
    for path in root.rglob("*"):
        if path.suffix.lower() in IMAGE_SUFFIXES and not any(p[0] == "." for p in path.relative_to(root).parts):
            yield path


class UnlabelledSource:
    """Single-frame samples without objects.

    Parameters
    ----------
    name: of the data set. pictures: of one frame each, at least one. framing: what is shown of a picture.
    """

    def __init__(self, name: str, pictures: Sequence[Footage], framing: Framing) -> None:
        if not pictures:
            raise ValueError("a source of pictures needs at least one picture")
        self.name = name
        self._pictures = pictures
        self._framing = framing

    def sample(self, rng: np.random.Generator, length: int, size: int, objects: int) -> Sample:  # noqa: ARG002
        """Draw a picture; `length` must be 1.

        Raises
        ------
        ValueError: another length. MediaError: the picture cannot be read; the message names it.
        """
        if length != 1:
            raise ValueError(f"{self.name}: no clips are made from pictures without masks, got length {length}")
        picture = self._pictures[int(rng.integers(len(self._pictures)))]
        image = picture.frames([0])[0]
        frame = self._framing(rng, *image.shape[:2]).apply(image, size)
        return Sample(frames=frame[None], masks=np.zeros((0, 1, size, size), bool), source=picture.name)
