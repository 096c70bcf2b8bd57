"""Results as files, made one after the other in the background."""

from __future__ import annotations

import logging
import shutil
import threading
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

from masklet.export import (
    FORMATS,
    Effect,
    effects_file,
    picture_with_effects,
    write_cutout_pngs,
    write_cutout_video,
    write_effects_video,
    write_format,
    write_overlay_video,
)
from masklet.export.effect_video import SMOOTHING
from masklet.export.effects import check_targets
from masklet.export.text import Picture
from masklet.masks import Masklet
from masklet.media import Clip, atomic_path
from masklet.server.clips import Borrowed, Clips
from masklet.server.model_side import is_drawn
from masklet.server.part import Part
from masklet.server.visitors import visitor
from masklet.store import Media, State, Store

logger = logging.getLogger("masklet.server")

ExportName = Literal[
    "masklet",
    "sav",
    "coco",
    "youtube-vis",
    "png",
    "palette-png",
    "overlay-video",
    "cutout-video",
    "cutout-png",
    "effects-video",
    "effects-prores",
]
_MASKS: dict[str, str] = {
    "masklet": "json",
    "sav": "sav",
    "coco": "coco",
    "youtube-vis": "ytvis",
    "png": "png",
    "palette-png": "davis",
}
"""Formats that hold masks alone, by their names in `FORMATS`."""
_PICTURES: dict[str, tuple[str, Callable[..., None]]] = {
    "overlay-video": ("overlay.mp4", write_overlay_video),
    "cutout-video": ("cutout.webm", write_cutout_video),
    "cutout-png": ("alpha", write_cutout_pngs),
}
"""Formats that read the frames: their file, and what writes it."""
_EFFECTS = ("effects-video", "effects-prores")
_MOST_KEPT = 32
_MOST_RUNNING = 8


class Busy(ValueError):
    """More is under way than the server takes on."""


@dataclass(slots=True, kw_only=True)
class Export:
    """One export: `state` is "running", "done" or "failed", `progress` 0..1, `name` that of the file to download;
    `user` is who asked for it (None: whoever sits at this machine)."""

    id: str
    name: str
    user: int | None
    state: Literal["running", "done", "failed"] = "running"
    progress: float = 0.0
    error: str | None = None
    file: Path | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOrder:
    """What to export: a format, `objects` (None: all), frames `start` .. `stop` - 1 (None: the first to the last that
    has a mask), and for the formats with effects, which."""

    kind: ExportName
    objects: tuple[int, ...] | None = None
    start: int | None = None
    stop: int | None = None
    effects: tuple[Effect, ...] = ()

    @property
    def file(self) -> Path:
        """The name of the file or folder that is written."""
        if self.kind == "effects-prores":
            return Path("effects.mov")
        if self.kind == "effects-video":
            return Path(effects_file(self.effects))
        return Path(_PICTURES[self.kind][0] if self.kind in _PICTURES else FORMATS[_MASKS[self.kind]].file)

    def check(self, media: Media, state: State) -> None:
        """Raises ValueError where the order does not fit the media."""
        unknown = sorted(set(self.objects or ()) - set(state.objects))
        if unknown:
            raise ValueError(f"there is no object {unknown[0]}; objects: {sorted(state.objects)}")
        if (self.kind in _EFFECTS) != bool(self.effects):
            wanted = "at least one effect" if self.kind in _EFFECTS else f"one of {', '.join(_EFFECTS)} for effects"
            raise ValueError(f"expected {wanted}, got {len(self.effects)} effects with {self.kind}")
        check_targets(self.effects, self.chosen(state))
        if not 0 <= self.first < self.end(media) <= media.frames:
            raise ValueError(f"expected frames within 0..{media.frames}, got {self.first}..{self.end(media)}")
        masks = [state.masks.get(number, {}) for number in self.chosen(state)]
        if not any(self.first <= frame < self.end(media) for frames in masks for frame in frames):
            raise ValueError("there is nothing to export: no object has a mask in these frames")

    def chosen(self, state: State) -> list[int]:
        return sorted(state.objects) if self.objects is None else sorted(set(self.objects))

    @property
    def first(self) -> int:
        return self.start or 0

    def end(self, media: Media) -> int:
        return media.frames if self.stop is None else self.stop


class Exports:
    """Makes exports in a thread of its own, and keeps the last few.

    Parameters
    ----------
    store, clips
        Where masks and frames come from.
    folder
        For the files; what an earlier server left there is removed.
    model
        Name of the model, for formats that keep it.
    part
        Of several workers this one, whom the ids of its exports lead back to.
    """

    def __init__(self, store: Store, clips: Clips, folder: Path, model: str, part: Part) -> None:
        self._part = part
        self._store = store
        self._clips = clips
        self._folder = folder
        self._model = model
        self._exports: dict[str, Export] = {}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(1, "masklet-export")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)

    def find(self, export_id: str) -> Export | None:
        return self._exports.get(export_id)

    def start(self, media: Media, order: ExportOrder) -> Export:
        """Begins an export of a media as it is now. Raises ValueError for what does not fit it, and Busy."""
        state = self._store.state(media.id)
        order.check(media, state)
        name = f"{Path(media.name).stem}-{order.file.stem}{order.file.suffix or '.zip'}"
        export = Export(id=self._part.new_id(), name=name, user=visitor().user)
        with self._lock:
            ended = [number for number, other in self._exports.items() if other.state != "running"]
            if len(self._exports) - len(ended) >= _MOST_RUNNING:
                raise Busy(f"{_MOST_RUNNING} exports are under way: wait for one of them")
            for number in ended[: max(0, len(self._exports) + 1 - _MOST_KEPT)]:
                self._remove(number)
            self._exports[export.id] = export
        self._pool.submit(self._make, export, media, order, state)
        return export

    def close(self) -> None:
        """Waits for the export under way; those that wait are dropped."""
        self._pool.shutdown(cancel_futures=True)

    def picture(self, media: Media, frame: int, effects: Sequence[Effect]) -> Picture:
        """A frame with effects, with alpha where something is cut out. Raises ValueError for what does not fit."""
        state = self._store.state(media.id)
        near = range(max(0, frame - SMOOTHING), min(media.frames, frame + SMOOTHING + 1))
        masks = masklets(self._store, media, state, sorted(state.objects), near)
        return picture_with_effects(masks, self._clips.get(media), frame, effects)

    def _make(self, export: Export, media: Media, order: ExportOrder, state: State) -> None:
        try:
            folder = self._folder / export.id
            path = self._write(export, media, order, state, folder)
            export.file = _zipped(path) if path.is_dir() else path
        except Exception as error:  # whatever went wrong belongs to whoever asks for the export
            logger.warning("an export failed", exc_info=error, extra={"export": export.id})
            known = isinstance(error, ValueError | OSError)
            export.error = " ".join(str(error).split()) if known else "internal error"
            export.state = "failed"
        else:
            export.progress = 1.0
            export.state = "done"

    def _write(self, export: Export, media: Media, order: ExportOrder, state: State, folder: Path) -> Path:
        frames = range(order.first, order.end(media))
        masks = masklets(self._store, media, state, order.chosen(state), frames)
        if order.kind in _MASKS:
            return write_format(_MASKS[order.kind], folder, masks, self._clips.get(media), model=self._model)
        held = {frame for masklet in masks for frame in masklet.frames}
        start = min(held) if order.start is None else order.start
        stop = max(held) + 1 if order.stop is None else order.stop

        def seen(_: int) -> None:
            export.progress = min(0.99, export.progress + 1 / (stop - start))

        clip: Clip = Borrowed(self._clips.get(media), seen)
        write = (
            _PICTURES[order.kind][1] if order.kind in _PICTURES else partial(write_effects_video, effects=order.effects)
        )
        folder.mkdir(parents=True)
        write(folder / order.file, masks, clip, start=start, stop=stop)
        return folder / order.file

    def _remove(self, export_id: str) -> None:
        del self._exports[export_id]
        shutil.rmtree(self._folder / export_id, ignore_errors=True)


def masklets(store: Store, media: Media, state: State, chosen: Sequence[int], frames: range) -> list[Masklet]:
    """The objects of a state as masklets of some frames, with their names and prompts."""
    found: list[Masklet] = []
    for number in chosen:
        entries = sorted((frame, entry) for frame, entry in state.masks.get(number, {}).items() if frame in frames)
        rles = store.masks([entry.row for _, entry in entries], media.height, media.width)
        prompts = [
            {
                "frame": frame,
                **({"mask": rles[state.masks[number][frame].row].to_coco()} if is_drawn(prompt) else prompt),
            }
            for frame, prompt in sorted(state.prompts.get(number, {}).items())
            if frame in frames
        ]
        records = [entry.with_runs(frame, rles[entry.row]) for frame, entry in entries]
        name = state.objects[number].name
        found.append(Masklet(number, media.height, media.width, records, name=name, prompts=prompts))
    return found


def _zipped(folder: Path) -> Path:
    target = folder.with_suffix(".zip")
    # Pictures are compressed already.
    with atomic_path(target) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder))
    shutil.rmtree(folder)
    return target
