"""The clips of the media in use: each is indexed once, whoever reads it."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from weakref import WeakValueDictionary

from masklet.media import Clip, MediaError, open_clip
from masklet.media.clip import Frame
from masklet.store import Media

_OPEN = 8
_KEPT_BYTES = 24 * 2**20
"""Of decoded frames, in every clip."""


class Clips:
    """Open clips by media, the most recently used ones."""

    def __init__(self, most: int = _OPEN) -> None:
        self._most = most
        self._clips: OrderedDict[str, Clip] = OrderedDict()
        self._lock = threading.Lock()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def turn(self, media_id: str) -> asyncio.Lock:
        """To be held around reading a frame for a page, first come, first served. For the event loop's thread."""
        return self._turns.setdefault(media_id, asyncio.Lock())

    def get(self, media: Media) -> Clip:
        """The clip of a media. Raises MediaError where its file is gone, damaged, or another one by now."""
        with self._lock:
            clip = self._clips.get(media.id)
            if clip is not None:
                self._clips.move_to_end(media.id)
                return clip
        clip = Remembering(open_clip(media.path))
        found, expected = (len(clip), clip.width, clip.height), (media.frames, media.width, media.height)
        if found != expected:
            words = "{} frames of {}x{}"
            raise MediaError(
                f"{media.name} has changed since it was opened: it has {words.format(*found)}, "
                f"expected {words.format(*expected)}"
            )
        with self._lock:
            clip = self._clips.setdefault(media.id, clip)
            while len(self._clips) > self._most:
                self._clips.popitem(last=False)  # not closed: whoever still reads it may go on
            return clip

    def forget(self, media_id: str) -> None:
        with self._lock:
            self._clips.pop(media_id, None)


class Borrowed(Clip):
    """A clip that belongs to somebody else: closing it leaves theirs open.

    Parameters
    ----------
    clip
        Whose frames these are.
    seen
        Told of every frame that was read.
    """

    def __init__(self, clip: Clip, seen: Callable[[int], None] | None = None) -> None:
        super().__init__()
        self._clip = clip
        self._seen = seen
        self.name, self.height, self.width, self.fps = clip.name, clip.height, clip.width, clip.fps
        self.damage = clip.damage

    @property
    def timestamps(self) -> Sequence[float]:
        return self._clip.timestamps

    def __len__(self) -> int:
        return len(self._clip)

    def frame_name(self, index: int) -> str:
        return self._clip.frame_name(index)

    def _read(self, index: int) -> Frame:
        frame = self._clip[index]
        self._tell(index)
        return frame

    def _decode(self, indices: range) -> Iterator[Frame]:
        for index, frame in zip(indices, self._clip.frames(indices.start, indices.stop, indices.step), strict=True):
            self._tell(index)
            yield frame

    def pick(self, indices: Sequence[int]) -> Iterator[Frame]:
        for index, frame in zip(indices, self._clip.pick(indices), strict=True):
            self._tell(index)
            yield frame

    def _tell(self, index: int) -> None:
        if self._seen is not None:
            self._seen(index)


class Remembering(Borrowed):
    """A clip that keeps the frames that were read last. Page and model ask for the same frames and their neighbours:
    a video that has to go back decodes everything from its last key frame on once more.

    Parameters
    ----------
    clip
        Whose frames these are.
    most_bytes
        Of frames; one is kept even where it is larger.
    """

    def __init__(self, clip: Clip, most_bytes: int = _KEPT_BYTES) -> None:
        super().__init__(clip)
        self._most = max(1, most_bytes // (clip.height * clip.width * 3))
        self._frames: OrderedDict[int, Frame] = OrderedDict()
        self._lock = threading.Lock()

    def _read(self, index: int) -> Frame:
        with self._lock:
            kept = self._frames.get(index)
            if kept is not None:
                self._frames.move_to_end(index)
        if kept is None:
            kept = super()._read(index)
            with self._lock:
                self._frames[index] = kept
                while len(self._frames) > self._most:
                    self._frames.popitem(last=False)
        return kept.copy()
