"""Records of tracked frames on disk, so that a session of any length fits into memory and can still go back.

Every record of a session has the same size, so the archive is one file of equal slots.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import IO

import torch

from masklet.session.packing import Packing
from masklet.session.records import Memory


class Archive:
    """Slots of records in an unnamed temporary file, which goes when the archive is closed or the process ends.

    Raises OSError where the disk is full; nothing that was written before is lost.
    """

    def __init__(self, packing: Packing, device: torch.device, folder: Path | None = None) -> None:
        self._packing = packing
        self._device = device
        self._folder = folder or Path(tempfile.gettempdir())
        self._file: IO[bytes] = tempfile.TemporaryFile(  # noqa: SIM115  (open as long as the archive)
            prefix="masklet-", dir=self._folder, buffering=0
        )
        self._free: list[int] = []
        self._count = 0

    def close(self) -> None:
        self._file.close()

    def write(self, record: Memory, slot: int | None = None) -> int:
        """Stores a record, in `slot` if one is given, and returns its slot."""
        data = memoryview(self._packing.pack(record))
        new = slot is None
        if slot is None:
            slot = self._free[-1] if self._free else self._count
        self._file.seek(slot * self._packing.size)
        try:
            while data:
                data = data[self._file.write(data) :]
        except OSError as error:
            raise OSError(
                error.errno,
                f"cannot keep the session's archive in {self._folder} ({os.strerror(error.errno or 0).lower()}); make "
                f"room there, name another folder by archive=, or do without by archive=False",
            ) from None
        if new and self._free:
            self._free.pop()
        elif new:
            self._count += 1
        return slot

    def read(self, slot: int) -> Memory:
        self._file.seek(slot * self._packing.size)
        data = b""
        while len(data) < self._packing.size:
            part = self._file.read(self._packing.size - len(data))
            assert part, "a slot that was written can be read"
            data += part
        return self._packing.unpack(data, self._device)

    def free(self, slot: int) -> None:
        """Lets another record have the slot."""
        self._free.append(slot)
