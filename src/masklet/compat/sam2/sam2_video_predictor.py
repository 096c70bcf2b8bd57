"""The published package's video predictor.

Legend: N objects, P points, H W video frame.
"""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from masklet.compat.sam2.base import SAM2Base
from masklet.session.engine import NO_OBJECT
from masklet.session.results import FrameResult
from masklet.session.video import VideoSession

Outcome = tuple[int, list[Any], Tensor]
"""Frame index, object ids, mask logits [N, 1, H, W] float32 (positive: object) in the order of the ids."""


class InferenceState:
    """A video being worked on, as `init_state` returns it.

    `state["num_frames"]`, `["video_height"]`, `["video_width"]` and `["obj_ids"]` are there for programs that read
    the published state; the rest is a `VideoSession`, in `session`.
    """

    def __init__(self, session: VideoSession) -> None:
        self.session = session
        self.obj_ids: list[Any] = []
        self.numbers: dict[Hashable, int] = {}
        self.tracking_has_started = False
        self._next = 0

    def __getitem__(self, key: str) -> Any:
        size = self.session.size
        assert size is not None
        fields = {
            "num_frames": self.session.length,
            "video_height": size[0],
            "video_width": size[1],
            "obj_ids": self.obj_ids,
        }
        if key not in fields:
            raise KeyError(f"the state has no {key!r}; it has {', '.join(fields)}")
        return fields[key]

    def number(self, obj_id: Hashable) -> int:
        """The session's number of an object; a new one if the id is new. Not kept until `register`."""
        return self.numbers.get(obj_id, self._next)

    def register(self, obj_id: Hashable) -> None:
        """Keeps the number of an object that has got its first prompt."""
        if obj_id not in self.numbers:
            self.numbers[obj_id] = self._next
            self.obj_ids.append(obj_id)
            self._next += 1

    def forget(self, obj_id: Hashable) -> None:
        """Drops an object."""
        self.session.remove_object(self.numbers.pop(obj_id))
        self.obj_ids.remove(obj_id)

    def known(self, obj_id: Hashable) -> int:
        """The number of an object that exists; else RuntimeError."""
        if obj_id not in self.numbers:
            raise RuntimeError(f"object id {obj_id} doesn't exist. All existing object ids: {self.obj_ids}.")
        return self.numbers[obj_id]


class SAM2VideoPredictor(SAM2Base):
    """Prompts on frames, then propagation: an adapter over `masklet.VideoSession`.

    Where the published predictor is at fault, this one is not (corrections last, holes are filled without an extension,
    objects may first appear in later frames) unless it was built with `reference_exact=True`. Clicks outside of
    the frame, empty masks and masks of another size are errors.

    Example
    -------
    >>> import numpy as np
    >>> from masklet.compat.sam2 import build_sam2_video_predictor
    >>> small = ["++model.image_size=64"]
    >>> predictor = build_sam2_video_predictor("configs/sam2.1/sam2.1_hiera_t.yaml", hydra_overrides_extra=small)
    >>> state = predictor.init_state(np.zeros((3, 48, 64, 3), np.uint8))
    >>> frame, ids, logits = predictor.add_new_points_or_box(state, 0, obj_id=1, points=[[32, 24]], labels=[1])
    >>> [(frame, ids, tuple(logits.shape)) for frame, ids, logits in predictor.propagate_in_video(state)]
    [(0, [1], (1, 1, 48, 64)), (1, [1], (1, 1, 48, 64)), (2, [1], (1, 1, 48, 64))]
    """

    @classmethod
    def from_pretrained(cls, model_id: str, **kwargs: Any) -> SAM2VideoPredictor:
        """A predictor by hub name, or any name of `masklet models`; `kwargs` as of `build_sam2_video_predictor_hf`."""
        from masklet.compat.sam2.build_sam import build_sam2_video_predictor_hf

        return build_sam2_video_predictor_hf(model_id, **kwargs)

    def init_state(
        self,
        video_path: str | Path | NDArray[np.uint8],
        offload_video_to_cpu: bool = False,
        offload_state_to_cpu: bool = False,
        async_loading_frames: bool = False,
    ) -> InferenceState:
        """Opens a video file, a folder of pictures (or arrays).

        The three options are accepted and change nothing: frames are always decoded when they are needed, in the
        background, and what is not needed for tracking waits in a temporary file.
        """
        del offload_video_to_cpu, offload_state_to_cpu, async_loading_frames
        return InferenceState(VideoSession(self.model, video_path, policy=self.policy))

    def add_new_points_or_box(
        self,
        inference_state: InferenceState,
        frame_idx: int,
        obj_id: Any,
        points: ArrayLike | Tensor | None = None,
        labels: ArrayLike | Tensor | None = None,
        clear_old_points: bool = True,
        normalize_coords: bool = True,
        box: ArrayLike | Tensor | None = None,
    ) -> Outcome:
        """Clicks [P, 2] with labels [P] (1 on the object, 0 off it), a box [4], or both, on any frame.

        Coordinates are pixels of the video, or 0..1 without `normalize_coords`. Clicks replace the earlier ones of the
        object on the frame unless `clear_old_points` is False. A box that reaches over the frame's edge, as detectors
        give them, is cut off there.
        """
        if (points is not None) != (labels is not None):
            raise ValueError("points and labels must be provided together")
        if points is None and box is None:
            raise ValueError("at least one of points or box must be provided as input")
        if box is not None and not clear_old_points:
            raise ValueError(
                "cannot add box without clearing old points, since box prompt must be provided before any point prompt "
                "(please use clear_old_points=True instead)"
            )
        if box is not None and inference_state.tracking_has_started:
            warnings.warn(
                "a box after tracking has started may not refine a mask well; clicks do", UserWarning, stacklevel=2
            )
        size = inference_state.session.size
        assert size is not None
        corner = np.array([size[1], size[0]], np.float64)
        scale = np.ones(2) if normalize_coords else corner
        clicks = None if points is None else _array(points).reshape(-1, 2) * scale
        inference_state.session.prompt(
            frame_idx,
            inference_state.number(obj_id),
            points=clicks,
            labels=None if labels is None else _array(labels).reshape(-1),
            box=None if box is None else np.clip(_array(box).reshape(-1, 2) * scale, 0, corner).reshape(-1),
            replace=clear_old_points,
        )
        inference_state.register(obj_id)
        return self._outcome(inference_state, frame_idx)

    def add_new_points(self, *args: Any, **kwargs: Any) -> Outcome:
        """Deprecated name of `add_new_points_or_box`."""
        return self.add_new_points_or_box(*args, **kwargs)

    def add_new_mask(
        self, inference_state: InferenceState, frame_idx: int, obj_id: Any, mask: NDArray[Any] | Tensor
    ) -> Outcome:
        """A mask [H, W] of an object, in place of earlier prompts of the object on the frame."""
        inference_state.session.prompt(
            frame_idx, inference_state.number(obj_id), mask=_array(mask).astype(np.bool_, copy=False)
        )
        inference_state.register(obj_id)
        return self._outcome(inference_state, frame_idx)

    def propagate_in_video_preflight(self, inference_state: InferenceState) -> None:
        """Checks that every object has a prompt (RuntimeError); `propagate_in_video` does it by itself."""
        if not inference_state.obj_ids:
            raise RuntimeError("No input points or masks are provided for any object; please add inputs first.")
        for obj_id, number in inference_state.numbers.items():
            if not inference_state.session.conditioning_frames(number):
                raise RuntimeError(
                    f"No input points or masks are provided for object id {obj_id}; please add inputs first."
                )
        inference_state.tracking_has_started = True

    def propagate_in_video(
        self,
        inference_state: InferenceState,
        start_frame_idx: int | None = None,
        max_frame_num_to_track: int | None = None,
        reverse: bool = False,
    ) -> Iterator[Outcome]:
        """Tracks all objects frame by frame.

        From `start_frame_idx` (by default the earliest conditioning frame, in reverse too) over
        `max_frame_num_to_track` further frames: the last index is included. In reverse from frame 0 there is nothing.
        """
        self.propagate_in_video_preflight(inference_state)
        session = inference_state.session
        start = start_frame_idx
        if start is None:
            start = min(t for number in inference_state.numbers.values() for t in session.conditioning_frames(number))
        length = session.length
        assert length is not None
        further = length if max_frame_num_to_track is None else max_frame_num_to_track
        if reverse and start == 0:
            return
        end = max(start - further, 0) - 1 if reverse else min(start + further, length - 1) + 1
        for result in session.propagate(start, None if end < 0 else end, reverse=reverse):
            yield result.frame, inference_state.obj_ids, self._logits(inference_state, result)

    def clear_all_prompts_in_frame(
        self, inference_state: InferenceState, frame_idx: int, obj_id: Any, need_output: bool = True
    ) -> Outcome | None:
        """Takes an object's prompts on a frame back."""
        inference_state.session.clear(frame=frame_idx, object_id=inference_state.known(obj_id))
        return self._outcome(inference_state, frame_idx) if need_output else None

    def reset_state(self, inference_state: InferenceState) -> None:
        """Removes all objects with their prompts and results; the video stays."""
        for obj_id in tuple(inference_state.obj_ids):
            inference_state.forget(obj_id)
        inference_state.tracking_has_started = False

    def remove_object(
        self, inference_state: InferenceState, obj_id: Any, strict: bool = False, need_output: bool = True
    ) -> tuple[list[Any], list[tuple[int, Tensor]]]:
        """Removes an object; returns the ids that are left, and (frame, logits) of the frames it had prompts on.

        An unknown id is a RuntimeError if `strict`.
        """
        if obj_id not in inference_state.numbers:
            if strict:
                raise RuntimeError(
                    f"Cannot remove object id {obj_id} as it doesn't exist. "
                    f"All existing object ids: {inference_state.obj_ids}."
                )
            return inference_state.obj_ids, []
        frames = sorted(inference_state.session.prompts(inference_state.numbers[obj_id]))
        inference_state.forget(obj_id)
        if not inference_state.obj_ids:
            inference_state.tracking_has_started = False
            return inference_state.obj_ids, []
        if not need_output:
            return inference_state.obj_ids, []
        return inference_state.obj_ids, [(frame, self._outcome(inference_state, frame)[2]) for frame in frames]

    def _outcome(self, state: InferenceState, frame: int) -> Outcome:
        return frame, state.obj_ids, self._logits(state, state.session.result(frame))

    def _logits(self, state: InferenceState, result: FrameResult) -> Tensor:
        """[N, 1, H, W] float32 in the order of the ids."""
        size = state.session.size
        assert size is not None
        logits = np.full((len(state.obj_ids), 1, *size), NO_OBJECT, np.float32)
        for row, obj_id in enumerate(state.obj_ids):
            entry = result.objects.get(state.numbers[obj_id])
            if entry is not None:
                logits[row, 0] = entry.logits
        return torch.from_numpy(logits).to(self.device)


def _array(values: ArrayLike | Tensor) -> NDArray[Any]:
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
