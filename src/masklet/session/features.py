"""Image features of frames that may be looked at again: kept up to a bound, the least recently used ones go first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Protocol

from masklet.model.encoder import ImageFeatures


class FeatureStore(Protocol):
    """Where a session keeps the features of its frames."""

    def get(self, frame: int) -> ImageFeatures | None:
        """A frame's features, if they are still there."""
        ...

    def put(self, frame: int, features: ImageFeatures) -> None: ...


class LastFrames:
    """The features of the last few frames."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._kept: OrderedDict[int, ImageFeatures] = OrderedDict()

    def get(self, frame: int) -> ImageFeatures | None:
        return self._kept.get(frame)

    def put(self, frame: int, features: ImageFeatures) -> None:
        self._kept[frame] = features
        while len(self._kept) > self._count:
            self._kept.popitem(last=False)


class FeatureCache:
    """Features of frames of any number of videos, all by one model, within a bound of memory.

    Parameters
    ----------
    most_bytes
        Of the tensors; the least recently used features go first. One frame is kept even where it is larger.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._kept: OrderedDict[tuple[Hashable, int], ImageFeatures] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    @property
    def bytes(self) -> int:
        """What the kept features hold."""
        return self._bytes

    def of(self, video: Hashable) -> FeatureStore:
        """The part of one video, to be given to its session; what an earlier session of it left is there."""
        return _OfVideo(self, video)

    def get(self, video: Hashable, frame: int) -> ImageFeatures | None:
        with self._lock:
            features = self._kept.get((video, frame))
            if features is not None:
                self._kept.move_to_end((video, frame))
            return features

    def put(self, video: Hashable, frame: int, features: ImageFeatures) -> None:
        with self._lock:
            earlier = self._kept.pop((video, frame), None)
            if earlier is not None:
                self._bytes -= _size(earlier)
            self._kept[video, frame] = features
            self._bytes += _size(features)
            while self._bytes > self._most_bytes and len(self._kept) > 1:
                self._bytes -= _size(self._kept.popitem(last=False)[1])

    def drop(self, video: Hashable) -> None:
        """Forgets a video."""
        with self._lock:
            for key in [key for key in self._kept if key[0] == video]:
                self._bytes -= _size(self._kept.pop(key))


class _OfVideo:
    def __init__(self, cache: FeatureCache, video: Hashable) -> None:
        self._cache = cache
        self._video = video

    def get(self, frame: int) -> ImageFeatures | None:
        return self._cache.get(self._video, frame)

    def put(self, frame: int, features: ImageFeatures) -> None:
        self._cache.put(self._video, frame, features)


def _size(features: ImageFeatures) -> int:
    return sum(tensor.nbytes for tensor in (features.embedding, features.stride4, features.stride8))
