"""One frame's work: from features, prompts and memories to masks and new memories. Knows no time, keeps no state.

Legend: O objects, C model channels, K memory channels, S image side, h w = S / 16.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from masklet.masks.components import small_components
from masklet.model.encoder import ImageFeatures
from masklet.model.prompt_encoder import Points
from masklet.model.sam2 import Sam2
from masklet.session.memory import Selection, tokens
from masklet.session.policy import Policy
from masklet.session.records import Memory
from masklet.session.selection import take_candidate

NO_OBJECT = -1024.0
"""Logit of every pixel where the object is not visible."""
PREVIOUS_LIMIT = 32.0
"""Previous logits are clamped to +- this before they serve as a prompt."""
HOLE_FILL = 0.1
PLACES_AT_ONCE = 2**15
"""Places of the features, of all objects of one batch: 8 objects at 1024 px, 41 at 448 px. Bounds the memory of a
frame; with twice as many a CPU takes longer for each, since what is made of them at strides 4 and 8 comes from afar."""


class Engine:
    """Runs a model under a policy. All methods are to be called under `torch.inference_mode`."""

    def __init__(self, model: Sam2, policy: Policy) -> None:
        self.model = model
        self.policy = policy
        side = 4 * model.config.grid
        self._hole_area = policy.hole_area * side * side // 256**2

    def from_mask(self, features: ImageFeatures, mask: Tensor) -> Memory:
        """A given mask [H, W] in {0, 1} as the object's mask of a frame; its memory is not written yet."""
        side = self.model.config.image_size
        full = mask[None, None].float()
        if full.shape[-2:] != (side, side):
            full = F.interpolate(full, size=(side, side), mode="bilinear", align_corners=False, antialias=True)
            full = (full >= 0.5).float()
        logits = F.interpolate(full * 20 - 10, scale_factor=0.25, mode="bilinear", align_corners=False, antialias=True)
        pointer = self.model.mask_pointer(features, full)
        visible = bool(full.any())
        return self._record(logits[0], pointer[0], score=10.0 if visible else -10.0, iou=1.0)

    def from_points(
        self, features: ImageFeatures, selection: Selection | None, points: Points, previous: Tensor | None
    ) -> Memory:
        """Clicks on a frame, with the memories of `selection` (None: none) and `previous` logits [1, 4h, 4w]."""
        if selection is None:
            embedding = self.model.without_memory(features.embedding)
        else:
            embedding = self.model.with_memory(features.embedding, tokens(self.model, [selection]))
        masks = None if previous is None else previous.clamp(-PREVIOUS_LIMIT, PREVIOUS_LIMIT)[None]
        decoded = self.model.decode(embedding, features, points=points, masks=masks)
        ambiguous = points.labels.shape[1] <= 1  # a box counts as two points
        chosen = take_candidate(decoded) if ambiguous else self.policy.single(decoded)
        visible = decoded.object_score > 0
        logits = torch.where(visible[..., None, None], chosen.logits.float(), NO_OBJECT)
        pointer = self.model.pointer(chosen.token, visible)
        return self._record(logits[0], pointer[0], score=float(decoded.object_score[0, 0]), iou=float(chosen.iou[0, 0]))

    def write_memory(self, features: ImageFeatures, record: Memory) -> Memory:
        """A prompted frame's record with its memory, made from the stored mask."""
        mask = self.model.upsample(record.logits[None].to(self.model.device))
        probability = (mask > 0).float() if self.policy.binary_prompts else mask.sigmoid()
        visible = torch.tensor([[record.score > 0]], device=self.model.device)
        memory = self.model.encode_memory(features.embedding, probability, visible)
        return replace(record, memory=memory[0].to(torch.bfloat16))

    def track(self, features: ImageFeatures, selections: Sequence[Selection]) -> list[Memory]:
        """The masks and memories of O objects on a frame without prompts, in the order of `selections`."""
        records: dict[int, Memory] = {}
        by_layout: dict[tuple[int, int, int], list[int]] = {}
        for index, selection in enumerate(selections):
            by_layout.setdefault(selection.layout, []).append(index)
        for indices in by_layout.values():
            parts = math.ceil(len(indices) * self.model.config.grid**2 / PLACES_AT_ONCE)
            for part in np.array_split(indices, min(parts, len(indices))):
                batch: list[int] = part.tolist()
                records.update(zip(batch, self._track_batch(features, [selections[i] for i in batch]), strict=True))
        return [records[index] for index in range(len(selections))]

    def _track_batch(self, features: ImageFeatures, selections: Sequence[Selection]) -> list[Memory]:
        model = self.model
        embedding = model.with_memory(features.embedding, tokens(model, selections))
        decoded = model.decode(embedding, features, points=model.no_points(len(selections)))
        chosen = take_candidate(decoded)
        visible = decoded.object_score > 0  # [O, 1]
        logits = torch.where(visible[..., None, None], chosen.logits.float(), NO_OBJECT)
        pointers = model.pointer(chosen.token, visible)
        # The memory sees the mask before its holes are filled.
        memories = model.encode_memory(features.embedding, model.upsample(logits).sigmoid(), visible)
        memories = memories.to(torch.bfloat16)
        scores = [float(score) for score in decoded.object_score[:, 0].cpu()]  # one wait for an accelerator, not O
        ious = [float(iou) for iou in chosen.iou[:, 0].cpu()]
        return [
            replace(self._record(logits[i], pointers[i], score=scores[i], iou=ious[i]), memory=memories[i].clone())
            for i in range(len(selections))
        ]

    def _record(self, logits: Tensor, pointer: Tensor, *, score: float, iou: float) -> Memory:
        return Memory(
            logits=self._filled(logits.float()), pointer=pointer.float().clone(), memory=None, score=score, iou=iou
        )

    def _filled(self, logits: Tensor) -> Tensor:
        """[1, 4h, 4w] with small holes of the mask filled; always a copy of its own."""
        if self._hole_area:
            holes = small_components(np.ascontiguousarray((logits[0] <= 0).cpu().numpy()), self._hole_area)
            if holes.any():
                return torch.where(torch.as_tensor(holes).to(logits.device), HOLE_FILL, logits)
        return logits.clone()
