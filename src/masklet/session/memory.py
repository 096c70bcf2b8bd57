"""What an object remembers: its conditioning frames, its recent frames, and which of them a frame attends to.

The rules are those of the published model (SAM 2, section 4 and appendix D): every conditioning frame, the last
`memories - 1` tracked frames in the direction of travel (the very last one and, with a stride, multiples of it before),
and object pointers of up to `pointers` frames.

Legend: O objects, C model channels, K memory channels, h w = S / 16, M memory tokens.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from masklet.model.memory_tokens import MemoryTokens
from masklet.model.positions import sine_grid
from masklet.model.sam2 import Sam2
from masklet.session.archive import Archive
from masklet.session.records import Memory

_RECENT_POINTERS = 32


@dataclass(frozen=True, slots=True)
class Selection:
    """What an object attends to on one frame.

    `spatial`: memories with the row of the time code that each gets; `pointers`: pointers with their signed distance in
    frames, positive towards where the tracker came from.
    """

    spatial: tuple[tuple[int, Tensor], ...]
    pointers: tuple[tuple[int, Tensor], ...]
    span: int

    @property
    def layout(self) -> tuple[int, int, int]:
        """Objects of equal layout can be stacked into one batch."""
        return len(self.spatial), len(self.pointers), self.span


class TrackedFrames:
    """An object's tracked (not prompted) frames: the latest in memory, all of them in the archive if there is one.

    Without an archive only what can still influence the frames to come is kept, and older frames read as absent:
    the last `reach` frames are looked at, and one more that a prompt may refine.
    """

    def __init__(self, archive: Archive | None, reach: int) -> None:
        self._archive = archive
        self._most_recent = reach + 2
        self._slots: dict[int, int] = {}
        self._recent: OrderedDict[int, Memory] = OrderedDict()
        self._pointers: OrderedDict[int, Tensor] = OrderedDict()

    def __contains__(self, frame: int) -> bool:
        return frame in self._slots or frame in self._recent

    def frames(self) -> list[int]:
        """The frames that can be read, in order."""
        return sorted(self._slots.keys() | self._recent.keys())

    def pointer_frames(self) -> Iterator[tuple[int, Tensor]]:
        """Frames whose pointer is at hand although the rest of them may be gone, oldest first."""
        return iter(self._pointers.items())

    def put(self, frame: int, record: Memory) -> None:
        if self._archive is not None:
            self._slots[frame] = self._archive.write(record, slot=self._slots.get(frame))
        self._recent[frame] = record
        self._recent.move_to_end(frame)
        while len(self._recent) > self._most_recent:
            self._recent.popitem(last=False)
        self.put_pointer(frame, record.pointer)

    def put_pointer(self, frame: int, pointer: Tensor) -> None:
        self._pointers[frame] = pointer
        self._pointers.move_to_end(frame)
        while len(self._pointers) > _RECENT_POINTERS:
            self._pointers.popitem(last=False)

    def get(self, frame: int) -> Memory | None:
        record = self._recent.get(frame)
        if record is None and self._archive is not None and frame in self._slots:
            record = self._archive.read(self._slots[frame])
        return record

    def pointer(self, frame: int) -> Tensor | None:
        pointer = self._pointers.get(frame)
        if pointer is None:
            record = self.get(frame)
            pointer = None if record is None else record.pointer
        return pointer

    def pop(self, frame: int) -> Memory | None:
        record = self.get(frame)
        self._recent.pop(frame, None)
        self._pointers.pop(frame, None)
        slot = self._slots.pop(frame, None)
        if slot is not None and self._archive is not None:
            self._archive.free(slot)
        return record


class MemoryBank:
    """All memories of one object, of which frames look at those up to `reach` frames back (`ModelConfig.memory_reach`).

    Conditioning frames keep the order in which they were prompted.
    """

    def __init__(self, archive: Archive | None, reach: int) -> None:
        self.conditioning: dict[int, Memory] = {}
        self.tracked = TrackedFrames(archive, reach)

    def get(self, frame: int) -> Memory | None:
        """The record of a frame, conditioning first."""
        return self.conditioning.get(frame) or self.tracked.get(frame)

    def select(
        self,
        frame: int,
        *,
        reverse: bool,
        length: int | None,
        memories: int,
        stride: int = 1,
        recent: int | None = None,
        pointers: int,
        most_conditioning: int | None = None,
    ) -> Selection:
        """What `frame` attends to when the tracker comes from earlier frames (from later ones if `reverse`).

        `length` is the number of frames of the video where it is known: the time code of pointers is scaled by the
        shorter of the video and `pointers`, as in training.
        """
        direction = 1 if reverse else -1  # where the tracker came from
        chosen = _closest(frame, self.conditioning, most_conditioning)
        spatial: list[tuple[int, Tensor]] = []
        for record in chosen.values():
            assert record.memory is not None
            spatial.append((memories - 1, record.memory))
        for distance in range(memories - 1 if recent is None else recent, 0, -1):
            before = _remembered(frame, distance, stride, direction)
            record = self.tracked.get(before)
            if record is None and before not in chosen:
                record = self.conditioning.get(before)
            if record is not None and record.memory is not None:
                spatial.append((distance - 1, record.memory))

        limit = pointers if length is None else min(length, pointers)
        points = [
            ((frame - t) * -direction, record.pointer)
            for t, record in chosen.items()
            if (t >= frame if reverse else t <= frame)
        ]
        for distance in range(1, limit):
            before = frame + direction * distance
            if before < 0 or (length is not None and before >= length):
                break
            pointer = self.tracked.pointer(before)
            if pointer is None and before not in chosen and before in self.conditioning:
                pointer = self.conditioning[before].pointer
            if pointer is not None:
                points.append((distance, pointer))
        return Selection(tuple(spatial), tuple(points), limit - 1)


def _remembered(frame: int, distance: int, stride: int, direction: int) -> int:
    """The frame of the `distance`-th recent memory: the last frame, then multiples of `stride` behind that."""
    if distance == 1:
        return frame + direction
    travelled = -direction * frame - 2
    return -direction * (travelled // stride - (distance - 2)) * stride


def _closest(frame: int, conditioning: dict[int, Memory], most: int | None) -> dict[int, Memory]:
    """All conditioning frames, or the `most` closest: one before, one at or after, then the nearest."""
    if most is None or len(conditioning) <= most:
        return conditioning
    order: list[int] = []
    before = [t for t in conditioning if t < frame]
    after = [t for t in conditioning if t >= frame]
    if before:
        order.append(max(before))
    if after:
        order.append(min(after))
    rest = sorted((t for t in conditioning if t not in order), key=lambda t: abs(t - frame))
    return {t: conditioning[t] for t in (order + rest)[:most]}


def tokens(model: Sam2, selections: Sequence[Selection]) -> MemoryTokens:
    """The selections of O objects, all of one layout, as the tokens that memory attention reads."""
    dim, dtype, device, pool = model.config.memory_dim, model.dtype, model.device, model.config.memory_pool
    values: list[Tensor] = []
    # Objects that were prompted together look at the same times, and places are the same for all.
    positions: dict[tuple[tuple[int, ...], ...], Tensor] = {}
    which: list[Tensor] = []
    for selection in selections:
        times = tuple(code for code, _ in selection.spatial)
        steps = tuple(step for step, _ in selection.pointers)
        value = [_pooled(memory.to(device), pool).flatten(1).T.to(dtype) for _, memory in selection.spatial]
        if selection.pointers:
            stacked = torch.stack([pointer for _, pointer in selection.pointers]).to(device, dtype)  # [P, C]
            value.append(stacked.reshape(-1, dim))  # a pointer is read as C / K tokens
        values.append(torch.cat(value))
        if (times, steps) not in positions:
            positions[times, steps] = _positions(model, times, steps, selection.span)
        which.append(positions[times, steps])
    (shared, *others) = positions.values()
    placed = torch.stack(which) if others else shared.expand(len(selections), -1, -1)
    rows = torch.tensor([[code for code, _ in selection.spatial] for selection in selections], device=device)
    parts = model.config.d_model // dim
    return MemoryTokens(torch.stack(values), placed, rows, len(selections[0].pointers) * parts, pool)


def _positions(model: Sam2, times: Sequence[int], steps: Sequence[int], span: int) -> Tensor:
    """[M, K]: places and time codes of memory maps, time codes of pointers."""
    config, dtype, device = model.config, model.dtype, model.device
    grid = sine_grid(config.grid, config.grid, config.memory_dim, device)[0]  # [N, K]
    grid = _pooled(grid.T.reshape(-1, config.grid, config.grid), config.memory_pool).flatten(1).T
    codes = model.memory_time.float()
    position = [(grid + codes[code]).to(dtype) for code in times]
    if steps:
        pointers = model.pointer_positions(torch.tensor(steps, device=device), span)
        position.append(pointers.repeat_interleave(config.d_model // config.memory_dim, dim=0))
    return torch.cat(position)


def _pooled(maps: Tensor, pool: int) -> Tensor:
    """Maps [K, h, w] as means over `pool` x `pool` cells, [K, h / pool, w / pool]."""
    return maps if pool == 1 else F.avg_pool2d(maps[None], pool)[0]
