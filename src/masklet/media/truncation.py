"""Whether a file is shorter than its container says, for containers whose demuxer does not tell."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

_EBML = 0x1A45DFA3
_SEGMENT = 0x18538067


def ends_early(path: str | Path) -> bool:
    """True for a RIFF (AVI) or Matroska/WebM file that lacks a part of its end; False if whole, or not to be known."""
    path = Path(path)
    if not path.is_file():
        return False
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if len(head) == 12 and head[:4] == b"RIFF":
            return 8 + struct.unpack("<I", head[4:8])[0] > size
        file.seek(0)
        end = _segment_end(file)
    return end is not None and end > size


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
