"""One clip through the model as a session runs it, with gradients: prompt, then track through memory.

All objects of a batch share one schedule (what is prompted when), so that they run as one batch. The rules for memories
and pointers are those of the session: conditioning frames first, recent frames next, pointers last.

Legend: B clips, T frames, O objects of all clips, C model channels, K memory channels, S image side, h w = S / 16.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from masklet.model.encoder import ImageFeatures
from masklet.model.mask_decoder import Decoded
from masklet.model.memory_tokens import MemoryTokens
from masklet.model.positions import sine_grid
from masklet.model.prompt_encoder import Points
from masklet.model.sam2 import Sam2
from masklet.session.selection import take_candidate, take_plain


def gather_features(features: ImageFeatures, rows: Tensor) -> ImageFeatures:
    """The features of image `rows` [O], one entry per object, with channels last in memory: tokens are views then."""
    parts = (features.embedding, features.stride4, features.stride8)
    return ImageFeatures(*(part.permute(0, 2, 3, 1).index_select(0, rows).permute(0, 3, 1, 2) for part in parts))


def candidates(decoded: Decoded, *, multimask: bool) -> tuple[Tensor, Tensor]:
    """Logits [O, M, 4h, 4w] and IoU estimates [O, M] that count: the three candidates, or the single mask."""
    kept = slice(1, None) if multimask else slice(0, 1)
    return decoded.logits[:, kept], decoded.iou[:, kept]


@dataclass(frozen=True, slots=True)
class Chosen:
    """The mask that a frame ends up with: `logits` [O, 1, 4h, 4w], its `token` [O, C], `visible` [O, 1] bool."""

    logits: Tensor
    token: Tensor
    visible: Tensor


def choose(decoded: Decoded, *, multimask: bool) -> Chosen:
    """What a session would take: the candidate of the highest IoU estimate, or the single mask."""
    taken = take_candidate(decoded) if multimask else take_plain(decoded)
    return Chosen(taken.logits, taken.token, decoded.object_score > 0)


@dataclass(frozen=True, slots=True)
class Remembered:
    """What one frame leaves behind: memory [O, K, h, w], pointer [O, C], whether a user prompted it."""

    frame: int
    memory: Tensor
    pointer: Tensor
    prompted: bool


class Tracker(Protocol):
    """What a simulated user prompts; `Unroll` says what each of these does."""

    def start_from_masks(self, frame: int, masks: Tensor) -> None: ...

    def decode(self, frame: int, points: Points | None, previous: Tensor | None = None) -> Decoded: ...

    def remember(self, frame: int, chosen: Chosen, *, prompted: bool) -> None: ...


class Unroll:
    """Tracks the objects of a batch through its frames.

    Parameters
    ----------
    model: in training or evaluation mode.
    features: of all B * T frames, clip by clip.
    length: T.
    owner: [O] the clip that each object belongs to.
    lag: frames added to the age of conditioning frames in the pointers' time code: short clips stand for long ones.
    """

    def __init__(self, model: Sam2, features: ImageFeatures, length: int, owner: Tensor, lag: int = 0) -> None:
        self._model = model
        self._features = features
        self._length = length
        self._owner = owner
        self._lag = lag
        self._bank: list[Remembered] = []
        self._frame_features: tuple[int, ImageFeatures] | None = None
        self._conditioned: tuple[int, Tensor] | None = None

    def features_at(self, frame: int) -> ImageFeatures:
        """Features of frame `frame`, one entry per object."""
        if self._frame_features is None or self._frame_features[0] != frame:
            rows = self._owner * self._length + frame
            self._frame_features = (frame, gather_features(self._features, rows))
        return self._frame_features[1]

    def start_from_masks(self, frame: int, masks: Tensor) -> None:
        """Frame `frame` is prompted with `masks` [O, 1, S, S] in {0, 1}; they are its output."""
        features = self.features_at(frame)
        visible = masks.flatten(1).any(dim=1, keepdim=True)
        memory = self._model.encode_memory(features.embedding, masks, visible)
        self._keep(Remembered(frame, memory, self._model.mask_pointer(features, masks), prompted=True))

    def decode(self, frame: int, points: Points | None, previous: Tensor | None = None) -> Decoded:
        """The decoder's answer on `frame`: conditioned on what is remembered of other frames, if anything.

        `previous` [O, 1, 4h, 4w] are earlier logits of the same frame, given with corrective points.
        """
        features = self.features_at(frame)
        embedding = self.conditioned_at(frame)
        if points is None:
            points = self._model.no_points(len(self._owner))
        dense = None if previous is None else previous.clamp(-32, 32)
        return self._model.decode(embedding, features, points=points, masks=dense)

    def remember(self, frame: int, chosen: Chosen, *, prompted: bool) -> None:
        """Write the memory of `frame`: binary masks where a user prompted, soft ones where it was tracked."""
        logits = self._model.upsample(chosen.logits)
        shares = (logits > 0).to(logits.dtype) if prompted else logits.sigmoid()
        shares = shares * chosen.visible[:, :, None, None]
        memory = self._model.encode_memory(self.features_at(frame).embedding, shares, chosen.visible)
        pointer = self._model.pointer(chosen.token, chosen.visible)
        self._keep(Remembered(frame, memory, pointer, prompted))

    def conditioned_at(self, frame: int) -> Tensor:
        """The embedding [O, C, h, w] of `frame`, conditioned on the memories of others, once for all clicks."""
        if self._conditioned is None or self._conditioned[0] != frame:
            embedding, tokens = self.features_at(frame).embedding, self._tokens(frame)
            if tokens is None:
                conditioned = self._model.without_memory(embedding)
            else:
                conditioned = self._model.with_memory(embedding, tokens)
            self._conditioned = frame, conditioned
        return self._conditioned[1]

    def _keep(self, remembered: Remembered) -> None:
        """In place of what is known of the frame."""
        self._bank = [kept for kept in self._bank if kept.frame != remembered.frame]
        self._bank.append(remembered)
        # A frame does not attend to itself: what it was conditioned on stays, for the corrections of this frame.
        if self._conditioned is not None and self._conditioned[0] != remembered.frame:
            self._conditioned = None

    def _tokens(self, frame: int) -> MemoryTokens | None:
        config = self._model.config
        past = [kept for kept in self._bank if kept.frame != frame]
        if not past:
            return None
        conditioning = [kept for kept in past if kept.prompted]
        recent = [kept for kept in past if not kept.prompted and frame - kept.frame > 0]
        recent = sorted(recent, key=lambda kept: kept.frame)
        grid = sine_grid(config.grid, config.grid, config.memory_dim, self._model.device)
        values: list[Tensor] = []
        positions: list[Tensor] = []
        rows: list[int] = []
        for kept in conditioning + [kept for kept in recent if frame - kept.frame < config.memories]:
            row = config.memories - 1 if kept.prompted else frame - kept.frame - 1
            rows.append(row)
            values.append(kept.memory.flatten(2).transpose(1, 2))  # [O, N, K]
            positions.append(grid + self._model.memory_time[row])
        # Pointers come from where the tracker came from; memories may come from frames ahead that were prompted.
        before = [kept for kept in conditioning if kept.frame < frame]
        pointing = before + recent[-(config.pointers - 1) :]
        parts = config.d_model // config.memory_dim
        if not pointing:
            return self._tokens_of(values, positions, rows, 0)
        steps = torch.tensor([frame - kept.frame + (self._lag if kept.prompted else 0) for kept in pointing])
        codes = self._model.pointer_positions(steps.to(self._model.device), config.pointers - 1)
        pointers = torch.stack([kept.pointer for kept in pointing], dim=1)  # [O, R, C]
        values.append(pointers.reshape(len(pointers), -1, config.memory_dim))  # [O, R * parts, K]
        positions.append(codes.repeat_interleave(parts, dim=0)[None])
        return self._tokens_of(values, positions, rows, len(pointing) * parts)

    def _tokens_of(self, values: list[Tensor], positions: list[Tensor], rows: list[int], pointers: int) -> MemoryTokens:
        objects = len(self._owner)
        return MemoryTokens(
            values=torch.cat(values, dim=1),
            positions=torch.cat([part.expand(objects, -1, -1) for part in positions], dim=1),
            times=torch.tensor(rows, device=self._model.device).expand(objects, -1),
            pointers=pointers,
        )
