"""NPZ: masks as plain arrays for NumPy, without pickle; written and read one mask at a time, so of any length.

Row r of R is one object's mask in one frame, sorted by frame, then object:

    frame, object_id   [R] int64
    score, iou         [R] float64
    visible, prompted  [R] bool
    masks              [R, H, ceil(W / 8)] uint8, packed bits: np.unpackbits(masks, axis=2, count=W)
    info               JSON text: {"video": VideoInfo, "objects": [{"object_id", "name", "prompts"}, ...]}
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from masklet.export.files import FormatError, StrPath, check_keys, naming
from masklet.export.info import Annotation, VideoInfo
from masklet.masks import FrameMask, Masklet, Rle
from masklet.media import atomic_path

_COLUMNS: dict[str, type[np.generic]] = {
    "frame": np.int64,
    "object_id": np.int64,
    "score": np.float64,
    "iou": np.float64,
    "visible": np.bool_,
    "prompted": np.bool_,
}
_MASKS = "masks"
_INFO = "info"


def write_npz(path: StrPath, masklets: Sequence[Masklet], info: VideoInfo) -> None:
    """Write masklets to `path`, atomically; lossless.

    Raises:
        ValueError: masklets that don't fit the video. MediaError: the file cannot be written.
    """
    info.check(masklets)
    masklets = sorted(masklets, key=lambda masklet: masklet.object_id)
    rows = sorted(
        ((record, masklet.object_id) for masklet in masklets for record in masklet),
        key=lambda row: (row[0].frame, row[1]),
    )
    objects = [{"object_id": m.object_id, "name": m.name, "prompts": list(m.prompts)} for m in masklets]
    text = json.dumps({"video": info.to_json(), "objects": objects}, allow_nan=False)
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, dtype in _COLUMNS.items():
            values = [object_id if name == "object_id" else getattr(record, name) for record, object_id in rows]
            with archive.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array(member, np.array(values, dtype), allow_pickle=False)
        with archive.open(f"{_INFO}.npy", "w") as member:
            np.lib.format.write_array(member, np.array(text), allow_pickle=False)
        with archive.open(f"{_MASKS}.npy", "w", force_zip64=True) as member:
            shape = (len(rows), info.height, (info.width + 7) // 8)
            header: dict[str, Any] = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(cast("Any", member), header)
            for record, _ in rows:
                member.write(np.packbits(record.rle.decode(), axis=1).tobytes())


def read_npz(path: StrPath) -> Annotation:
    """Read what `write_npz` wrote.

    Raises:
        FormatError: no such file, no NPZ, arrays missing, unknown, pickled, or of another type or shape.
    """
    if not Path(path).is_file():
        raise FormatError(f"{path}: no such file")
    try:
        with naming(path), zipfile.ZipFile(path) as archive:
            return _read(archive)
    except (zipfile.BadZipFile, EOFError, OSError) as error:
        raise FormatError(f"{path}: no readable NPZ: {error}") from error


def _read(archive: zipfile.ZipFile) -> Annotation:
    expected = {f"{name}.npy" for name in (*_COLUMNS, _MASKS, _INFO)}
    if set(archive.namelist()) != expected:
        missing, unknown = sorted(expected - set(archive.namelist())), sorted(set(archive.namelist()) - expected)
        raise ValueError(f"missing arrays {missing}, unknown arrays {unknown}")
    with archive.open(f"{_INFO}.npy") as member:
        text = np.lib.format.read_array(member, allow_pickle=False)
    if text.dtype.kind != "U" or text.ndim:
        raise ValueError(f"info is JSON text, got {text.dtype} of shape {text.shape}")
    about = check_keys(json.loads(str(text)), ("video", "objects"), (), "info")
    info = VideoInfo.from_json(check_keys(about["video"], (), None, "video"))
    objects: dict[int, Masklet] = {}
    for item in about["objects"]:
        fields = check_keys(item, ("object_id", "name", "prompts"), (), "an object")
        objects[fields["object_id"]] = Masklet(
            fields["object_id"], info.height, info.width, name=fields["name"], prompts=fields["prompts"]
        )
    columns: dict[str, list[Any]] = {}
    for name, dtype in _COLUMNS.items():
        with archive.open(f"{name}.npy") as member:
            column = np.lib.format.read_array(member, allow_pickle=False)
        if column.dtype != dtype or column.ndim != 1:
            raise ValueError(
                f"{name}: expected {np.dtype(dtype)} of shape [R], got {column.dtype} {list(column.shape)}"
            )
        columns[name] = column.tolist()
    if len({len(column) for column in columns.values()}) > 1:
        raise ValueError("the columns differ in length")
    rows = len(columns["frame"])
    with archive.open(f"{_MASKS}.npy") as member:
        stride = _mask_header(member, (rows, info.height, (info.width + 7) // 8))
        for row in range(rows):
            data = member.read(stride)
            if len(data) != stride:
                raise ValueError(f"masks break off in row {row}")
            packed = np.frombuffer(data, np.uint8).reshape(info.height, -1)
            rle = Rle.encode(np.unpackbits(packed, axis=1, count=info.width))
            fields = {name: columns[name][row] for name in _COLUMNS if name != "object_id"}
            object_id = columns["object_id"][row]
            if object_id not in objects:
                raise ValueError(f"row {row} is of the unknown object {object_id}")
            objects[object_id].add(FrameMask(rle=rle, **fields))
    return Annotation(info=info, masklets=tuple(objects[object_id] for object_id in sorted(objects)))


def _mask_header(member: IO[bytes], shape: tuple[int, int, int]) -> int:
    """Check the header of the masks; returns the bytes of one mask."""
    if np.lib.format.read_magic(member) != (1, 0):
        raise ValueError("masks: expected an array of .npy version 1.0")
    came, fortran, dtype = np.lib.format.read_array_header_1_0(member)
    if came != shape or fortran or dtype != np.uint8:
        raise ValueError(f"masks: expected uint8 of shape {list(shape)}, got {dtype} of {list(came)}")
    return shape[1] * shape[2]
