"""One server for a data folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NAME = "server.lock"


@contextmanager
def sole_server(folder: Path, note: str) -> Iterator[None]:
    """Within the block no other server may work in the folder; the system ends the lock with the process.

    Parameters
    ----------
    note
        What others are told of this server, such as its address.

    Raises
    ------
    ValueError
        Another server works there.
    """
    with (folder / NAME).open("a+", encoding="utf-8") as file:
        if not _lock(file.fileno()):
            file.seek(0)
            other = " ".join(file.read(500).split()) or "one that is just starting"
            raise ValueError(f"another server works in {folder} ({other}): end it, or give another folder with --data")
        file.truncate(0)
        file.write(f"process {os.getpid()}, {note}\n")
        file.flush()
        yield


if os.name == "nt":
    import msvcrt

    _FAR = 2**30  # Windows lets nobody read what is locked: a byte far behind the note is

    def _lock(descriptor: int) -> bool:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
