"""Results as files, made one after the other in the background."""

from __future__ import annotations

import logging
import secrets
import shutil
import threading
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from masklet.export import FORMATS, write_format
from masklet.masks import Masklet
from masklet.media import atomic_path
from masklet.server.clips import Borrowed, Clips
from masklet.server.model_side import is_drawn
from masklet.server.visitors import visitor
from masklet.store import Media, State, Store

logger = logging.getLogger("masklet.server")

ExportName = Literal[
    "masklet", "sav", "coco", "youtube-vis", "png", "palette-png", "overlay-video", "cutout-video", "cutout-png"
]
_FORMATS: dict[str, str] = {
    "masklet": "json",
    "sav": "sav",
    "coco": "coco",
    "youtube-vis": "ytvis",
    "png": "png",
    "palette-png": "davis",
    "overlay-video": "overlay",
    "cutout-video": "webm",
    "cutout-png": "alpha",
}
_READS_FRAMES = {"overlay-video", "cutout-video", "cutout-png"}
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
    """

    def __init__(self, store: Store, clips: Clips, folder: Path, model: str) -> None:
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

    def start(self, media: Media, kind: ExportName, objects: Sequence[int] | None) -> Export:
        """Begins an export of a media as it is now. Raises ValueError for objects that are not there, and Busy."""
        state = self._store.state(media.id)
        unknown = sorted(set(objects or ()) - set(state.objects))
        if unknown:
            raise ValueError(f"there is no object {unknown[0]}; objects: {sorted(state.objects)}")
        chosen = sorted(state.objects) if objects is None else sorted(set(objects))
        if not any(state.masks.get(number) for number in chosen):
            raise ValueError("there is nothing to export: no object has a mask")
        made = Path(FORMATS[_FORMATS[kind]].file)
        name = f"{Path(media.name).stem}-{made.stem}{made.suffix or '.zip'}"
        export = Export(id=secrets.token_hex(12), name=name, user=visitor().user)
        with self._lock:
            ended = [number for number, other in self._exports.items() if other.state != "running"]
            if len(self._exports) - len(ended) >= _MOST_RUNNING:
                raise Busy(f"{_MOST_RUNNING} exports are under way: wait for one of them")
            for number in ended[: max(0, len(self._exports) + 1 - _MOST_KEPT)]:
                self._remove(number)
            self._exports[export.id] = export
        self._pool.submit(self._make, export, media, kind, state, chosen)
        return export

    def close(self) -> None:
        """Waits for the export under way; those that wait are dropped."""
        self._pool.shutdown(cancel_futures=True)

    def _make(self, export: Export, media: Media, kind: ExportName, state: State, chosen: Sequence[int]) -> None:
        try:
            masks = masklets(self._store, media, state, chosen)
            total = max(1, len({frame for masklet in masks for frame in masklet.frames}))

            def seen(_: int) -> None:
                if kind in _READS_FRAMES:
                    export.progress = min(0.99, export.progress + 1 / total)

            folder = self._folder / export.id
            path = write_format(
                _FORMATS[kind], folder, masks, Borrowed(self._clips.get(media), seen), model=self._model
            )
            export.file = _zipped(path) if path.is_dir() else path
        except Exception as error:  # whatever went wrong belongs to whoever asks for the export
            logger.warning("an export failed", exc_info=error, extra={"export": export.id})
            known = isinstance(error, ValueError | OSError)
            export.error = " ".join(str(error).split()) if known else "internal error"
            export.state = "failed"
        else:
            export.progress = 1.0
            export.state = "done"

    def _remove(self, export_id: str) -> None:
        del self._exports[export_id]
        shutil.rmtree(self._folder / export_id, ignore_errors=True)


def masklets(store: Store, media: Media, state: State, chosen: Sequence[int]) -> list[Masklet]:
    """The objects of a state as masklets, with their names and prompts."""
    found: list[Masklet] = []
    for number in chosen:
        entries = sorted(state.masks.get(number, {}).items())
        rles = store.masks([entry.row for _, entry in entries], media.height, media.width)
        prompts = [
            {
                "frame": frame,
                **({"mask": rles[state.masks[number][frame].row].to_coco()} if is_drawn(prompt) else prompt),
            }
            for frame, prompt in sorted(state.prompts.get(number, {}).items())
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
