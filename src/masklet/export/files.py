"""Reading and writing files of annotations: errors that name the file, JSON, folders that appear whole."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from masklet.media import MediaError, atomic_path, read_mask

StrPath = str | os.PathLike[str]


class FormatError(ValueError):
    """A file or folder that is not what its format says. The message is one line that begins with its path."""


@contextmanager
def naming(path: StrPath) -> Iterator[None]:
    """Within the block, a ValueError that doesn't name its file yet becomes a FormatError that names `path`."""
    try:
        yield
    except (FormatError, MediaError):
        raise
    except ValueError as error:
        raise FormatError(f"{path}: {error}") from error


@contextmanager
def within(place: str) -> Iterator[None]:
    """Within the block, a ValueError gets the name of a place in the file before its message."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from error


def write_json(path: StrPath, value: Mapping[str, Any]) -> None:
    """Write strict, compact JSON atomically. Raises MediaError where the target cannot be written."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        json.dump(value, file, allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def read_json(path: StrPath) -> dict[str, Any]:
    """The object of a JSON file. Raises FormatError for anything else, NaN and infinities included."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise FormatError(f"{path}: no such file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError(f"{path}: cannot be read: {error}") from error
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path}: no valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise FormatError(f"{path}: expected a JSON object, got {type(value).__name__}")
    return value


def check_keys(obj: object, required: Iterable[str], optional: Iterable[str] | None, what: str) -> dict[str, Any]:
    """`obj` as a dict that has all `required` keys and no others than `optional` (None: any others).

    Raises:
        ValueError: no object, keys missing, keys unknown.
    """
    if not isinstance(obj, dict):
        raise ValueError(f"{what} is an object, got {type(obj).__name__}")
    missing = sorted(set(required) - set(obj))
    if missing:
        raise ValueError(f"{what} lacks {', '.join(missing)}")
    unknown = [] if optional is None else sorted(set(obj) - set(required) - set(optional))
    if unknown:
        raise ValueError(f"{what} has unknown keys: {', '.join(map(str, unknown))}")
    return obj


def whole(value: object, what: str) -> int:
    """`value` as an int: a JSON integer, or a float without a fraction (SA-V stores sizes so). ValueError otherwise."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value):
        raise ValueError(f"{what} is a whole number, got {value!r}")
    return int(value)


@contextmanager
def atomic_folder(path: StrPath, *, overwrite: bool = False) -> Iterator[Path]:
    """A temporary folder beside `path` that takes its place when the block ends without an error.

    Args:
        overwrite: whether a folder that is there already, with things in it, may be replaced.

    Raises:
        MediaError: the folder exists and isn't empty (without `overwrite`), or cannot be written.
    """
    path = Path(path)
    if path.is_dir() and not overwrite and any(path.iterdir()):
        raise MediaError(f"cannot write {path}: the folder exists and is not empty")
    if path.exists() and not path.is_dir():
        raise MediaError(f"cannot write {path}: there is a file of that name")
    mark = secrets.token_hex(4)
    temporary, old = path.with_name(f".{path.name}.{mark}.tmp"), path.with_name(f".{path.name}.{mark}.old")
    try:
        temporary.mkdir()
    except OSError as error:
        raise MediaError(f"cannot write {path}: {(error.strerror or str(error)).lower()}") from error
    try:
        yield temporary
        try:
            if path.is_dir():
                path.replace(old)
            temporary.replace(path)
        except OSError as error:
            if old.is_dir() and not path.exists():
                old.replace(path)
            raise MediaError(f"cannot write {path}: {(error.strerror or str(error)).lower()}") from error
    except MediaError as error:
        # The user knows the folder by its own name.
        raise MediaError(str(error).replace(str(temporary), str(path))) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def picture_files(folder: StrPath, suffix: str = ".png") -> list[Path]:
    """The files of a folder with a suffix, in natural order (2 before 10); hidden ones left out.

    Raises:
        FormatError: no folder, or no such file in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FormatError(f"{folder}: no such folder")
    files = [file for file in folder.iterdir() if file.suffix.lower() == suffix and not file.name.startswith(".")]
    if not files:
        raise FormatError(f"{folder}: holds no {suffix} files")
    return sorted(files, key=lambda file: _natural(file.stem))


def frame_numbers(files: list[Path], names: Iterable[str] | None) -> list[int]:
    """The frame of each file: its place among `names`, or its own number, or (no numbers) its place in the list.

    Raises:
        FormatError: a file whose name is not among `names`, or two files of one number.
    """
    if names is not None:
        places = {name: i for i, name in enumerate(names)}
        for file in files:
            if file.stem not in places:
                raise FormatError(f"{file}: the video has no frame of that name")
        return [places[file.stem] for file in files]
    if not all(file.stem.isdecimal() for file in files):
        return list(range(len(files)))
    numbers = [int(file.stem) for file in files]
    for file, before, number in zip(files[1:], numbers, numbers[1:], strict=False):
        if before == number:
            raise FormatError(f"{file}: a second picture of frame {number}")
    return numbers


def read_labels(path: StrPath, size: tuple[int, int] | None) -> np.ndarray:
    """A picture of 8-bit labels as HxW uint8.

    Args:
        size: the (height, width) that it has to have; None for any.

    Raises:
        FormatError: deeper than 8 bits, or of another size. MediaError: no readable picture, or a colour picture.
    """
    labels = read_mask(path)
    if labels.dtype != np.uint8:
        raise FormatError(f"{path}: expected at most 8 bits a pixel, got {labels.dtype.itemsize * 8}")
    if size is not None and labels.shape != size:
        expected, came = ("x".join(map(str, shape)) for shape in (size, labels.shape))
        raise FormatError(f"{path}: expected {expected} (height x width), got {came}")
    return labels


def _natural(text: str) -> list[str | int]:
    """Texts and numbers in turn, texts first, so that any two such lists compare."""
    return [int(part) if i % 2 else part for i, part in enumerate(re.split(r"(\d+)", text))]


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
