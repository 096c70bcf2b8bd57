"""An annotated video as evaluation reads it: picture files in order, and masks of some frames.

Legend: T frames, H W image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from masklet.media import Clip, read_image
from masklet.media.folder import ImageFolderClip

Mask = NDArray[np.bool_]


class Annotations(Protocol):
    """Masks of one video, read from disk on demand."""

    @property
    def frames(self) -> tuple[int, ...]:
        """Indices of the frames that are annotated, ascending; an unlisted frame was not looked at."""
        ...

    @property
    def objects(self) -> tuple[int, ...]:
        """Ids of all objects, ascending."""
        ...

    def masks(self, frame: int) -> Mapping[int, Mask]:
        """Every object of `objects` -> [H, W] bool on an annotated frame, all False where it is not seen.

        Raises ValueError that names the file where it cannot be read or is not what the layout says.
        """
        ...

    def files(self) -> Sequence[Path]:
        """All files that `masks` reads, for checksums."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An object and the frame on which it is to be prompted: by its data set's rule, where it is first annotated."""

    object_id: int
    frame: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatedVideo:
    """One sequence of a data set.

    Attributes
    ----------
    name: unique in its data set; may hold slashes.
    frames: picture files in order, at least one.
    annotations: the ground truth.
    targets: what to prompt where, by object id.
    scored: annotated frames that count, by the data set's rule, ascending.
    groups: object id -> group names of the data set's own split ("seen", "unseen"), where it has one.
    """

    name: str
    frames: tuple[Path, ...]
    annotations: Annotations
    targets: Sequence[Target]
    scored: tuple[int, ...]
    groups: Mapping[int, str]

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def stems(self) -> tuple[str, ...]:
        """File names of the frames without their ending: what predictions are named after."""
        return tuple(path.stem for path in self.frames)

    def frame(self, index: int) -> NDArray[np.uint8]:
        """Frame `index`, [H, W, 3] uint8 RGB."""
        return read_image(self.frames[index])

    def clip(self) -> Clip:
        """The frames as a clip, decoded on demand."""
        return ImageFolderClip(self.frames)
