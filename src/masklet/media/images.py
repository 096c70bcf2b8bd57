"""Stills in and out, with Pillow.

Colours become 8-bit RGB. EXIF orientation is applied. Alpha is dropped, not composited: the colours stored under
transparent pixels are used as they are, as the published SAM 2 does. Of an animated picture the first frame is read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from masklet.media.atomic import atomic_path
from masklet.media.errors import MediaError

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".webp", ".tif", ".tiff"}
    | {".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".jp2", ".j2k", ".avif"}
)
"""Suffixes (lower case) that count as pictures in folders."""

_SIXTEEN_BIT = {"I;16", "I;16B", "I;16L", "I;16N", "I"}
_SIDEWAYS = {5, 6, 7, 8}  # EXIF orientations that swap height and width
_ROTATIONS = {3: 180, 4: 180, 5: 270, 6: 90, 7: 90, 8: 270}  # degrees clockwise, mirroring aside


def read_image(path: str | os.PathLike[str]) -> np.ndarray:
    """A picture as H x W x 3 uint8 RGB, upright.

    Grey, palette, CMYK, 1-bit and 16-bit pictures are converted (16 bits are scaled to 8); see the module for alpha.

    Raises
    ------
    MediaError : missing, empty, truncated or not a picture, of floating-point pixels, or larger than Pillow's
        decompression-bomb limit (2 x PIL.Image.MAX_IMAGE_PIXELS).
    """
    with _opened(path) as image:
        upright = ImageOps.exif_transpose(image)
        if upright.mode in _SIXTEEN_BIT:
            grey = _sixteen_to_eight(np.asarray(upright), path)
            return np.repeat(grey[:, :, None], 3, axis=2)
        if upright.mode == "F":
            raise MediaError(f"{path}: expected integer pixels, got floating-point ones; convert to 8 or 16 bits first")
        if upright.mode in {"P", "PA"} and "transparency" in upright.info:
            upright = upright.convert("RGBA")
        # A copy, because Pillow hands out read-only memory.
        return np.array(upright.convert("RGB"))


def read_mask(path: str | os.PathLike[str]) -> np.ndarray:
    """A picture of labels as H x W integers: uint8 where they fit, uint16 or int32 for deeper files.

    Palette pictures (DAVIS) give palette indices, 1-bit ones 0 and 1, grey ones their values (0 and 255 stay so). An
    RGB(A) picture whose channels are equal is read as grey. EXIF orientation is applied.

    Raises
    ------
    MediaError : as `read_image`, and for a colour picture, whose labels would be ambiguous.
    """
    with _opened(path) as image:
        upright = ImageOps.exif_transpose(image)
        if upright.mode == "1":
            return np.asarray(upright).astype(np.uint8)
        if upright.mode == "F":
            raise MediaError(f"{path}: expected integer labels, got floating-point pixels")
        if upright.mode in {"LA", "PA"}:
            return np.array(upright)[:, :, 0]
        pixels = np.array(upright)
        if pixels.ndim == 2:
            return pixels
        if upright.mode in {"RGB", "RGBA"}:
            red = pixels[:, :, 0]
            if np.array_equal(red, pixels[:, :, 1]) and np.array_equal(red, pixels[:, :, 2]):
                return np.ascontiguousarray(red)
        raise MediaError(
            f"{path}: expected a mask (palette, grey or 1-bit picture), got a colour picture ({upright.mode})"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageHeader:
    """What a picture's header says: pixels upright, degrees clockwise that EXIF asks for, Pillow's format and mode."""

    height: int
    width: int
    rotation: int
    format: str
    mode: str
    bit_depth: int


def read_header(path: str | os.PathLike[str]) -> ImageHeader:
    """The header of a picture, without its pixels. Raises MediaError as `read_image`."""
    with _opened(path) as image:
        width, height = image.size
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        if orientation in _SIDEWAYS:
            width, height = height, width
        return ImageHeader(
            height=height,
            width=width,
            rotation=_ROTATIONS.get(orientation, 0),
            format=image.format or "",
            mode=image.mode,
            bit_depth={"1": 1, "I": 16, "F": 32}.get(image.mode, 16 if image.mode.startswith("I;16") else 8),
        )


def image_size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """(height, width) of an upright picture, from its header only. Raises MediaError as `read_image`."""
    header = read_header(path)
    return header.height, header.width


def write_image(path: str | os.PathLike[str], array: np.ndarray, *, quality: int = 95) -> None:
    """Write a picture atomically; the suffix says the format (.png, .jpg and whatever else Pillow writes).

    Parameters
    ----------
    array : H x W uint8, uint16 or bool (1-bit), H x W x 3 uint8 RGB, or H x W x 4 uint8 RGBA (not as JPEG).
    quality : of JPEG and WebP, 1..100.

    Raises
    ------
    MediaError : an array of another kind, a suffix that Pillow cannot write, or a target that cannot be written.
    """
    path = Path(path)
    deep = array.dtype == np.uint16 and array.ndim == 2
    colour = array.dtype == np.uint8 and (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4)))
    if not (deep or colour or (array.dtype == bool and array.ndim == 2)) or not array.size:
        raise MediaError(
            f"{path}: expected H x W uint8, uint16 or bool, or H x W x 3 or 4 uint8, got {array.shape} {array.dtype}"
        )
    if path.suffix.lower() not in Image.registered_extensions():
        raise MediaError(f"{path}: no picture format has the suffix {path.suffix!r}; use .png or .jpg")
    image = Image.fromarray(np.ascontiguousarray(array))
    with atomic_path(path) as temporary:
        try:
            image.save(temporary, quality=quality)
        except (ValueError, KeyError) as error:
            raise MediaError(f"cannot write {path}: {error}") from error
        except OSError as error:
            if error.errno is None:  # Pillow's way to say that a format cannot hold this mode
                raise MediaError(f"cannot write {path}: {error}") from error
            raise


@contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[Image.Image]:
    """Open a picture; whatever Pillow raises inside the block about its contents becomes MediaError."""
    try:
        if Path(path).is_dir():
            raise MediaError(f"{path}: expected a picture, got a folder")
        if Path(path).stat().st_size == 0:
            raise MediaError(f"{path}: the file is empty")
        with Image.open(path) as image:
            if not (image.width and image.height):
                raise MediaError(f"{path}: the picture has no pixels ({image.width}x{image.height})")
            yield image
    except MediaError:
        raise
    except FileNotFoundError as error:
        raise MediaError(f"{path}: no such file") from error
    except UnidentifiedImageError as error:
        raise MediaError(f"{path}: not a picture that Pillow can read") from error
    except Image.DecompressionBombError as error:
        raise MediaError(f"{path}: {error}") from error
    # Pillow's format plugins raise all of these for damaged files.
    except (OSError, SyntaxError, ValueError, IndexError, KeyError, EOFError, MemoryError) as error:
        raise MediaError(f"{path}: cannot be read: {_one_line(error)}") from error


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _sixteen_to_eight(pixels: np.ndarray, path: str | os.PathLike[str]) -> np.ndarray:
    low, high = int(pixels.min()), int(pixels.max())
    if low < 0 or high > 65535:
        raise MediaError(f"{path}: expected pixels of at most 16 bits, got values {low}..{high}")
    return ((pixels.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
