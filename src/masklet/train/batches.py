"""From samples to tensors, and a thread that prepares them ahead of the optimiser.

Every batch follows from the seed and its step alone, whatever the thread does: a resumed run sees the same data.

Legend: B clips, T frames, O objects of all clips, S image side.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from masklet.data.samples import Sample, Source
from masklet.model.sam2 import MEAN, STD
from masklet.train.config import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Samples of equal length as tensors.

    `images` [B * T, 3, S, S] normalised; `masks` [O, T, S, S] bool; `shares` [O, T, S/4, S/4] the part of each stride-4
    cell that the object covers; `present` [O, T] bool; `owner` [O] the clip of each object.
    """

    images: Tensor
    masks: Tensor
    shares: Tensor
    present: Tensor
    owner: Tensor
    length: int


def collate(samples: Sequence[Sample]) -> Batch:
    """Stack samples of one length and size."""
    frames = torch.from_numpy(np.concatenate([sample.frames for sample in samples]))
    images = frames.permute(0, 3, 1, 2).float().contiguous(memory_format=torch.channels_last)
    mean, std = (torch.tensor(v).mul(255).view(1, 3, 1, 1) for v in (MEAN, STD))
    images = images.sub_(mean).div_(std)
    masks = torch.from_numpy(np.concatenate([sample.masks for sample in samples]))
    owner = torch.tensor([index for index, sample in enumerate(samples) for _ in sample.masks])
    present = torch.from_numpy(np.concatenate([sample.present for sample in samples]))
    shares = F.avg_pool2d(masks.float(), 4)
    return Batch(
        images=images, masks=masks, shares=shares, present=present, owner=owner, length=samples[0].frames.shape[0]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where each kind of sample is drawn from."""

    stills: Source
    synthetic: Source
    real: Source


def draw_batch(sources: Sources, stage: Stage, seed: int, step: int) -> Batch:
    """The batch of optimiser step `step`."""
    rng = np.random.default_rng([seed, 0, step])
    if rng.random() >= stage.clip_share:
        return collate([sources.stills.sample(rng, 1, stage.size, stage.objects) for _ in range(stage.stills)])
    samples: list[Sample] = []
    for _ in range(stage.clips):
        source = sources.real if rng.random() < stage.real_share else sources.synthetic
        samples.append(source.sample(rng, stage.length, stage.size, stage.objects))
    return collate(samples)


def ahead(make: Callable[[int], Batch], start: int, stop: int, depth: int = 4) -> Generator[Batch]:
    """`make(start)`, ..., `make(stop - 1)`, prepared in a thread up to `depth` ahead; its error is raised here."""
    ready: queue.Queue[Batch | BaseException] = queue.Queue(depth)
    closing = threading.Event()

    def put(item: Batch | BaseException) -> bool:
        while not closing.is_set():
            try:
                ready.put(item, timeout=0.2)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            for step in range(start, stop):
                if not put(make(step)):
                    return
        except BaseException as error:  # handed over: the consumer raises it
            put(error)

    worker = threading.Thread(target=work, name="batches", daemon=True)
    worker.start()
    try:
        for _ in range(start, stop):
            item = ready.get()
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        closing.set()
        worker.join()
