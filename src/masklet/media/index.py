"""The frame index of a video file: which packets become which frames, found once when the file is opened.

Terms: a packet's *ordinal* is its place in the file (decoding order); a frame's *rank* is its place in display order.
For codecs and containers that give one frame a packet and true presentation times, reading the packets (no decoding)
is enough, checked by decoding the first few frames. Everything else, and every file that looks damaged, is decoded
once from end to end.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from masklet.media.container import decoded, describe, open_container, ordinal_of, packets
from masklet.media.errors import MediaError
from masklet.media.truncation import ends_early

_TRUE_TIMES = {"mov", "matroska", "gif"}
_ONE_FRAME_A_PACKET = {"h264", "hevc", "vp9", "av1", "mjpeg", "prores", "ffv1", "png", "dnxhd", "rawvideo", "gif"}
_DELTA_ONLY = {"gif", "apng"}  # every frame is painted over the ones before, whatever the key flags say
_TRIAL_FRAMES = 8
_TRIAL_PACKETS = 64


@dataclass(frozen=True, slots=True)
class Packet:
    """What the index keeps of a packet."""

    pts: int | None
    dts: int | None
    pos: int | None
    key: bool
    shown: bool
    corrupt: bool


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


@dataclass(slots=True)
class _Decoding:
    """What came out of decoding some or all packets."""

    shown: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    fed: int = 0
    interlaced: bool = False
    first: VideoFrame | None = None


def build_index(path: str | Path) -> FrameIndex:
    """Index the best video stream of `path`. Raises MediaError if not a single frame can be decoded."""
    container, stream = open_container(path)
    with container:
        read, ended_by = _read_packets(container, stream)
        codec = stream.codec_context.codec.canonical_name
        time_base = stream.time_base or Fraction(1, 1000)
        rate = stream.average_rate or stream.guessed_rate
        declared = _declared(container, stream)
        formats = set(container.format.name.split(","))
    if not read:
        raise MediaError(f"{path}: the video has no frames")
    true_times = _unique(p.pts for p in read)
    short = len(read) < declared or ended_by is not None or any(p.corrupt for p in read) or ends_early(path)
    trial = _decode(path, read, strict=True, threads=True, trial=True)
    strict = True
    if trial.failed and 2 * len(trial.failed) >= trial.fed and read[0].key:
        # Half of the packets at fault is no damage but an encoder that breaks a rule (some cameras): be lenient.
        lenient = _decode(path, read, strict=False, threads=True, trial=True)
        if lenient.first is not None and not lenient.failed:
            trial, strict = lenient, False
    by_pts = sorted((i for i, p in enumerate(read) if p.shown), key=lambda i: read[i].pts or 0)
    plain = bool(formats & _TRUE_TIMES) and codec in _ONE_FRAME_A_PACKET and true_times and read[0].key and not short
    failed: list[int] = []
    as_told = bool(trial.shown) and trial.shown == by_pts[: len(trial.shown)]
    if plain and as_told and not trial.failed and not trial.interlaced:
        order, first = by_pts, trial.first
    else:
        scan = _decode(path, read, strict=strict, threads=True)
        if scan.failed:
            scan = _decode(path, read, strict=strict, threads=False)
        order, failed, first = _merge(scan, read, true_times), scan.failed, scan.first
    last_good = next((r for r in range(len(order) - 1, -1, -1) if order[r] not in set(failed)), None)
    if first is None or last_good is None:
        raise MediaError(f"{path}: no frame of the video can be decoded{f' ({ended_by})' if ended_by else ''}")
    damage = None
    if short or last_good + 1 < len(order):
        total = max(declared, len(order))
        told = f", {last_good + 1} of {total} frames can be decoded" if total > last_good + 1 else ""
        damage = f"the file is truncated or damaged after frame {last_good}{told}"
    order = order[: last_good + 1]
    ranks = np.full(len(read), -1, np.int64)
    ranks[order] = np.arange(len(order))
    seconds = _seconds(order, read, time_base, rate, true_times)
    identity = next((k for k in ("pts", "pos", "dts") if _unique(getattr(p, k) for p in read)), "")
    start = [i for i, p in enumerate(read) if p.key and (i == 0 or codec not in _DELTA_ONLY)] if identity else []
    return FrameIndex(
        order=np.asarray(order, np.int64),
        rank=ranks,
        seconds=seconds,
        keys=tuple((i, _seek_time(read[i])) for i in start),
        identity=identity,
        located={getattr(read[i], identity): i for i in start},
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


def _read_packets(container: InputContainer, stream: VideoStream) -> tuple[list[Packet], str | None]:
    read: list[Packet] = []
    gif = container.format.name == "gif"
    try:
        for p in packets(container, stream):
            # A GIF frame ends with an empty block, the file with ";"; FFmpeg hands out a frame cut off as if whole.
            cut = gif and bytes(p)[-1:] not in (b"\0", b";")
            read.append(Packet(p.pts, p.dts, p.pos, p.is_keyframe, not p.is_discard, p.is_corrupt or cut))
    except FFmpegError as error:
        return read, describe(error)
    return read, None


def _declared(container: InputContainer, stream: VideoStream) -> int:
    """How many packets the header promises; 0 where it does not say."""
    if "mov" in container.format.name.split(","):
        # Unlike the frame count, the demuxer's table leaves out what an edit list cuts away.
        return len(stream.index_entries)
    return 0


def _unique(values: Iterable[int | None]) -> bool:
    seen = list(values)
    return None not in seen and len(set(seen)) == len(seen) and all(v is not None for v in seen)


def _decode(path: str | Path, read: list[Packet], *, strict: bool, threads: bool, trial: bool = False) -> _Decoding:
    """Decode the file from its start, to its end or for a trial of a few frames.

    A failed packet spoils all that follow it up to the next key packet, because they are predicted from it.
    """
    out = _Decoding()
    container, stream = open_container(path, strict=strict, threads=threads)
    spoiled = False
    recovered: list[int] = []
    with container:
        source = packets(container, stream)
        for ordinal, known in enumerate(read):
            try:
                packet = next(source)
            except (StopIteration, FFmpegError):
                break
            if spoiled and known.key:
                spoiled = False
                recovered.append(ordinal)
            if known.corrupt or spoiled:
                out.failed.append(ordinal)
                spoiled = True
                continue
            out.fed += 1
            try:
                _collect(out, decoded(stream, packet, ordinal))
            except FFmpegError:
                out.failed.append(ordinal)
                spoiled = not trial
            if trial and (len(out.shown) >= _TRIAL_FRAMES or ordinal >= _TRIAL_PACKETS):
                return out
        try:
            _collect(out, decoded(stream, None))
        except FFmpegError:
            out.failed.append(len(read) - 1)
    for key in recovered:
        if key in out.shown:  # frames shown before a key packet but stored after it look back at the damage
            leading = [i for i in out.shown[: out.shown.index(key)] if i > key]
            out.failed += leading
            out.shown = [i for i in out.shown if i not in leading]
    return out


def _collect(out: _Decoding, frames: list[VideoFrame]) -> None:
    for frame in frames:
        out.first = out.first or frame
        out.interlaced |= bool(frame.interlaced_frame)
        if frame.is_corrupt:
            out.failed.append(ordinal_of(frame))
        else:
            out.shown.append(ordinal_of(frame))


def _merge(scan: _Decoding, read: list[Packet], true_times: bool) -> list[int]:
    """Ordinals in display order: what decoded, and what failed at the places where it would have been shown."""
    first_key = next((i for i, p in enumerate(read) if p.key), 0)
    # Packets before the first key packet belong to a part that was cut off; they were never frames of this file.
    failed = sorted({i for i in scan.failed if i >= first_key and read[i].shown} - set(scan.shown))
    if true_times and failed:
        return sorted([*scan.shown, *failed], key=lambda i: read[i].pts or 0)
    order = list(scan.shown)
    for ordinal in failed:
        place = next((r for r, other in enumerate(order) if other > ordinal), len(order))
        order.insert(place, ordinal)
    return order


def _seconds(
    order: list[int], read: list[Packet], time_base: Fraction, rate: Fraction | None, true_times: bool
) -> tuple[float, ...]:
    times = [read[i].pts for i in order]
    if not true_times or any(a is None or b is None or a >= b for a, b in pairwise(times)):
        # Decoding times in ascending order are the presentation times but for a constant.
        times = sorted(t for t in (read[i].dts for i in order) if t is not None)
        if len(times) != len(order):
            return tuple(float(r / (rate or 25)) for r in range(len(order)))
    return tuple(float(t * time_base) for t in times if t is not None)


def _average_fps(seconds: tuple[float, ...], rate: Fraction | None) -> float:
    span = seconds[-1] - seconds[0]
    if span <= 0:
        return float(rate) if rate else 25.0
    measured = (len(seconds) - 1) / span
    # Time stamps are rounded (to milliseconds in Matroska); the header's rate is exact where both agree.
    return float(rate) if rate and abs(measured / float(rate) - 1) < 0.002 else measured


def _seek_time(packet: Packet) -> int | None:
    times = [t for t in (packet.pts, packet.dts) if t is not None]
    return min(times) if times else None
