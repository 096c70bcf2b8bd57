"""Frame-accurate decoding: any frame of an indexed video, sequentially or after a seek."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict, deque
from collections.abc import Iterator
from pathlib import Path

from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame

from masklet.media.container import decoded, describe, open_container, ordinal_of, packets
from masklet.media.errors import MediaError
from masklet.media.index import FrameIndex

_WORTH_A_SEEK = 16  # packets; decoding fewer than these is cheaper than flushing the decoder


class FrameDecoder:
    """Decodes frames of `path` by rank. Fast when ranks ascend; not for use by two threads at once.

    Parameters
    ----------
    kept_bytes: so much of what came out last is kept, asked for or not, one frame even where it is larger; 0: nothing.
        Who loads several frames at once asks for them nearly in their order, and to go back by one means to decode
        everything from the last key frame on.
    """

    def __init__(self, path: str | Path, index: FrameIndex, kept_bytes: int = 0) -> None:
        self._path = path
        self._index = index
        self._key_ordinals = [ordinal for ordinal, _ in index.keys]
        self._careful = False
        self._kept: OrderedDict[int, VideoFrame] = OrderedDict()
        self._most_kept = max(1, kept_bytes // (index.height * index.width * 3 // 2)) if kept_bytes else 0
        self._container: InputContainer | None = None
        self._reset()

    def frame(self, rank: int) -> VideoFrame:
        """Frame `rank` as decoded, not yet rotated or converted. Raises MediaError if it cannot be decoded."""
        if rank in self._index.broken:
            raise self._lost(rank, "its data is damaged")
        if rank in self._kept:
            return self._kept[rank]
        key = self._key_for(rank)
        ahead = self._key_ordinals[key] - self._fed if key >= 0 else 0
        if self._container is not None and rank > self._last and ahead <= _WORTH_A_SEEK:
            frame = self._advance(rank)
            if frame is not None:
                return frame
        # A seek may land where decoding does not recover in time (intra refresh): go back further, then to the start.
        for attempt in dict.fromkeys((key, key - 1, -1)):
            self._start(attempt)
            frame = self._advance(rank)
            if frame is None and self._error and not self._careful:
                self._careful = True
                self._start(attempt)
                frame = self._advance(rank)
            if frame is not None:
                return frame
            if self._error:
                break
        raise self._lost(rank, self._error or "its data is missing or damaged")

    def key_rank(self, rank: int) -> int:
        """The rank from which decoding has to start to reach `rank`."""
        key = self._key_for(rank)
        return max(0, int(self._index.rank[self._key_ordinals[key]])) if key >= 0 else 0

    def close(self) -> None:
        """Close the file."""
        self._kept.clear()
        self._shut()

    def _shut(self) -> None:
        if self._container is not None:
            self._container.close()
        self._container = None

    def _lost(self, rank: int, why: str) -> MediaError:
        return MediaError(f"frame {rank} of {self._path} cannot be decoded: {why}")

    def _reset(self) -> None:
        self._ready: deque[VideoFrame] = deque()
        self._packets: Iterator[Packet] = iter(())
        self._pending: Packet | None = None
        self._fed = 0
        self._first = 0
        self._last = -1
        self._ended = False
        self._spoiled = False
        self._recovered = -1
        self._error = ""

    def _key_for(self, rank: int) -> int:
        """The last key packet that precedes frame `rank` both in the file and on the screen; -1: the file's start.

        Frames that are shown before a key packet but stored after it (open GOP) need the key packet before.
        """
        key = bisect_right(self._key_ordinals, int(self._index.order[rank])) - 1
        while key >= 0 and not 0 <= self._index.rank[self._key_ordinals[key]] <= rank:
            key -= 1
        return key

    def _start(self, key: int) -> None:
        """Continue decoding at key packet number `key`, or an earlier one; below 1 at the start of the file."""
        while key > 0:
            ordinal, time = self._index.keys[key]
            if time is not None and self._seek(ordinal, time):
                return
            key = key // 2
        self._open()

    def _open(self) -> None:
        self._shut()
        self._reset()
        self._container, self._stream = open_container(self._path, strict=self._index.strict, threads=not self._careful)
        self._packets = packets(self._container, self._stream)

    def _seek(self, ordinal: int, time: int) -> bool:
        """Seek to key packet `ordinal` or one before it; False if the container cannot."""
        if self._container is None or self._ended or (self._careful and self._stream.codec_context.thread_count != 1):
            self._open()
        assert self._container is not None
        self._reset()
        try:
            self._container.seek(time, stream=self._stream, backward=True)
            self._packets = packets(self._container, self._stream)
            for packet in self._packets:
                found = self._index.located.get(getattr(packet, self._index.identity))
                if found is not None:
                    self._pending, self._fed = packet, found
                    self._first = int(self._index.rank[found])
                    return found <= ordinal
        except FFmpegError:
            return False
        return False

    def _advance(self, rank: int) -> VideoFrame | None:
        """Decode up to frame `rank`; None if it did not come."""
        while True:
            while self._ready:
                frame = self._ready.popleft()
                shown = self._rank_of(frame)
                if self._first <= shown <= rank:
                    self._keep(shown, frame)
                if shown == rank:
                    self._last = rank
                    return frame
                if shown > rank:
                    self._ready.appendleft(frame)
                    return None
            if self._ended or (self._error and not self._careful):
                return None
            self._feed()

    def _keep(self, rank: int, frame: VideoFrame) -> None:
        self._kept[rank] = frame
        while len(self._kept) > self._most_kept:
            self._kept.popitem(last=False)

    def _rank_of(self, frame: VideoFrame) -> int:
        """The frame's rank; -1 for one that is not shown, or predicted across a key packet from damaged frames."""
        ordinal, ranks = ordinal_of(frame), self._index.rank
        if not 0 <= ordinal < len(ranks):
            return -1
        rank = int(ranks[ordinal])
        return -1 if 0 <= self._recovered < ordinal and rank < ranks[self._recovered] else rank

    def _feed(self) -> None:
        ordinal = self._fed
        try:
            packet = self._pending or next(self._packets, None)
            self._pending = None
            if packet is None:
                self._ended = True
                self._ready += decoded(self._stream, None)
                return
            self._fed += 1
            if packet.is_keyframe and self._spoiled:
                self._spoiled = False
                self._recovered = ordinal
            if packet.is_corrupt or self._spoiled:
                return
            self._ready += [f for f in decoded(self._stream, packet, ordinal) if not f.is_corrupt]
        except FFmpegError as error:
            self._error = describe(error)
            self._spoiled = True
