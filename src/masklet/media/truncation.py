"""Whether a file is shorter than its container says, for containers whose demuxer does not tell."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

_EBML = 0x1A45DFA3
_SEGMENT = 0x18538067
_FIRST_BOXES = {b"ftyp", b"styp", b"moov", b"mdat", b"free", b"skip", b"wide"}


def ends_early(path: str | Path) -> bool:
    """True for a RIFF (AVI), ISO (MP4, MOV) or Matroska file that lacks its end; False if whole, or not to be known."""
    path = Path(path)
    if not path.is_file():
        return False
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if len(head) == 12 and head[:4] == b"RIFF":
            return 8 + struct.unpack("<I", head[4:8])[0] > size
        file.seek(0)
        end = _last_box_end(file, size) if head[4:8] in _FIRST_BOXES else _segment_end(file)
    return end is not None and end > size


def _last_box_end(file: BinaryIO, size: int) -> int:
    """Where the last top-level box of an ISO file ends (ISO 14496-12, 4.2)."""
    at = 0
    while at + 8 <= size:
        file.seek(at)
        head = file.read(16)
        length = struct.unpack(">I", head[:4])[0]
        if length == 1 and len(head) == 16:
            length = struct.unpack(">Q", head[8:])[0]
        if length < 8:  # 0: the box fills the rest of the file; else no box at all
            return size
        at += length
    return at


def _segment_end(file: BinaryIO) -> int | None:
    """Where the Segment of a Matroska file ends (RFC 8794 sections 4-6); None if it is none, or of unknown size."""
    for wanted in (_EBML, _SEGMENT):
        identity, _ = _number(file, marked=True)
        length, unknown = _number(file, marked=False)
        if identity != wanted or length is None or unknown:
            return None
        end = file.tell() + length
        if wanted == _SEGMENT:
            return end
        file.seek(end)
    return None


def _number(file: BinaryIO, *, marked: bool) -> tuple[int | None, bool]:
    """A variable-length integer, with its length marker (element ids) or without, and whether all its bits are set."""
    first = file.read(1)
    if not first or not first[0]:
        return None, False
    length = 9 - first[0].bit_length()
    value = int.from_bytes(first + file.read(length - 1), "big")
    bits = (1 << (7 * length)) - 1
    return (value if marked else value & bits), value & bits == bits
