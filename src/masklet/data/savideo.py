"""SA-V's training set: `VIDEO.mp4` beside `VIDEO_manual.json` and `VIDEO_auto.json`, of which one may be missing.

    {"video_frame_count": N, "masklet_id": [I, ...], "masklet": [frame][object] as COCO run lengths, ...}

Every fourth frame is annotated. Specification: README of the SA-V data set. A video and its JSON are opened when a
sample is cut from them: there are fifty thousand.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from masklet.data.footage import Frame, LazyMasks
from masklet.data.sa1b import decode, parse
from masklet.data.sequences import Mask
from masklet.media import VideoClip
from masklet.media.folder import natural_key

EVERY = 4
KINDS = ("manual", "auto")


@dataclass(frozen=True, slots=True)
class Masklets:
    """The objects of a video: `table[frame][object]` are COCO run lengths, of the objects `ids`."""

    ids: tuple[int, ...]
    table: Sequence[Sequence[object]]
    what: str

    def __len__(self) -> int:
        return len(self.table)

    def masks(self, place: int) -> Mapping[int, Mask]:
        """The objects of an annotated frame."""
        row = dict(zip(self.ids, self.table[place], strict=True))
        return LazyMasks(row, lambda i: decode(row[i], f"{self.what}: masklet {i} in annotated frame {place}"))


@dataclass(frozen=True, slots=True)
class SavClip:
    """A video of SA-V with its annotated frames.

    Attributes
    ----------
    path: the video. listings: its JSON files. The objects of a second one count on from those of the first.
    """

    path: Path
    listings: tuple[Path, ...]

    @property
    def name(self) -> str:
        return self.path.stem

    def __len__(self) -> int:
        return len(_read(self.listings[0])[0])

    def frames(self, places: Sequence[int]) -> list[Frame]:
        """Decoded in the order of time, which spares seeking back where a sample runs backward."""
        every = _read(self.listings[0])[1]
        with VideoClip(self.path) as clip:
            last = max(places) * every
            if last >= len(clip):
                raise ValueError(f"{self.path}: {len(clip)} frames, but {self.listings[0].name} annotates frame {last}")
            found = {place: clip[place * every] for place in sorted(set(places))}
        return [found[place] for place in places]

    def masks(self, place: int) -> Mapping[int, Mask]:
        parts = [_read(path)[0] for path in self.listings]
        if len({len(part) for part in parts}) > 1:
            raise ValueError(f"{self.listings[1]}: annotates other frames than {self.listings[0].name}")
        merged: dict[int, tuple[Mapping[int, Mask], int]] = {}
        for part in parts:
            first = max(merged, default=-1) + 1 if merged else 0
            merged |= {first + i: (part.masks(place), i) for i in part.ids}
        return LazyMasks(merged, lambda i: merged[i][0][merged[i][1]])

    def jpeg(self, place: int) -> bytes | None:  # noqa: ARG002
        return None


def open_sav_videos(root: Path) -> list[SavClip]:
    """The videos of SA-V in `root`, or in the folders in it as the archives unpack (`sav_000/`).

    Raises
    ------
    FileNotFoundError: no videos, one without a JSON, or a JSON without its video.
    """
    videos = sorted([*root.glob("*.mp4"), *root.glob("*/*.mp4")], key=lambda path: (path.parent, natural_key(path)))
    if not videos:
        raise FileNotFoundError(f"{root}: expected VIDEO.mp4 beside VIDEO_manual.json, in it or in its folders (SA-V)")
    found: list[SavClip] = []
    for path in videos:
        candidates = [path.with_name(f"{path.stem}_{kind}.json") for kind in KINDS]
        listings = tuple(candidate for candidate in candidates if candidate.is_file())
        if not listings:
            raise FileNotFoundError(
                f"{candidates[0]}: no such file, and no {candidates[1].name}; {path.name} needs one"
            )
        found.append(SavClip(path, listings))
    known = {path for clip in found for path in clip.listings}
    for kind in KINDS:
        for path in [*root.glob(f"*_{kind}.json"), *root.glob(f"*/*_{kind}.json")]:
            if path not in known:
                missing = path.with_name(path.name.replace(f"_{kind}.json", ".mp4"))
                raise FileNotFoundError(f"{missing}: no such file; {path.name} annotates it")
    return found


def video_masklets(value: Mapping[str, Any], what: str) -> Masklets:
    """The objects of a JSON of SA-V. Raises ValueError that begins with `what`."""
    ids, table = value.get("masklet_id"), value.get("masklet")
    if not (isinstance(ids, list) and isinstance(table, list) and table):
        raise ValueError(f'{what}: expected {{"masklet_id": [...], "masklet": [frame][object]}} (SA-V)')
    if not all(isinstance(row, list) and len(row) == len(ids) for row in table):
        raise ValueError(f"{what}: masklet is a list of frames with {len(ids)} masks each, one for each masklet_id")
    if not all(isinstance(i, int) for i in ids) or len(set(ids)) < len(ids):
        raise ValueError(f"{what}: masklet_id is a list of different whole numbers, got {str(ids)[:60]}")
    return Masklets(tuple(ids), table, what)


@lru_cache(maxsize=4)
def _read(path: Path) -> tuple[Masklets, int]:
    """The objects of a JSON file, and which frames are annotated: each n-th."""
    value = parse(path.read_bytes(), str(path))
    masklets = video_masklets(value, str(path))
    count = value.get("video_frame_count")
    if not isinstance(count, (int, float)):
        raise ValueError(f"{path}: expected a number as video_frame_count, got {count!r}")
    for every in (EVERY, *range(1, max(2, int(count)))):
        if math.ceil(count / every) == len(masklets):
            return masklets, every
    raise ValueError(f"{path}: {len(masklets)} annotated frames are not each n-th of {count:g} for any n")
