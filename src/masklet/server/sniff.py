"""What a file is by its first bytes, whatever it is called.

Only containers that hold their pictures themselves are let in. Playlists and scripts that FFmpeg would follow to other
files and addresses (HLS, concat, SDP, DASH, image sequences) are text, and have no place in the table.
"""

from __future__ import annotations

from pathlib import Path

_HEAD = 512
ARCHIVE = ".zip"
"""The suffix of what holds a folder of pictures."""

# (offset, bytes, suffix): the suffix tells pictures from video, and is what an upload is stored under.
_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", ".jpg"),
    (0, b"\x89PNG\r\n\x1a\n", ".png"),
    (0, b"BM", ".bmp"),
    (0, b"II*\0", ".tif"),
    (0, b"MM\0*", ".tif"),
    (8, b"WEBP", ".webp"),
    (0, b"\0\0\0\x0cjP  ", ".jp2"),
    (0, b"\xff\x4f\xff\x51", ".j2k"),
    (0, b"P4", ".pbm"),
    (0, b"P5", ".pgm"),
    (0, b"P6", ".ppm"),
    (4, b"ftypavif", ".avif"),
    (4, b"ftyp", ".mp4"),
    (4, b"moov", ".mov"),
    (4, b"mdat", ".mov"),
    (4, b"wide", ".mov"),
    (4, b"free", ".mov"),
    (0, b"\x1a\x45\xdf\xa3", ".mkv"),
    (8, b"AVI ", ".avi"),
    (0, b"GIF8", ".gif"),
    (0, b"FLV\x01", ".flv"),
    (0, b"OggS", ".ogv"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", ".wmv"),
    (0, b"\0\0\x01\xba", ".mpg"),
    (0, b"\0\0\x01\xb3", ".mpg"),
    (0, b"\x06\x0e\x2b\x34", ".mxf"),
    (0, b"DKIF", ".ivf"),
    (0, b"YUV4MPEG2 ", ".y4m"),
    (0, b"PK\x03\x04", ARCHIVE),
)
_SYNC = 0x47


def sniff(path: Path) -> str:
    """The suffix that suits a file's content. Raises ValueError for what is no picture, video or archive, OSError as
    reading."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    for offset, signature, suffix in _SIGNATURES:
        if head[offset : offset + len(signature)] == signature:
            return suffix
    # MPEG transport streams have packets of 188 bytes (192 with time codes before them), each with a sync byte.
    for first, size in ((0, 188), (4, 192)):
        if len(head) > first + size and head[first] == _SYNC and head[first + size] == _SYNC:
            return ".ts"
    raise ValueError("not a picture or video that can be opened (judged by its content)")
