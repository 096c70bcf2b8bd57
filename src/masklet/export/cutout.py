"""Cut-outs: the objects of a clip with alpha, as PNG sequence, ProRes 4444 (.mov) or VP9 (.webm), and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from av import CodecContext
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from PIL import Image

from masklet.export.files import FormatError, StrPath, atomic_folder, frame_numbers, naming, picture_files
from masklet.export.info import Annotation, VideoInfo
from masklet.export.pixels import pictures, span
from masklet.export.text import Picture
from masklet.masks import FrameMask, Masklet
from masklet.masks.rle import Mask, union
from masklet.media import Clip, VideoWriter, write_image
from masklet.media.container import open_container, packets
from masklet.media.writer import VideoCodec

_CODECS: dict[str, VideoCodec] = {".mov": "prores4444", ".webm": "vp9"}
_BLEED = 17
"""Side in pixels of the square by which the colours in a video reach beyond the mask (see `with_alpha`)."""


def write_cutout_pngs(
    folder: StrPath,
    masklets: Sequence[Masklet],
    clip: Clip,
    *,
    start: int | None = None,
    stop: int | None = None,
    overwrite: bool = False,
) -> None:
    """Write one RGBA PNG a frame: the objects with the frame's colours, everything else transparent black.

    Raises:
        ValueError: masklets that don't fit the clip, no frames in the range.
        MediaError: a frame cannot be read; the folder has files in it (without `overwrite`) or cannot be written.
    """
    frames = span(masklets, clip, start, stop)
    with atomic_folder(folder, overwrite=overwrite) as temporary:
        for frame, picture, _ in pictures(clip, frames):
            alpha = _alpha_at(masklets, frame, clip)
            write_image(temporary / f"{clip.frame_name(frame)}.png", with_alpha(picture, alpha))


def write_cutout_video(
    path: StrPath,
    masklets: Sequence[Masklet],
    clip: Clip,
    *,
    start: int | None = None,
    stop: int | None = None,
) -> None:
    """Write the objects with alpha as video: ProRes 4444 for .mov, VP9 for .webm. Times are the clip's.

    Raises:
        ValueError: another suffix, masklets that don't fit the clip, no frames in the range.
        MediaError: a frame cannot be read, or the file not written.
    """
    codec = _CODECS.get(Path(path).suffix.lower())
    if codec is None:
        raise ValueError(f"a cut-out video is a .mov (ProRes 4444) or a .webm (VP9), got {Path(path).name}")
    frames = span(masklets, clip, start, stop)
    with VideoWriter(path, clip.fps, clip.width, clip.height, codec, alpha=True) as writer:
        for frame, picture, time in pictures(clip, frames):
            writer.write(with_alpha(picture, _alpha_at(masklets, frame, clip), bleed=True), time)


def read_cutout_pngs(folder: StrPath) -> Annotation:
    """Read the alpha of a PNG sequence as the masks of object 1: opaque from one half on.

    Raises:
        FormatError: no folder, no PNG in it, a PNG without alpha, sizes that differ.
        MediaError: a picture that cannot be read.
    """
    files = picture_files(folder)
    masks: dict[int, Mask] = {}
    for number, file in zip(frame_numbers(files, None), files, strict=True):
        masks[number] = _alpha(file) >= 128
    with naming(folder):
        masklet = Masklet.from_masks(1, masks)
        info = VideoInfo(name=Path(folder).name, height=masklet.height, width=masklet.width, frame_count=max(masks) + 1)
        return Annotation(info=info, masklets=(masklet,))


def read_cutout_video(path: StrPath) -> Annotation:
    """Read the alpha of a video (ProRes 4444, VP9, ...) as the masks of object 1: opaque from one half on.

    Raises:
        FormatError: the video has no alpha, or damaged frames. MediaError: no readable video.
    """
    masklet: Masklet | None = None
    times: list[float] = []
    for frame, (picture, time) in enumerate(_decode_alpha(path)):
        alpha = picture.to_ndarray(format="rgba")[:, :, 3]
        if masklet is None:
            masklet = Masklet(1, alpha.shape[0], alpha.shape[1])
        with naming(path):
            masklet.add(FrameMask.given(frame, alpha >= 128))
        times.append(time)
    if masklet is None:
        raise FormatError(f"{path}: no frame can be decoded")
    spread = times[-1] - times[0]
    info = VideoInfo(
        name=Path(path).name,
        height=masklet.height,
        width=masklet.width,
        frame_count=len(times),
        fps=(len(times) - 1) / spread if spread > 0 else None,
        timestamps=tuple(times),
    )
    return Annotation(info=info, masklets=(masklet,))


def _decode_alpha(path: StrPath) -> Iterator[tuple[VideoFrame, float]]:
    """Frames with alpha and their times in seconds."""
    container, stream = open_container(Path(path))
    with container:
        decoder: VideoCodecContext = stream.codec_context
        # FFmpeg's own VP8 and VP9 decoders drop the alpha, which lies beside each packet; libvpx's read it.
        library = {"vp8": "libvpx", "vp9": "libvpx-vp9"}.get(decoder.name)
        if library is not None:
            created = CodecContext.create(library, "r")
            assert isinstance(created, VideoCodecContext)
            decoder = created
        try:
            for packet in [*packets(container, stream), None]:
                for picture in decoder.decode(packet):
                    if not any(component.is_alpha for component in picture.format.components):
                        raise FormatError(f"{path}: the video has no alpha ({picture.format.name})")
                    yield picture, float((picture.pts or 0) * (stream.time_base or 0))
        except FFmpegError as error:
            raise FormatError(f"{path}: damaged: {error}") from error


def _alpha(file: Path) -> np.ndarray:
    """HxW uint8 alpha of a PNG."""
    try:
        with Image.open(file) as image:
            if image.mode not in ("RGBA", "LA"):
                raise FormatError(f"{file}: expected a picture with alpha, got one of mode {image.mode}")
            return np.array(image.getchannel("A"))
    except (OSError, SyntaxError) as error:
        raise FormatError(f"{file}: cannot be read: {error}") from error


def with_alpha(picture: Picture, alpha: Picture, *, bleed: bool = False) -> Picture:
    """HxWx4 RGBA with straight alpha (HxW uint8): transparent pixels are black.

    With `bleed`, the colours go on for some pixels into what is transparent: lossy video mixes neighbouring pixels,
    and with black ones the object would get a dark seam.
    """
    kept = alpha > 0
    if bleed:
        kept = np.asarray(cv2.dilate(kept.view(np.uint8), np.ones((_BLEED, _BLEED), np.uint8))).reshape(kept.shape) > 0
    result = np.zeros((*alpha.shape, 4), np.uint8)
    result[:, :, :3][kept] = picture[kept]
    result[:, :, 3] = alpha
    return result


def _alpha_at(masklets: Sequence[Masklet], frame: int, clip: Clip) -> Picture:
    """Opaque where any object is."""
    rles = [record.rle for masklet in masklets if (record := masklet.get(frame))]
    if not rles:
        return np.zeros((clip.height, clip.width), np.uint8)
    return union(rles).decode().view(np.uint8) * np.uint8(255)
