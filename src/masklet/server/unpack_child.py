"""The job of `masklet.server.unpacking`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from masklet.media.images import IMAGE_SUFFIXES
from masklet.server import archives
from masklet.server.apart import Unfit, answer
from masklet.server.sniff import sniff


def unpack(path: str, folder: str, most_files: int, most_bytes: int) -> dict[str, Any]:
    """Unpacks pictures as 00000.jpg, 00001.png and so on, suffixes by content. Raises Unfit for other files."""
    with archives.opened(Path(path), most_files=most_files, most_bytes=most_bytes) as archive:
        for number, name in enumerate(archive.names):
            file = Path(folder, f"{number:05d}")
            archive.extract(name, file)
            suffix = _suffix(file)
            if suffix not in IMAGE_SUFFIXES:
                raise Unfit(f"{str(name)[-100:]!r} in the archive is no picture; a sequence is made of pictures only")
            file.rename(file.with_suffix(suffix))
        return {"files": len(archive.names)}


def _suffix(file: Path) -> str | None:
    try:
        return sniff(file)
    except ValueError:
        return None


if __name__ == "__main__":
    answer(unpack)
