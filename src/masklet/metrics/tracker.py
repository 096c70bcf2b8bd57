"""A model's `VideoSession` as a predictor of the video object segmentation protocol."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

import masklet
from masklet.session import VideoSession


class SessionTracker:
    """Prompts a session with the first frame's masks and propagates; an invisible object has an empty mask.

    `name` is a model's name or the path of a checkpoint, as `masklet.load_model` takes it.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._model = masklet.load_model(name)

    def track(self, frames: Sequence[np.ndarray], first: Mapping[int, np.ndarray]) -> Iterator[dict[int, np.ndarray]]:
        """Yield object id -> mask [H, W] bool of frames 1, 2, ... of `frames` ([H,W,3] uint8 RGB)."""
        with VideoSession(self._model, list(frames)) as session:
            for object_id, mask in first.items():
                session.prompt(0, object_id, mask=mask)
            for result in session.propagate():
                if result.frame > 0:
                    yield {object_id: shown.mask for object_id, shown in result.objects.items()}
