"""Reading all packets of a video, and decoding it to see which of them become frames."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from masklet.media.container import decoded, describe, open_container, ordinal_of, packets

_TRIAL_FRAMES = 8
_TRIAL_PACKETS = 64
_TRIAL_KEYS = 4


@dataclass(frozen=True, slots=True)
class PacketRecord:
    """What is kept of a packet: times in stream units, place in the file in bytes, flags."""

    pts: int | None
    dts: int | None
    pos: int | None
    key: bool
    shown: bool
    corrupt: bool


@dataclass(slots=True)
class Scan:
    """What came out of decoding, as packet ordinals.

    shown : frames in the order in which the decoder gave them. failed : those that are none or not to be trusted,
    because of damage to them or to packets they are predicted from. doubtful : frames that the decoder still held when
    it met damage, so that without presentation times their place is not known. intra : frames coded without others.
    first : a frame, for its size and side data.
    """

    shown: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    doubtful: list[int] = field(default_factory=list)
    intra: list[int] = field(default_factory=list)
    interlaced: bool = False
    first: VideoFrame | None = None

    def take(self, frames: list[VideoFrame]) -> None:
        """Note frames that came out of the decoder."""
        for frame in frames:
            self.first = self.first or frame
            self.interlaced |= bool(frame.interlaced_frame)
            ordinal = ordinal_of(frame)
            if frame.is_corrupt:
                self.failed.append(ordinal)
                continue
            self.shown.append(ordinal)
            if frame.key_frame or frame.pict_type == PictureType.I:
                self.intra.append(ordinal)


def read_packets(container: InputContainer, stream: VideoStream) -> tuple[list[PacketRecord], str | None]:
    """All packets of `stream`, and FFmpeg's words if an error ended them."""
    read: list[PacketRecord] = []
    gif = container.format.name == "gif"
    try:
        for p in packets(container, stream):
            # A GIF frame ends with an empty block, the file with ";"; FFmpeg hands out a frame cut off as if whole.
            cut = gif and bytes(p)[-1:] not in (b"\0", b";")
            read.append(PacketRecord(p.pts, p.dts, p.pos, p.is_keyframe, not p.is_discard, p.is_corrupt or cut))
    except FFmpegError as error:
        return read, describe(error)
    return read, None


def try_start(path: str | Path, read: list[PacketRecord]) -> Scan:
    """Decode the first few frames strictly."""
    out = Scan()
    container, stream = open_container(path)
    with container:
        for ordinal, packet in enumerate(packets(container, stream)):
            try:
                out.take(decoded(stream, packet, ordinal))
            except FFmpegError:
                out.failed.append(ordinal)
            if len(out.shown) >= _TRIAL_FRAMES or ordinal >= min(_TRIAL_PACKETS, len(read)):
                return out
        try:
            out.take(decoded(stream, None))
        except FFmpegError:
            out.failed.append(len(read) - 1)
    return out


def breaks_rules(path: str | Path, read: list[PacketRecord]) -> bool:
    """Whether strict decoding is impossible: it refuses each of several key packets, which decode leniently.

    That is no damage but an encoder that breaks a rule (some cameras do).
    """
    keys = [i for i, p in enumerate(read) if p.key][:_TRIAL_KEYS]
    if len(keys) < 2:
        return False
    return not any(_key_decodes(path, keys, strict=True)) and all(_key_decodes(path, keys, strict=False))


def scan(path: str | Path, read: list[PacketRecord], *, strict: bool, short: bool) -> Scan:
    """Decode the file from end to end. `short`: it is known to lack a part of its end."""
    out = _scan(path, read, strict=strict, threads=True, short=short)
    # Threads report an error late; the second pass finds the packet at fault.
    return _scan(path, read, strict=strict, threads=False, short=short) if out.failed or short else out


def _key_decodes(path: str | Path, keys: list[int], *, strict: bool) -> list[bool]:
    results: list[bool] = []
    container, stream = open_container(path, strict=strict, threads=False)
    with container:
        for ordinal, packet in enumerate(packets(container, stream)):
            if ordinal in keys:
                try:
                    decoded(stream, packet, ordinal)
                    results.append(True)
                except FFmpegError:
                    results.append(False)
            if ordinal >= keys[-1]:
                break
    return results


def _scan(path: str | Path, read: list[PacketRecord], *, strict: bool, threads: bool, short: bool) -> Scan:
    """A failed packet spoils all that follow it up to the next key packet, because they are predicted from it."""
    out = Scan()
    container, stream = open_container(path, strict=strict, threads=threads)
    spoiled = False
    breaks: list[tuple[int, int]] = []  # first failed packet, and how many frames had come out by then
    recovered: list[int] = []  # key packets after damage
    with container:
        for (ordinal, known), packet in zip(enumerate(read), packets(container, stream), strict=False):
            if spoiled and known.key:
                spoiled = False
                recovered.append(ordinal)
            good = not known.corrupt and not spoiled
            if good:
                try:
                    out.take(decoded(stream, packet, ordinal))
                except FFmpegError:
                    good = False
            if not good:
                if not spoiled:
                    breaks.append((ordinal, len(out.shown)))
                out.failed.append(ordinal)
                spoiled = True
        if short:
            breaks.append((len(read), len(out.shown)))
        try:
            out.take(decoded(stream, None))
        except FFmpegError:
            out.failed.append(len(read) - 1)
    if out.intra:  # what was cut off in the middle of a group of pictures starts with pictures of nothing
        out.shown = [i for i in out.shown if i >= min(out.intra)]
    out.doubtful = [i for failed, count in breaks for i in out.shown[count:] if i < failed]
    for key in recovered:
        if key in out.shown:  # frames shown before a key packet but stored after it look back at the damage
            out.failed += [i for i in out.shown[: out.shown.index(key)] if i > key]
    return out
