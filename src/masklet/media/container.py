"""Opening a video file with FFmpeg (PyAV): one place for its options and its error messages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from masklet.media.errors import MediaError


def open_container(
    path: str | Path, *, strict: bool = True, threads: bool = True
) -> tuple[InputContainer, VideoStream]:
    """Open `path` for decoding its best video stream.

    Parameters
    ----------
    strict : damaged data raises from the decoder instead of being concealed by copies of earlier frames.
    threads : decode with several threads; without, an error is raised by the very packet that caused it.

    Raises MediaError if there is no such file, it is empty, no video, or has sound only.
    """
    file = Path(path)
    if "://" not in str(path):
        if not file.exists():
            raise MediaError(f"{path}: no such file")
        if file.is_file() and file.stat().st_size == 0:
            raise MediaError(f"{path}: the file is empty")
    options = {"err_detect": "explode"} if strict else {}
    try:
        container = av.open(str(path), mode="r", options=options, metadata_errors="replace")
    except FFmpegError as error:
        raise MediaError(f"{path}: not a video that can be read ({describe(error)})") from error
    try:
        stream = pick_stream(container, str(path))
    except MediaError:
        container.close()
        raise
    stream.codec_context.options = options
    stream.thread_type = "AUTO" if threads else "NONE"
    if not threads:
        stream.codec_context.thread_count = 1
    return container, stream


def pick_stream(container: InputContainer, name: str) -> VideoStream:
    """The video stream FFmpeg thinks best, cover pictures of music aside; MediaError if there is none."""
    # The "tty" demuxer renders any text file as a video of its letters.
    text = container.format.name == "tty"
    streams = [] if text else [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not streams:
        kinds = sorted({s.type for s in container.streams if s.type != "video"})
        what = f"only {' and '.join(kinds)}" if kinds else "no picture stream"
        raise MediaError(f"{name}: not a video ({'a text file' if text else f'it has {what}'})")
    try:
        best = container.streams.best("video")
    except IndexError:  # PyAV does not know streams that FFmpeg found late in a damaged file
        best = None
    stream = best if isinstance(best, VideoStream) and best in streams else streams[0]
    if stream.codec_context is None:
        raise MediaError(f"{name}: no decoder for its video codec")
    return stream


def packets(container: InputContainer, stream: VideoStream) -> Iterator[Packet]:
    """The packets of `stream` that carry data (FFmpeg reads an empty one as the end of the stream)."""
    return (packet for packet in container.demux(stream) if packet.size)


def describe(error: FFmpegError) -> str:
    """FFmpeg's words for an error, on one line."""
    return " ".join((error.strerror or str(error)).split())


def decoded(stream: VideoStream, packet: Packet | None, ordinal: int = 0) -> list[VideoFrame]:
    """Frames that come out when `packet` goes in (None flushes); each frame's pts is its packet's `ordinal`.

    Decoders hand the time stamp of a packet on to the frame made from it, through reordering and threads; carrying
    the packet's number instead identifies frames even where the file has no, double or wrong time stamps.
    """
    if packet is not None:
        packet.pts = packet.dts = ordinal
    return stream.codec_context.decode(packet)


def ordinal_of(frame: VideoFrame) -> int:
    """The ordinal given to `decoded` with the packet of `frame`; -1 if the decoder lost it."""
    return -1 if frame.pts is None else frame.pts
