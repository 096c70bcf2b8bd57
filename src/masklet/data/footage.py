"""What samples are cut from: annotated frames in their order, whatever the data set. A picture is a clip of one frame.

Legend: H W image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from masklet.data.layouts.stills import AnnotatedPicture
from masklet.data.samples import MAX_TARGET_SHARE, MIN_VISIBLE_SHARE
from masklet.data.sequences import AnnotatedVideo, Mask
from masklet.masks.rle import Rle
from masklet.media import read_image

Frame = NDArray[np.uint8]
JPEG_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif"})


class Footage(Protocol):
    """Frames of a video in their order, or one picture.

    Implementations hold paths and not pixels, so that worker processes get them cheaply.
    """

    @property
    def name(self) -> str:
        """What people find it by: the data set and the name in it."""
        ...

    def __len__(self) -> int:
        """How many frames there are."""
        ...

    def frames(self, places: Sequence[int]) -> list[Frame]:
        """The frames 0..len-1 of these places, in their order, each [H, W, 3] uint8 RGB."""
        ...

    def jpeg(self, place: int) -> bytes | None:
        """The frame as it is stored, None where that is not a JPEG file."""
        ...


class MaskedClip(Footage, Protocol):
    """The annotated frames of a video, or one picture. Frames without masks teach nothing and are left out."""

    def masks(self, place: int) -> Mapping[int, Mask]:
        """Object id -> [H, W] bool, decoded when asked for; an object that is missing or empty is not seen."""
        ...


def worthwhile(area: int, height: int, width: int) -> bool:
    """Whether an object of `area` pixels can be trained on, in a picture of `height` x `width`.

    Specks cannot, and what covers nearly all of a picture is left out as in SAM 2's training (appendix D.2.1).
    """
    return MIN_VISIBLE_SHARE <= area / (height * width) <= MAX_TARGET_SHARE


class LazyMasks(Mapping[int, Mask]):
    """Masks by object id, each decoded when it is asked for."""

    def __init__(self, ids: Iterable[int], decode: Callable[[int], Mask]) -> None:
        self._ids = dict.fromkeys(ids)
        self._decode = decode

    def __getitem__(self, object_id: int) -> Mask:
        if object_id not in self._ids:
            raise KeyError(object_id)
        return self._decode(object_id)

    def __iter__(self) -> Iterator[int]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)


@dataclass(frozen=True, eq=False)
class FilmedClip:
    """A video of any of the layouts that `open_videos` reads; `origin` names its data set."""

    video: AnnotatedVideo
    origin: str

    @property
    def name(self) -> str:
        return f"{self.origin}/{self.video.name}"

    def __len__(self) -> int:
        return len(self.video.annotations.frames)

    def frames(self, places: Sequence[int]) -> list[Frame]:
        return [read_frame(self._path(place)) for place in places]

    def masks(self, place: int) -> Mapping[int, Mask]:
        found = _outlines(self, place)
        return LazyMasks(found, lambda i: found[i].decode())

    def jpeg(self, place: int) -> bytes | None:
        return read_jpeg(self._path(place))

    def _path(self, place: int) -> Path:
        return self.video.frames[self.video.annotations.frames[place]]


@lru_cache(maxsize=50_000)
def _outlines(clip: FilmedClip, place: int) -> dict[int, Rle]:
    """What is seen on an annotated frame. Kept: as run lengths it takes a few kB and is many times quicker than PNG."""
    found = clip.video.annotations.masks(clip.video.annotations.frames[place])
    return {i: Rle.encode(mask) for i, mask in found.items() if mask.any()}


@dataclass(frozen=True, slots=True)
class StillClip:
    """A picture of any of the layouts that `open_pictures` reads.

    `objects` are those of its objects that are trained on; `origin` names its data set.
    """

    picture: AnnotatedPicture
    objects: tuple[int, ...]
    origin: str

    @property
    def name(self) -> str:
        return f"{self.origin}/{self.picture.name}"

    def __len__(self) -> int:
        return 1

    def frames(self, places: Sequence[int]) -> list[Frame]:
        return [read_frame(self.picture.path) for _ in places]

    def masks(self, place: int) -> Mapping[int, Mask]:  # noqa: ARG002
        return LazyMasks(self.objects, self.picture.mask)

    def jpeg(self, place: int) -> bytes | None:  # noqa: ARG002
        return read_jpeg(self.picture.path)


def check_fit(clip: MaskedClip, frame: Frame, mask: Mask) -> None:
    """Raises ValueError that names the clip where a frame and its mask differ in size."""
    if frame.shape[:2] != mask.shape:
        sizes = [f"{shape[1]}x{shape[0]}" for shape in (mask.shape, frame.shape)]
        raise ValueError(f"{clip.name}: a mask is {sizes[0]} (width x height), its frame {sizes[1]}: sizes differ")


def read_frame(path: Path) -> Frame:
    """A picture file, [H, W, 3] uint8 RGB, upright. Raises MediaError that names it where it cannot be read."""
    data = read_jpeg(path)
    # OpenCV decodes JPEG in half the time, but makes up what is missing of a file that was cut off: Pillow refuses it.
    return read_image(path) if data is None else decode_jpeg(data, str(path))


def read_jpeg(path: Path) -> bytes | None:
    """The contents of a JPEG file that `decode_jpeg` takes; None for all others, which are for `read_image` to judge.

    Some are called .jpg and are PNG, or have a video behind the picture.
    """
    data = path.read_bytes() if path.suffix.lower() in JPEG_SUFFIXES and path.is_file() else b""
    return data if data.startswith(b"\xff\xd8") and _ends(data) else None


def decode_jpeg(data: bytes, what: str) -> Frame:
    """A JPEG in memory, [H, W, 3] uint8 RGB. Raises ValueError that names `what` where it cannot be decoded."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB) if _ends(data) else None
    if image is None:
        raise ValueError(f"{what}: not a readable JPEG picture ({len(data)} bytes)")
    return np.asarray(image, np.uint8)


def _ends(data: bytes) -> bool:
    """Whether the marker that ends a JPEG is there; cameras may write a little behind it."""
    return b"\xff\xd9" in data[-4096:]
