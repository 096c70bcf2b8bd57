"""The frame index of a video file: which packets become which frames, found once when the file is opened.

Terms: a packet's *ordinal* is its place in the file (decoding order); a frame's *rank* is its place in display order.
For codecs and containers that give one frame a packet and true presentation times, reading the packets (no decoding)
is enough, checked by decoding the first few frames. Everything else, and every file that looks damaged, is decoded
once from end to end.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from masklet.media.container import open_container
from masklet.media.errors import MediaError
from masklet.media.scan import PacketRecord, Scan, breaks_rules, read_packets, scan, try_start
from masklet.media.truncation import ends_early

_TRUE_TIMES = {"mov", "matroska", "gif"}
_GUESSED_TIMES = {"avi"}  # which stores none; the demuxer makes them up
_SAME_TIMES_AFTER_SEEK = {"mov", "matroska", "mpegts"}
_NEVER_REORDERED = {"mjpeg", "prores", "ffv1", "png", "dnxhd", "rawvideo", "huffyuv", "ffvhuff"}
_ONE_FRAME_A_PACKET = {"h264", "hevc", "vp9", "av1", "gif", *_NEVER_REORDERED}
_DELTA_ONLY = {"gif", "apng"}  # every frame is painted over the ones before, whatever the key flags say


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameIndex:
    """Where the frames of a video lie.

    order : rank -> ordinal. rank : ordinal -> rank, -1 for packets that give no frame.
    seconds : rank -> presentation time. keys : ordinals from which decoding can start, ascending, with their seek time
    in stream units (None: only from the start of the file). identity : packet field that recognises a key packet after
    a seek. broken : ranks that cannot be decoded. damage : what is lost at the end. strict : see `open_container`.
    width, height : of the stored frames. matrix : display matrix, 9 integers, or None.
    """

    order: np.ndarray
    rank: np.ndarray
    seconds: tuple[float, ...]
    keys: tuple[tuple[int, int | None], ...]
    identity: str
    located: dict[int, int]
    broken: frozenset[int]
    damage: str | None
    strict: bool
    fps: float
    width: int
    height: int
    matrix: tuple[int, ...] | None


def build_index(path: str | Path) -> FrameIndex:
    """Index the best video stream of `path`. Raises MediaError if not a single frame can be decoded."""
    container, stream = open_container(path)
    with container:
        read, ended_by = read_packets(container, stream)
        codec = stream.codec_context.codec.canonical_name
        time_base = stream.time_base or Fraction(1, 1000)
        rate = stream.average_rate or stream.guessed_rate
        declared = _declared(container, stream)
        formats = set(container.format.name.split(","))
    if not read:
        raise MediaError(f"{path}: the video has no frames")
    short = len(read) < declared or ended_by is not None or any(p.corrupt for p in read) or ends_early(path)
    start = try_start(path, read)
    strict = not (start.failed and breaks_rules(path, read))
    order = [i for i, p in enumerate(read) if p.shown]
    true_times = not formats & _GUESSED_TIMES and _unique(p.pts for p in read)
    if true_times:
        order = _by_pts(order, read)
    known = (formats & _TRUE_TIMES and true_times) or codec in _NEVER_REORDERED
    plain = known and codec in _ONE_FRAME_A_PACKET and read[0].key and not start.failed and not start.interlaced
    failed: set[int] = set()
    first = start.first
    if short or not (plain and _begins(order, start.shown)):
        found = scan(path, read, strict=strict, short=short)
        true_times = not formats & _GUESSED_TIMES and _ascending(found.shown, read)
        order, failed = _merge(found, read, true_times, may_start_late=not formats & _TRUE_TIMES)
        first = found.first
    end = _certain(order, read) if short and true_times else len(order)
    last = next((r for r in range(end - 1, -1, -1) if order[r] not in failed), None)
    if first is None or last is None:
        raise MediaError(f"{path}: no frame of the video can be decoded{f' ({ended_by})' if ended_by else ''}")
    damage = None
    if short or last + 1 < len(order):
        total = max(declared, len(order))
        told = f", {last + 1} of {total} frames can be decoded" if total > last + 1 else ""
        damage = f"the file is truncated or damaged after frame {last}{told}"
    order = order[: last + 1]
    ranks = np.full(len(read), -1, np.int64)
    ranks[order] = np.arange(len(order))
    seconds = _seconds(order, read, time_base, rate, true_times)
    fields = ("pts", "pos", "dts") if formats & _SAME_TIMES_AFTER_SEEK else ("pos", "pts", "dts")
    identity = next((name for name in fields if _unique(getattr(p, name) for p in read)), "")
    keys = [i for i, p in enumerate(read) if p.key and (i == 0 or codec not in _DELTA_ONLY)] if identity else []
    return FrameIndex(
        order=np.asarray(order, np.int64),
        rank=ranks,
        seconds=seconds,
        keys=tuple((i, _seek_time(read[i])) for i in keys),
        identity=identity,
        located={getattr(read[i], identity): i for i in keys},
        broken=frozenset(int(ranks[i]) for i in failed if ranks[i] >= 0),
        damage=damage,
        strict=strict,
        fps=_average_fps(seconds, rate),
        width=first.width,
        height=first.height,
        matrix=display_matrix(first),
    )


def display_matrix(frame: VideoFrame) -> tuple[int, ...] | None:
    """The nine 32-bit integers of a frame's display matrix (ISO 14496-12, 8.3.2), or None."""
    data = frame.side_data.get("DISPLAYMATRIX")
    return None if data is None else tuple(int(v) for v in np.frombuffer(data, np.int32))


def _declared(container: InputContainer, stream: VideoStream) -> int:
    """How many packets the header promises; 0 where it does not say."""
    if "mov" in container.format.name.split(","):
        # Unlike the frame count, the demuxer's table leaves out what an edit list cuts away.
        return len(stream.index_entries)
    return 0


def _unique(values: Iterable[int | None]) -> bool:
    seen = list(values)
    return None not in seen and len(set(seen)) == len(seen)


def _ascending(order: list[int], read: list[PacketRecord]) -> bool:
    """Whether all packets have different presentation times, which ascend along `order`."""
    return _unique(p.pts for p in read) and _by_pts(order, read) == order


def _by_pts(ordinals: list[int], read: list[PacketRecord]) -> list[int]:
    return sorted(ordinals, key=lambda i: read[i].pts or 0)


def _certain(order: list[int], read: list[PacketRecord]) -> int:
    """How many frames of a truncated file are known to follow each other without a gap.

    A packet that is missing may belong before a frame that is there, but none before the last decoding time.
    """
    limit = max((p.dts for p in read if p.dts is not None), default=None)
    return len(order) if limit is None else sum((read[i].pts or 0) <= limit for i in order)


def _begins(order: list[int], start: list[int]) -> bool:
    return bool(start) and order[: len(start)] == start


def _merge(
    found: Scan, read: list[PacketRecord], true_times: bool, *, may_start_late: bool
) -> tuple[list[int], set[int]]:
    """Ordinals in display order, those that failed at the places where they would have been shown; and the failed."""
    # Recorded broadcasts start anywhere: packets before the first key packet were never frames of this file.
    first_key = next((i for i, p in enumerate(read) if p.key), 0) if may_start_late else 0
    failed = {i for i in found.failed if i >= first_key and read[i].shown}
    if true_times:
        return _by_pts(sorted(failed.union(found.shown)), read), failed
    failed.update(found.doubtful)
    order = list(found.shown)
    for ordinal in sorted(failed.difference(order)):
        place = next((r for r, other in enumerate(order) if other > ordinal), len(order))
        order.insert(place, ordinal)
    return order, failed


def _seconds(
    order: list[int], read: list[PacketRecord], time_base: Fraction, rate: Fraction | None, true_times: bool
) -> tuple[float, ...]:
    times = [t for t in (read[i].pts for i in order) if t is not None]
    if not true_times:
        # Decoding times in ascending order are the presentation times but for a constant.
        times = sorted(t for t in (read[i].dts for i in order) if t is not None)
        if len(times) != len(order) or any(a == b for a, b in pairwise(times)):
            return tuple(float(r / (rate or 25)) for r in range(len(order)))
    return tuple(float(t * time_base) for t in times)


def _average_fps(seconds: tuple[float, ...], rate: Fraction | None) -> float:
    span = seconds[-1] - seconds[0]
    if span <= 0:
        return float(rate) if rate else 25.0
    measured = (len(seconds) - 1) / span
    # Time stamps are rounded (to milliseconds in Matroska); the header's rate is exact where both agree.
    return float(rate) if rate and abs(measured / float(rate) - 1) < 0.002 else measured


def _seek_time(packet: PacketRecord) -> int | None:
    times = [t for t in (packet.pts, packet.dts) if t is not None]
    return min(times) if times else None
