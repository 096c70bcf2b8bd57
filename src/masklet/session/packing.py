"""A memory record as bytes of one fixed size, exactly and back."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from math import prod
from typing import Self

import numpy as np
import torch
from torch import Tensor

from masklet.model.sam2 import Sam2
from masklet.session.records import Memory

_SCORES = struct.Struct("<dd?")


@dataclass(frozen=True, slots=True)
class Packing:
    """The shapes of a model's records: score, IoU, whether there is a memory; logits, pointer, memory."""

    logits: tuple[int, int, int]
    pointer: tuple[int]
    memory: tuple[int, int, int]

    @classmethod
    def of(cls, model: Sam2) -> Self:
        config = model.config
        side = 4 * config.grid
        return cls((1, side, side), (config.d_model,), (config.memory_dim, config.grid, config.grid))

    @property
    def size(self) -> int:
        """Bytes of a record."""
        return _SCORES.size + 4 * (prod(self.logits) + prod(self.pointer)) + 2 * prod(self.memory)

    def pack(self, record: Memory) -> bytes:
        memory = torch.zeros(self.memory, dtype=torch.bfloat16) if record.memory is None else record.memory
        data = b"".join(
            (
                _SCORES.pack(record.score, record.iou, record.memory is not None),
                _bytes(record.logits),
                _bytes(record.pointer),
                _bytes(memory.view(torch.int16)),
            )
        )
        assert len(data) == self.size
        return data

    def unpack(self, data: bytes, device: torch.device) -> Memory:
        score, iou, written = _SCORES.unpack_from(data)
        at = _SCORES.size
        logits, at = _tensor(data, at, self.logits, np.float32)
        pointer, at = _tensor(data, at, self.pointer, np.float32)
        memory, at = _tensor(data, at, self.memory, np.int16)
        return Memory(
            logits=logits.to(device),
            pointer=pointer.to(device),
            memory=memory.view(torch.bfloat16).to(device) if written else None,
            score=score,
            iou=iou,
        )


def _bytes(tensor: Tensor) -> bytes:
    return tensor.detach().cpu().contiguous().numpy().tobytes()


def _tensor(data: bytes, at: int, shape: tuple[int, ...], dtype: type[np.generic]) -> tuple[Tensor, int]:
    array = np.frombuffer(data, dtype, count=prod(shape), offset=at).reshape(shape)
    return torch.as_tensor(array.copy()), at + array.nbytes
