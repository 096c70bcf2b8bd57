"""Makes a folder of frames of an uploaded archive of pictures, in a process of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

from masklet.server.apart import Unfit, ask_apart
from masklet.server.settings import Limits


def unpack_pictures(archive: Path, limits: Limits) -> Path:
    """Unpacks an archive beside itself, under numbers instead of names, and deletes it; returns the folder.

    The pictures are numbered in the natural order of their names. Raises Unfit where there is anything else in it, or
    more than the limits allow; the archive stays then.
    """
    folder = archive.with_suffix("")
    folder.mkdir()
    request = {
        "path": str(archive),
        "folder": str(folder),
        "most_files": limits.frames,
        "most_bytes": limits.upload_bytes,
    }
    try:
        ask_apart("masklet.server.unpack_child", request, [archive.parent], limits)
    except Unfit:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    archive.unlink()
    return folder
