"""What comes from a camera or a screen, kept as it comes: pictures in a file, masks and prompts in a journal beside it.

A recording that ends becomes a media of the store. One that a killed server left behind becomes one when the next
server begins; it lacks the last half second at most.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, TextIO

import av
from av.container import OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from masklet.masks import FrameMask, Rle
from masklet.server.apart import Unfit
from masklet.server.probing import probe_apart
from masklet.server.settings import Limits
from masklet.store import Change, MaskRecord, Media, ObjectRecord, PromptRecord, Store

logger = logging.getLogger("masklet.server")
_CLOCK = Fraction(1, 1000)
_NOMINAL_FPS = 30
_JOURNAL = ".jsonl"
_PICTURES = ".mkv"


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a recording will be: its name, the size of its pictures, whose it is."""

    name: str
    width: int
    height: int
    project_id: str
    author: str
    user: int | None


class Recording:
    """A recording under way. Its pictures are JPEGs, stored as they are (Motion JPEG in Matroska).

    Parameters
    ----------
    base
        The path of its files, without suffix.

    Raises
    ------
    OSError
        It cannot be written, here and from every method.
    """

    def __init__(self, base: Path, about: About) -> None:
        self.about = about
        self.frames = 0
        self.bytes = 0
        self.seconds = 0.0
        self._base = base
        # A connection may end while the worker still adds a picture: a closed container must not be written to.
        self._lock = threading.Lock()
        self._closed = False
        self._journal: TextIO = base.with_suffix(_JOURNAL).open("x", encoding="utf-8")
        self._note(about=asdict(about))
        # Small clusters, written at once: what a killed server leaves can be read up to the last of them.
        options = {"flush_packets": "1", "cluster_time_limit": "500"}
        self._container: OutputContainer = av.open(str(base.with_suffix(_PICTURES)), "w", options=options)
        stream = self._container.add_stream("mjpeg", rate=_NOMINAL_FPS)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = about.width, about.height, "yuvj420p"
        stream.time_base = _CLOCK
        self._stream = stream

    def add(self, jpeg: bytes, seconds: float, masks: Mapping[int, FrameMask]) -> None:
        """Adds the next picture with its masks by object. Raises ValueError where its time is not after the last, or
        the recording was closed."""
        with self._lock:
            self._check_open()
            self._add(jpeg, seconds, masks)

    def _add(self, jpeg: bytes, seconds: float, masks: Mapping[int, FrameMask]) -> None:
        time = round(seconds / _CLOCK)
        if self.frames and seconds - self.seconds < float(_CLOCK):
            raise ValueError(f"times ascend by a millisecond at least, got {seconds} s after {self.seconds} s")
        packet = Packet(jpeg)
        packet.stream, packet.time_base = self._stream, _CLOCK
        packet.pts = packet.dts = time
        packet.is_keyframe = True
        try:
            self._container.mux(packet)
        except FFmpegError as error:
            raise OSError(f"the recording cannot be written: {error.strerror}") from error
        for number, mask in masks.items():
            self._note_mask(number, mask)
        self._journal.flush()
        self.seconds = seconds
        self.frames += 1
        self.bytes += len(jpeg)

    def note_object(self, record: ObjectRecord) -> None:
        """An object came, or went (not `present`). Raises ValueError where the recording was closed."""
        with self._lock:
            self._check_open()
            self._note(object=asdict(record))

    def note_prompt(self, number: int, prompt: Mapping[str, Any], mask: FrameMask) -> None:
        """An object's whole prompt on an earlier picture, and the mask that it led to. Raises ValueError where the
        recording was closed."""
        with self._lock:
            self._check_open()
            self._note_mask(number, mask)
            self._note(prompt={"object": number, "frame": mask.frame, "prompt": prompt})

    def note_mask(self, number: int, mask: FrameMask) -> None:
        """An object's mask on an earlier picture, in place of what was known. Raises ValueError where the recording was
        closed."""
        with self._lock:
            self._check_open()
            self._note_mask(number, mask)

    def close(self) -> None:
        """Ends writing; the files stay. Closing twice is harmless."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            with suppress(FFmpegError):  # what is there is read up to where it is whole
                self._container.close()
            self._journal.close()

    def discard(self) -> None:
        """Ends writing and removes the files."""
        self.close()
        for suffix in (_PICTURES, _JOURNAL):
            self._base.with_suffix(suffix).unlink(missing_ok=True)

    def _check_open(self) -> None:
        if self._closed:
            raise ValueError("the recording is over")

    def _note_mask(self, number: int, mask: FrameMask) -> None:
        fields = {field: getattr(mask, field) for field in ("frame", "score", "iou", "visible", "prompted")}
        self._note(mask={"object": number, "counts": mask.rle.counts.decode("ascii"), **fields})

    def _note(self, **line: Any) -> None:
        self._journal.write(json.dumps(line, separators=(",", ":")) + "\n")


class Recordings:
    """The recordings of a server.

    Parameters
    ----------
    store, limits
        Where they become media, and what those may be.
    folder
        For the files. It is this server's alone.
    """

    def __init__(self, store: Store, folder: Path, limits: Limits) -> None:
        self._store = store
        self._folder = folder
        self._limits = limits
        folder.mkdir(parents=True, exist_ok=True)

    def begin(self, identity: str, about: About) -> Recording:
        """A recording under a new identity."""
        return Recording(self._folder / identity, about)

    def keep(self, identity: str) -> Media:
        """Makes a media of a recording that was closed, with all its objects as one edit.

        Raises Unfit where no picture of it can be read; its files are removed then.
        """
        journal = self._folder / f"{identity}{_JOURNAL}"
        pictures = self._folder / f"{identity}{_PICTURES}"
        lines = _lines(journal)
        try:
            about = About(**lines[0]["about"])
            found = probe_apart(pictures, self._limits)
        except (Unfit, IndexError, KeyError):
            pictures.unlink(missing_ok=True)
            journal.unlink()
            raise Unfit("nothing was recorded that can be read") from None
        media = self._entered(pictures) or self._store.add_media(
            name=about.name,
            path=str(pictures),
            uploaded=True,
            project_id=about.project_id,
            added_by=about.user,
            size=pictures.stat().st_size,
            **asdict(found),
        )
        change = _change(lines[1:], about, found.frames)
        if change.objects and self._store.state(media.id).head is None:
            payload = {"frames": found.frames}
            self._store.append(media.id, None, kind="recording", author=about.author, payload=payload, change=change)
        journal.unlink()
        return media

    def _entered(self, pictures: Path) -> Media | None:
        """The media of a recording whose server was killed just when it was entered."""
        return next((media for media in self._store.media() if media.path == str(pictures)), None)

    def recover(self) -> None:
        """Keeps what a server left behind that was killed."""
        for journal in sorted(self._folder.glob(f"*{_JOURNAL}")):
            try:
                media = self.keep(journal.stem)
            except Unfit as error:
                logger.warning("a recording was lost: %s", error)
            else:
                logger.info("a recording was kept", extra={"media": media.id, "frames": media.frames})


def _lines(journal: Path) -> list[dict[str, Any]]:
    """The whole lines of a journal, whose last one may be cut."""
    found: list[dict[str, Any]] = []
    for line in journal.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return found


def _change(lines: Iterable[Mapping[str, Any]], about: About, frames: int) -> Change:
    """What the lines of a journal come to: of every object, prompt and mask the last word, on frames that are there."""
    objects: dict[int, ObjectRecord] = {}
    prompts: dict[tuple[int, int], PromptRecord] = {}
    masks: dict[tuple[int, int], MaskRecord] = {}
    for line in lines:
        for what, fields in line.items():
            if what == "object":
                objects[fields["object"]] = ObjectRecord(**fields)
            elif fields["frame"] >= frames:
                continue
            elif what == "prompt":
                prompts[fields["object"], fields["frame"]] = PromptRecord(**fields)
            else:
                masks[fields["object"], fields["frame"]] = _mask_record(fields, about)
    present = {number: record for number, record in objects.items() if record.present}
    return Change(
        objects=tuple(present.values()),
        prompts=tuple(record for (number, _), record in sorted(prompts.items()) if number in present),
        masks=tuple(record for (number, _), record in sorted(masks.items()) if number in present),
    )


def _mask_record(fields: Mapping[str, Any], about: About) -> MaskRecord:
    rest = {key: value for key, value in fields.items() if key not in ("object", "counts")}
    rle = Rle(about.height, about.width, fields["counts"].encode("ascii"))
    return MaskRecord(object=fields["object"], frame=fields["frame"], mask=FrameMask(rle=rle, **rest))
