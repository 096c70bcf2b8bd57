"""Samples in tar archives, read in any order through an index of offsets.

An archive holds the files of a sample side by side, under one name up to the first dot, as the `webdataset` package
reads them too:

    KEY.jpg KEY.json                       a picture; the JSON as in SA-1B, whose own archives can be read as they are
    KEY.00000.jpg KEY.00001.jpg ... KEY.json   a clip; the JSON as in SA-V, every frame annotated
    KEY.jpg                                a picture without masks, among others like it alone

`index.json` beside the archives says where in them each file lies. It is made when they are first opened, and again
when they have changed.
"""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from masklet.data.footage import Frame, decode_jpeg
from masklet.data.sa1b import parse, picture_masks
from masklet.data.savideo import Masklets, video_masklets
from masklet.data.sequences import Mask
from masklet.media import write_text

INDEX = "index.json"
Extent = tuple[int, int]
"""Where a file lies in its archive: first byte, and bytes."""


@dataclass(frozen=True, slots=True)
class PackedClip:
    """One sample of an archive: a clip, or a picture as a clip of one frame, which has no masks without a listing."""

    shard: Path
    key: str
    pictures: tuple[Extent, ...]
    listing: Extent | None
    still: bool

    @property
    def name(self) -> str:
        return f"{self.shard.stem}/{self.key}"

    def __len__(self) -> int:
        return len(self.pictures)

    def frames(self, places: Sequence[int]) -> list[Frame]:
        found = _read(self.shard, [self.pictures[place] for place in places])
        return [
            decode_jpeg(data, f"{self.shard}: frame {i} of {self.key}") for i, data in zip(places, found, strict=True)
        ]

    def masks(self, place: int) -> Mapping[int, Mask]:
        if self.listing is None:
            return {}
        what = f"{self.shard}: {self.key}.json"
        if self.still:
            return picture_masks(_read(self.shard, [self.listing])[0], what)
        masklets = _masklets(self.shard, self.listing, what)
        if len(masklets) != len(self):
            raise ValueError(f"{what}: annotates {len(masklets)} frames, the archive has {len(self)}")
        return masklets.masks(place)

    @property
    def annotated(self) -> bool:
        """Whether it has masks."""
        return self.listing is not None

    def jpeg(self, place: int) -> bytes | None:
        return _read(self.shard, [self.pictures[place]])[0]


def open_shards(path: Path) -> list[PackedClip]:
    """The samples of an archive, or of all archives in a folder, by archive and in the order in which they lie there.

    Raises
    ------
    FileNotFoundError: no such file, or no archive in the folder.
    ValueError: no tar archive, one without samples, or with a sample that is no picture or clip with its JSON; pictures
        without one among others that have theirs.
    """
    shards = [path] if path.is_file() else sorted(path.glob("*.tar"))
    if not shards:
        raise FileNotFoundError(f"{path}: no such archive" if not path.is_dir() else f"{path}: no .tar archive in it")
    known = _known(shards[0].parent)
    indices = {shard: _current(known.get(shard.name), shard) for shard in shards}
    if any(index is None for index in indices.values()):
        # One index for all archives of the folder: what another one says of them is kept.
        indices = {shard: index or scan(shard) for shard, index in indices.items()}
        write_index(shards[0].parent, {**known, **{shard.name: index for shard, index in indices.items() if index}})
    found = [clip for shard, index in indices.items() if index for clip in _clips(shard, index)]
    if not found:
        raise ValueError(f"{path}: no samples in the archive")
    return found


def scan(shard: Path) -> dict[str, Any]:
    """What the index says of an archive: its size, and of each sample the place of its files by their endings."""
    samples: dict[str, dict[str, Extent]] = {}
    try:
        with tarfile.open(shard, "r:") as archive:
            for member in archive:
                if member.isfile():
                    folder, _, name = member.name.removeprefix("./").rpartition("/")
                    stem, _, ending = name.partition(".")
                    parts = samples.setdefault(f"{folder}/{stem}" if folder else stem, {})
                    parts[ending.lower()] = (member.offset_data, member.size)
    except tarfile.TarError as error:
        raise ValueError(
            f"{shard}: no readable tar archive (compressed ones have no random access): {error}"
        ) from error
    return {"bytes": shard.stat().st_size, "samples": [[key, parts] for key, parts in samples.items()]}


def write_index(folder: Path, shards: Mapping[str, Mapping[str, Any]]) -> None:
    """Write what `scan` found, by the names of the archives. In a folder that is read only there will be none."""
    if os.access(folder, os.W_OK):
        write_text(folder / INDEX, json.dumps({"shards": shards}, separators=(",", ":")))


def _known(folder: Path) -> dict[str, Any]:
    """What the folder's index says, by archive; nothing where there is none, or none of ours."""
    path = folder / INDEX
    if not path.is_file():
        return {}
    shards = parse(path.read_bytes(), str(path)).get("shards")
    if not isinstance(shards, dict):
        raise ValueError(f'{path}: expected {{"shards": ...}}, an index of archives; remove it, and it is made again')
    return shards


def _current(index: dict[str, Any] | None, shard: Path) -> dict[str, Any] | None:
    """The index of an archive, None where it is missing or the archive has changed."""
    return index if index is not None and index["bytes"] == shard.stat().st_size else None


def _clips(shard: Path, index: Mapping[str, Any]) -> list[PackedClip]:
    found = [_clip(shard, key, parts) for key, parts in index["samples"]]
    bare = next((clip for clip in found if not clip.annotated), None)
    if bare is not None and any(clip.annotated for clip in found):
        raise ValueError(
            f"{shard}: sample {bare.key}: expected {bare.key}.json, as other samples of the archive have theirs "
            "(pictures without masks need archives of their own)"
        )
    return found


def _clip(shard: Path, key: str, parts: Mapping[str, Sequence[int]]) -> PackedClip:
    extents = {ending: (int(extent[0]), int(extent[1])) for ending, extent in parts.items()}
    listing = extents.pop("json", None)
    pictures = sorted(ending for ending in extents if ending.rpartition(".")[2] in {"jpg", "jpeg"})
    still = pictures in (["jpg"], ["jpeg"])
    if not pictures or len(pictures) < len(extents) or (listing is None and not still):
        raise ValueError(
            f"{shard}: sample {key}: expected {key}.jpg, or {key}.00000.jpg and so on, and {key}.json (or {key}.jpg "
            f"alone, a picture without masks), got the endings {', '.join(parts)}"
        )
    return PackedClip(shard, key, tuple(extents[ending] for ending in pictures), listing, still)


def _read(shard: Path, extents: Sequence[Extent]) -> list[bytes]:
    with shard.open("rb") as file:
        found: list[bytes] = []
        for start, count in extents:
            file.seek(start)
            found.append(file.read(count))
        return found


@lru_cache(maxsize=4)
def _masklets(shard: Path, listing: Extent, what: str) -> Masklets:
    return video_masklets(parse(_read(shard, [listing])[0], what), what)
