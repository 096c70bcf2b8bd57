"""Training data from whatever folder someone has: recognised, opened, and made into sources of samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from masklet.data.augment import PUBLISHED, Augmentation, Augmented
from masklet.data.clips import ClipSource
from masklet.data.footage import FilmedClip, Footage, MaskedClip, StillClip, worthwhile
from masklet.data.layouts.coco import find_json
from masklet.data.layouts.folders import split_folder
from masklet.data.layouts.opening import LAYOUTS, open_videos
from masklet.data.layouts.opening import recognise as recognise_videos
from masklet.data.layouts.plain import FRAMES, MASKS, has_both
from masklet.data.mixture import Mixture
from masklet.data.pictures import PICTURE_LAYOUTS, open_pictures
from masklet.data.pictures import recognise as recognise_pictures
from masklet.data.sa1b import open_sa1b
from masklet.data.samples import Source, Sources
from masklet.data.savideo import open_sav_videos
from masklet.data.stills import StillPool, StillSource
from masklet.data.synthesis import ClipSynthesis
from masklet.data.tars import PackedClip, open_shards
from masklet.data.unlabelled import UnlabelledSource, has_pictures, open_unlabelled
from masklet.data.vanishing import Vanishing
from masklet.media.images import IMAGE_SUFFIXES, image_size

SHARDS, PROJECT, SAV_TRAIN, SA1B, UNLABELLED = "shards", "project", "sav-train", "sa-1b", "pictures"
TRAINING_LAYOUTS = (SHARDS, PROJECT, SAV_TRAIN, SA1B, *LAYOUTS, *PICTURE_LAYOUTS, UNLABELLED)
"""What `open_collections` takes as a layout, beside "auto"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """One data set: its pictures, or its clips, or pictures without masks; archives may hold all of them.

    Attributes
    ----------
    lengths: annotated frames of each clip; None: not known before a clip is opened, and there are too many to open all.
    """

    name: str
    pictures: Sequence[MaskedClip] = ()
    clips: Sequence[MaskedClip] = ()
    lengths: Sequence[int] | None = None
    unlabelled: Sequence[Footage] = ()

    @property
    def weights(self) -> list[float] | None:
        """How often each clip is drawn, in proportion: one of four times the length twice as often. None: all alike."""
        return None if self.lengths is None else [float(np.sqrt(length)) for length in self.lengths]


def open_sources(
    path: Path,
    layout: str = "auto",
    *,
    split: str | None = None,
    augmentation: Augmentation = PUBLISHED,
    ratios: Mapping[str, float] | None = None,
) -> Sources:
    """Sources of stills, of clips made from stills, and of filmed clips, from a folder, a JSON or an archive.

    Without filmed clips, clips made from stills stand for them; without pictures, the annotated frames of the clips
    stand for these. Pictures without masks are stills without objects; with nothing else, there are no clips.

    Parameters
    ----------
    path, layout, split: see `open_collections`.
    augmentation: how samples are varied.
    ratios: how often each data set in `path` is drawn, by its name; those that are not named are drawn as often as
        they have pictures or clips.

    Raises
    ------
    FileNotFoundError: nothing there, or no layout that fits (the message says what was looked for).
    ValueError: contents that are not what the layout says, ratios of data sets that are not there, nothing to train on.

    Example
    -------
    >>> sources = open_sources(Path("my-coco"))  # doctest: +SKIP
    >>> sources.stills.sample(np.random.default_rng(1), length=1, size=512, objects=3)  # doctest: +SKIP
    """
    return sources_of(open_collections(path, layout, split=split), augmentation=augmentation, ratios=ratios)


def sources_of(
    collections: Sequence[Collection],
    *,
    augmentation: Augmentation = PUBLISHED,
    ratios: Mapping[str, float] | None = None,
) -> Sources:
    """As `open_sources`, of collections that are open."""
    ratios = ratios or {}
    names = [collection.name for collection in collections]
    for name in ratios:
        if name not in names:
            raise ValueError(f"a ratio is given for {name!r}, but the data sets are {', '.join(names)}")
    changes = augmentation.changes
    unlabelled = [
        (UnlabelledSource(c.name, c.unlabelled, augmentation.stills), ratios.get(c.name, len(c.unlabelled)))
        for c in collections
        if c.unlabelled
    ]
    pictured = [(c.pictures, ratios.get(c.name, len(c.pictures))) for c in collections if c.pictures]
    filmed = [c for c in collections if c.clips]
    if not pictured and not filmed:
        only = Augmented(Mixture(unlabelled), changes)
        return Sources(stills=only, synthetic=only, real=only)
    annotated = pictured or [(c.clips, ratios.get(c.name, len(c.clips))) for c in filmed]
    pool = StillPool(annotated, augmentation.least)
    stills: Source = StillSource(pool, augmentation.still_mosaics, augmentation.stills)
    films = None
    if filmed:
        parts = [(_clip_source(c, augmentation), ratios.get(c.name, len(c.clips))) for c in filmed]
        films = Mixture(parts) if len(parts) > 1 else parts[0][0]
    synthetic: Source = ClipSynthesis(pool, films)
    real = films or synthetic
    if augmentation.vanishing:
        synthetic, real = (Vanishing(source, stills, augmentation.vanishing) for source in (synthetic, real))
    if unlabelled:
        stills = Mixture([(stills, sum(ratio for _, ratio in annotated)), *unlabelled])
    return Sources(
        stills=Augmented(stills, changes), synthetic=Augmented(synthetic, changes), real=Augmented(real, changes)
    )


def open_collections(path: Path, layout: str = "auto", *, split: str | None = None) -> list[Collection]:
    """The data sets in a folder.

    Parameters
    ----------
    path: the folder, or a COCO JSON, or a tar archive.
    layout: one of `TRAINING_LAYOUTS`, or "auto", which recognises:

        a COCO JSON with its pictures; pictures with masks (`images/` and `masks/`, VOC); SA-1B (`sa_*.jpg` beside
        `sa_*.json`); clips with masks (DAVIS, YouTube-VOS, MOSE, LVOS, palettes, masks per object, SA-V's val and
        test); SA-V's training set (`*.mp4` beside `*_manual.json`, `*_auto.json`); archives (`*.tar`);
        `stills/SET/` beside `clips/`, each of which is one of the others; and, where none of these is found,
        pictures without masks, in any folders.
    split: of a data set of videos that has splits.

    Raises
    ------
    FileNotFoundError, ValueError: as `open_sources`.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file or folder")
    if layout == "auto":
        layout = recognise(path, split)
    if layout not in TRAINING_LAYOUTS:
        raise ValueError(f"layout must be auto or one of {', '.join(TRAINING_LAYOUTS)}, got {layout!r}")
    if split is not None and layout not in LAYOUTS:
        raise ValueError(f"{path}: a split was given ({split}), but the layout {layout} has none")
    return _project(path) if layout == PROJECT else [_collection(path, layout, split)]


def _collection(path: Path, layout: str, split: str | None) -> Collection:
    """The data set in a folder of a layout that is known."""
    name = path.resolve().name
    if layout == SHARDS:
        return _packed(name, open_shards(path))
    if layout == SAV_TRAIN:
        return _checked(name, path, clips=open_sav_videos(path))
    if layout == SA1B:
        return _checked(name, path, open_sa1b(path))
    if layout == UNLABELLED:
        return Collection(name=name, unlabelled=open_unlabelled(path))
    if layout in PICTURE_LAYOUTS:
        return _checked(name, path, _stills(path, layout, name))
    films = [FilmedClip(video, name) for video in open_videos(path, layout, split=split)]
    return _checked(name, path, clips=films, lengths=list(map(len, films)))


def _packed(name: str, samples: Sequence[PackedClip]) -> Collection:
    """The data set of archives that hold at least one sample."""
    clips = [clip for clip in samples if not clip.still]
    return Collection(
        name=name,
        pictures=[picture for picture in samples if picture.still and picture.annotated],
        clips=clips,
        lengths=list(map(len, clips)),
        unlabelled=[picture for picture in samples if not picture.annotated],
    )


def recognise(path: Path, split: str | None = None) -> str:
    """The layout of a file or folder. Raises FileNotFoundError that says what was looked for."""
    if path.is_file():
        layouts = {".tar": SHARDS, ".json": "coco"}
        if path.suffix.lower() not in layouts:
            raise ValueError(f"{path}: expected a folder, a COCO .json or a .tar archive")
        return layouts[path.suffix.lower()]
    own = next((layout for layout, fits in _TESTS if fits(path)), None)
    if own is not None:
        return own
    try:
        return recognise_videos(split_folder(path, split, "sav_"))
    except FileNotFoundError as error:
        videos = error
    try:
        return recognise_pictures(path)
    except FileNotFoundError as pictures:
        if has_pictures(path):
            return UNLABELLED
        looked = " and ".join(str(error).partition("looked for ")[2] for error in (videos, pictures))
        raise FileNotFoundError(
            f"{path}: no known layout in it; looked for *.tar (shards), *.mp4 beside *_manual.json (sav-train), "
            f"sa_*.jpg beside sa_*.json (sa-1b), stills/ and clips/ (project), {looked}, and any pictures (pictures)"
        ) from None


def _are_pictures(path: Path) -> bool:
    """Whether `JPEGImages` and `Annotations` hold pictures (VOC), not the frames of one video, which are numbered."""
    names = [entry for entry in (path / FRAMES).iterdir() if entry.suffix.lower() in IMAGE_SUFFIXES]
    flat = any(entry.suffix.lower() == ".png" for entry in (path / MASKS).iterdir())
    return flat and not all(entry.stem.isdecimal() for entry in names)


def _has(path: Path, pattern: str) -> bool:
    return next(path.glob(pattern), None) is not None


_TESTS: tuple[tuple[str, Callable[[Path], bool]], ...] = (
    (SHARDS, lambda path: _has(path, "*.tar")),
    (SAV_TRAIN, lambda path: _has(path, "*.mp4") or _has(path, "*/*.mp4")),
    (SA1B, lambda path: _has(path, "sa_*.jpg") or _has(path, "*/sa_*.jpg")),
    (PROJECT, lambda path: not has_both(path) and any((path / part).is_dir() for part in ("stills", "clips"))),
    ("coco", lambda path: find_json(path) is not None),
    ("masks", lambda path: has_both(path) and _are_pictures(path)),
)


def _project(path: Path) -> list[Collection]:
    """`stills/SET/` in any layout of pictures, `clips/` in any layout of videos."""
    found: list[Collection] = []
    if (path / "stills").is_dir():
        for folder in sorted(entry for entry in (path / "stills").iterdir() if entry.is_dir()):
            layout = recognise(folder)
            if layout in LAYOUTS:
                raise ValueError(f"{folder}: holds clips ({layout}); expected pictures, clips go into {path / 'clips'}")
            found += open_collections(folder, layout)
    if (path / "clips").is_dir():
        found += open_collections(path / "clips")
    if not found:
        raise FileNotFoundError(f"{path}: expected folders of pictures in stills/, or clips in clips/")
    return found


def _stills(path: Path, layout: str, name: str) -> list[StillClip]:
    """The pictures of a set that have an object worth training on."""
    found: list[StillClip] = []
    for picture in open_pictures(path, layout):
        height, width = image_size(picture.path)
        objects = tuple(i for i, area in picture.areas.items() if worthwhile(area, height, width))
        if objects:
            found.append(StillClip(picture, objects, name))
    return found


def _checked(
    name: str,
    path: Path,
    pictures: Sequence[MaskedClip] = (),
    clips: Sequence[MaskedClip] = (),
    lengths: Sequence[int] | None = None,
) -> Collection:
    if not pictures and not clips:
        raise ValueError(f"{path}: nothing to train on: no picture has an object between 0.02 % and 90 % of it")
    return Collection(name=name, pictures=pictures, clips=clips, lengths=lengths)


def _clip_source(collection: Collection, augmentation: Augmentation) -> ClipSource:
    return ClipSource(
        collection.clips,
        max_stride=augmentation.max_stride,
        reverse=augmentation.reverse,
        framing=augmentation.clips,
        least=augmentation.least,
        weights=collection.weights,
    )
