"""From samples to tensors. Every batch follows from the seed and its step alone: a resumed run sees the same data.

Legend: B clips, T frames, O objects of all clips, S image side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from masklet.data.samples import Sample, Sources
from masklet.model.sam2 import MEAN, STD
from masklet.train.config import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Samples of equal length as tensors.

    `images` [B * T, 3, S, S] normalised; `masks` [O, T, S, S] bool; `shares` [O, T, S/4, S/4] the part of each stride-4
    cell that the object covers; `present` [O, T] bool; `owner` [O] the clip of each object; `numbers`: of each sample,
    its number in the step; `seats`: of each object the number of its sample, and its own within the sample.
    """

    images: Tensor
    masks: Tensor
    shares: Tensor
    present: Tensor
    owner: Tensor
    numbers: tuple[int, ...]
    seats: tuple[tuple[int, int], ...]
    length: int

    def to(self, device: torch.device) -> Batch:
        """The same on another device."""
        moved = {name: getattr(self, name).to(device) for name in ("images", "masks", "shares", "present", "owner")}
        return replace(self, **moved)


def collate(samples: Sequence[Sample], numbers: Sequence[int] | None = None) -> Batch:
    """Stack samples of one length and size; `numbers` are theirs in the step (default: 0, 1, ...)."""
    numbers = range(len(samples)) if numbers is None else numbers
    frames = torch.from_numpy(np.concatenate([sample.frames for sample in samples]))
    images = frames.permute(0, 3, 1, 2).float().contiguous(memory_format=torch.channels_last)
    mean, std = (torch.tensor(v).mul(255).view(1, 3, 1, 1) for v in (MEAN, STD))
    images = images.sub_(mean).div_(std)
    masks = torch.from_numpy(np.concatenate([sample.masks for sample in samples]))
    owner = torch.tensor([index for index, sample in enumerate(samples) for _ in sample.masks], dtype=torch.long)
    present = torch.from_numpy(np.concatenate([sample.present for sample in samples]))
    shares = F.avg_pool2d(masks.float(), 4)
    return Batch(
        images=images,
        masks=masks,
        shares=shares,
        present=present,
        owner=owner,
        numbers=tuple(numbers),
        seats=tuple((n, k) for n, sample in zip(numbers, samples, strict=True) for k in range(len(sample.masks))),
        length=samples[0].frames.shape[0],
    )


@dataclass(frozen=True, slots=True)
class Part:
    """The part of every step's samples that one process works through: each `of`-th one, from `index` on.

    It does so in `accumulate` batches.
    """

    index: int = 0
    of: int = 1
    accumulate: int = 1


def draw_batches(sources: Sources, stage: Stage, seed: int, step: int, part: Part | None = None) -> list[Batch]:
    """What one process does in optimiser step `step`; samples follow from their number in it, not from who draws them.

    Raises
    ------
    ValueError: fewer samples than batches of all processes.
    """
    part = part or Part()
    clips = np.random.default_rng([seed, 0, step]).random() < stage.clip_share
    count = stage.clips if clips else stage.stills
    if count < part.of * part.accumulate:
        what = "clips" if clips else "stills"
        raise ValueError(f"{count} {what} a step do not go round {part.of} processes x {part.accumulate} batches")
    mine = range(part.index, count, part.of)
    batches: list[Batch] = []
    for start in range(part.accumulate):
        numbers = mine[start :: part.accumulate]
        batches.append(collate([_sample(sources, stage, seed, step, n, clips=clips) for n in numbers], numbers))
    return batches


def _sample(sources: Sources, stage: Stage, seed: int, step: int, number: int, *, clips: bool) -> Sample:
    rng = np.random.default_rng([seed, 0, step, number])
    if not clips:
        objects = stage.objects if stage.still_objects is None else stage.still_objects
        return sources.stills.sample(rng, 1, stage.size, objects)
    source = sources.real if rng.random() < stage.real_share else sources.synthetic
    return source.sample(rng, stage.length, stage.size, stage.objects)
