"""Moves all objects of a session from frame to frame: features once a frame, memories, batches of objects."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np
import torch
from torch import Tensor

from masklet.model.encoder import ImageFeatures
from masklet.model.prompt_encoder import Points
from masklet.model.sam2 import Sam2
from masklet.session.engine import Engine
from masklet.session.features import FeatureStore, LastFrames
from masklet.session.memory import Selection
from masklet.session.objects import ObjectState, ObjectTable
from masklet.session.policy import Policy
from masklet.session.prepare import frame_tensor
from masklet.session.prompts import Prompt, model_points
from masklet.session.records import Memory
from masklet.session.source import Picture, Source

_CACHED_FRAMES = 3


class Tracker:
    """The objects of a session and the engine that moves them. To be called under `torch.inference_mode`."""

    def __init__(self, model: Sam2, source: Source, policy: Policy, features: FeatureStore | None = None) -> None:
        self.objects: ObjectTable = {}
        self._model = model
        self._source = source
        self._policy = policy
        self._engine = Engine(model, policy)
        self._features = LastFrames(_CACHED_FRAMES) if features is None else features

    def prepare(self, picture: Picture) -> Tensor:
        """A picture as the model's image [1, 3, S, S]; knows nothing of the session, and any thread may ask."""
        return frame_tensor(picture, self._model.config.image_size, self._model.device)

    def encode(self, frame: int, image: Tensor | None = None) -> ImageFeatures:
        """A frame's features, from the store of features if it has them; an `image` spares reading the frame."""
        features = self._features.get(frame)
        if features is None:
            features = self._model.encode_image(self.prepare(self._source.frame(frame)) if image is None else image)
            self._features.put(frame, features)
        return features

    def _select(self, state: ObjectState, frame: int, reverse: bool) -> Selection:
        return state.bank.select(
            frame,
            reverse=reverse,
            length=self._source.length,
            memories=self._model.config.memories,
            stride=self._model.config.memory_stride,
            recent=self._model.config.memory_recent,
            pointers=self._model.config.pointers,
            most_conditioning=self._policy.max_conditioning,
        )

    def decode_prompt(self, state: ObjectState, frame: int, prompt: Prompt, features: ImageFeatures) -> Memory:
        """The record of a prompt on a frame; its memory is written when tracking goes on."""
        if prompt.mask is not None:
            return self._engine.from_mask(features, torch.as_tensor(prompt.mask.decode()).to(self._model.device))
        size = self._source.size
        assert size is not None
        coordinates, marks = model_points(
            np.array(prompt.points, np.float32).reshape(-1, 2),
            np.array(prompt.labels, np.int32),
            None if prompt.box is None else np.array(prompt.box, np.float32),
            *size,
            self._model.config.image_size,
        )
        device = self._model.device
        points = Points(torch.as_tensor(coordinates)[None].to(device), torch.as_tensor(marks)[None].long().to(device))
        # On a frame that the tracker has not seen, the prompt stands alone; else the memories have their say.
        selection = self._select(state, frame, state.visited[frame]) if frame in state.visited else None
        if selection is not None and not selection.spatial:
            selection = None
        return self._engine.from_points(features, selection, points, self._earlier_mask(state, frame, prompt))

    def _earlier_mask(self, state: ObjectState, frame: int, prompt: Prompt) -> Tensor | None:
        """The logits of a frame that clicks or a box on it are put on, if there are any.

        Not those that say that nothing is there, where the user says where it is: a model obeys them too well.
        """
        record = state.record(frame)
        if record is None:
            return None
        points_out = prompt.box is not None or any(prompt.labels)
        if record.score <= 0 and points_out and not self._policy.hidden_as_mask:
            return None
        return record.logits

    def _write_pending(self) -> None:
        """Writes the memories of newly prompted frames; once a frame's features serve all objects."""
        waiting = sorted({frame for state in self.objects.values() for frame in state.pending})
        written: dict[tuple[int, int], Memory] = {}
        for frame in waiting:
            features = self.encode(frame)
            for number, state in self.objects.items():
                if frame in state.pending:
                    written[number, frame] = self._engine.write_memory(features, state.pending[frame].record)
        for number, state in self.objects.items():
            for conditioning in (False, True):  # as published: the order decides that of the memories
                for frame, pending in state.pending.items():
                    if pending.conditioning != conditioning:
                        continue
                    record = written[number, frame]
                    if conditioning:
                        state.bank.conditioning[frame] = record
                        state.bank.tracked.pop(frame)
                    elif frame not in state.bank.conditioning:  # the released code loses such a correction
                        state.bank.tracked.put(frame, record)
            state.pending.clear()

    def step(
        self, frame: int, image: Tensor | None = None, *, reverse: bool, objects: Collection[int] | None = None
    ) -> None:
        """Tracks objects (default: all) that are under way on a frame; prompted frames stay as they are."""
        self._write_pending()
        moving: list[ObjectState] = []
        for number, state in self.objects.items():
            if objects is not None and number not in objects:
                continue
            conditioning = state.bank.conditioning
            if frame in conditioning:
                state.visited[frame] = reverse
            elif conditioning and (not self._policy.wait_for_prompt or _has_begun(conditioning, frame, reverse)):
                moving.append(state)
        if moving:
            selections = [self._select(state, frame, reverse) for state in moving]
            records = self._engine.track(self.encode(frame, image), selections)
            for state, record in zip(moving, records, strict=True):
                state.bank.tracked.put(frame, record)
                state.visited[frame] = reverse


def _has_begun(conditioning: Iterable[int], frame: int, reverse: bool) -> bool:
    return any(t >= frame if reverse else t <= frame for t in conditioning)
