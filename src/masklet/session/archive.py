"""Records of tracked frames on disk, so that a session of any length fits into memory and can still go back.

Every record of a session has the same size, so the archive is one file of equal slots.
"""

from __future__ import annotations

import os
import shutil
import struct
import tempfile
import threading
from pathlib import Path
from typing import IO

import numpy as np
import torch
from torch import Tensor

from masklet.session.records import Memory

_SCORES = struct.Struct("<dd")


class Archive:
    """Slots of `Memory` records in a temporary file, which goes when the archive is closed.

    Raises OSError with the folder's name where the disk is full; nothing that was written before is lost.
    """

    def __init__(self, *, grid: int, channels: int, memory_channels: int, folder: Path | None = None) -> None:
        self._logits = (1, 4 * grid, 4 * grid)
        self._pointer = (channels,)
        self._memory = (memory_channels, grid, grid)
        self._size = _SCORES.size + 4 * (16 * grid * grid + channels) + 2 * memory_channels * grid * grid
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="masklet-", dir=folder)
        self._free: list[int] = []
        self._count = 0
        self._lock = threading.Lock()

    def close(self) -> None:
        self._file.close()

    def write(self, record: Memory, slot: int | None = None) -> int:
        """Stores a record, in `slot` if one is given, and returns its slot."""
        assert record.memory is not None
        data = b"".join(
            (
                _SCORES.pack(record.score, record.iou),
                _bytes(record.logits.float()),
                _bytes(record.pointer.float()),
                _bytes(record.memory.view(torch.int16)),
            )
        )
        assert len(data) == self._size
        with self._lock:
            if slot is None:
                slot = self._free.pop() if self._free else self._count
                self._count = max(self._count, slot + 1)
        self.write_raw(slot, data)
        return slot

    def read(self, slot: int) -> Memory:
        data = self.read_raw(slot)
        score, iou = _SCORES.unpack_from(data)
        at = _SCORES.size
        logits, at = _tensor(data, at, self._logits, np.float32)
        pointer, at = _tensor(data, at, self._pointer, np.float32)
        memory, at = _tensor(data, at, self._memory, np.int16)
        return Memory(logits=logits, pointer=pointer, memory=memory.view(torch.bfloat16), score=score, iou=iou)

    def free(self, slot: int) -> None:
        """Lets another record have the slot."""
        self._free.append(slot)

    def read_raw(self, slot: int) -> bytes:
        """The bytes of a slot, as `write_raw` takes them."""
        data = os.pread(self._file.fileno(), self._size, slot * self._size)
        assert len(data) == self._size
        return data

    def write_raw(self, slot: int, data: bytes) -> None:
        view = memoryview(data)
        offset = slot * self._size
        try:
            while view:
                written = os.pwrite(self._file.fileno(), view, offset)
                view, offset = view[written:], offset + written
        except OSError as error:
            room = shutil.disk_usage(tempfile.gettempdir()).free
            raise OSError(
                error.errno,
                f"the session's archive could not be written ({error.strerror}; {room / 1e6:.0f} MB free in "
                f"{tempfile.gettempdir()}); free some space or open the session with archive=False",
            ) from None


def _bytes(tensor: Tensor) -> bytes:
    return tensor.detach().cpu().contiguous().numpy().tobytes()


def _tensor(data: bytes, at: int, shape: tuple[int, ...], dtype: type[np.generic]) -> tuple[Tensor, int]:
    array = np.frombuffer(data, dtype, count=int(np.prod(shape)), offset=at).reshape(shape)
    return torch.from_numpy(array.copy()), at + array.nbytes
