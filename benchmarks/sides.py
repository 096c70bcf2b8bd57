"""Two programs that track the same discs with the same weights: ours and the peer, one frame a step.

Each side lives in a process of its own, so that its peak memory is its own and nothing warms the other's caches.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import torch

from masklet import load_model
from masklet.data.scene import Scene
from masklet.metrics.timing import (
    DECODER,
    IMAGE_ENCODER,
    MEMORY_ATTENTION,
    MEMORY_ENCODER,
    Clock,
    components,
    peak_memory,
)
from masklet.model.configs import ModelConfig
from masklet.session.policy import CORRECT
from masklet.session.prepare import frame_tensor
from masklet.session.video import VideoSession


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a side is to do: `frames` frames of `objects` discs, in `dtype`, with the weights at `paths`."""

    config: ModelConfig
    paths: tuple[Path, Path]
    dtype: torch.dtype
    objects: int
    frames: int
    threads: int

    def scene(self) -> Scene:
        """Frames of the model's own size, so that neither side has to resize."""
        return Scene(self.frames, self.config.image_size, self.config.image_size, self.objects)


@dataclass(frozen=True, slots=True)
class Step:
    """One tracked frame: seconds in all and by component, and the masks [O, 4h, 4w] bool."""

    seconds: float
    parts: Mapping[str, float]
    masks: np.ndarray


def track_ours(job: Job) -> tuple[Clock, Iterator[np.ndarray]]:
    """Our side of a job in this process: a clock of its components, and the masks [O, 4h, 4w] frame by frame."""
    model = load_model(job.paths[0], device="cpu", dtype=job.dtype)
    clock = Clock(components(model))
    # The peer fills no holes, so neither do we here.
    return clock, _track_ours(VideoSession(model, list(job.scene()), policy=replace(CORRECT, hole_area=0)), job)


def _track_ours(session: VideoSession, job: Job) -> Iterator[np.ndarray]:
    scene = job.scene()
    with session:
        for number in range(job.objects):
            session.prompt(0, number, mask=scene.mask(0, number))
        for result in session.propagate():
            yield np.stack([(entry.low_res > 0).numpy() for entry in result.objects.values()])


def _peer(job: Job) -> tuple[Clock, Iterator[np.ndarray]]:
    from benchmarks.peer import load_peer

    peer = load_peer(job.config, job.paths, job.dtype)
    clock = Clock(
        {
            IMAGE_ENCODER: [peer.vision_encoder, peer.mask_decoder.conv_s0, peer.mask_decoder.conv_s1],
            MEMORY_ATTENTION: [peer.memory_attention],
            DECODER: [peer.mask_decoder],
            MEMORY_ENCODER: [peer.memory_encoder],
        }
    )
    return clock, _track_peer(peer, job)


class _Prepared:
    """The peer's table of frames, each normalised when it is asked for: as on our side, and within the frame's time."""

    def __init__(self, frames: list[np.ndarray], side: int, dtype: torch.dtype) -> None:
        self._frames, self._side, self._dtype = frames, side, dtype

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, index: int) -> torch.Tensor:
        return frame_tensor(self._frames[index], self._side, torch.device("cpu"))[0].to(self._dtype)


def _track_peer(peer: Any, job: Job) -> Iterator[np.ndarray]:
    from transformers.models.sam2_video.modeling_sam2_video import Sam2VideoInferenceSession

    scene, side = job.scene(), job.config.image_size
    session: Any = Sam2VideoInferenceSession(None, side, side, dtype=job.dtype)
    session.processed_frames = _Prepared(list(scene), side, job.dtype)
    for number in range(job.objects):
        index = session.obj_id_to_idx(number)
        session.add_mask_inputs(index, 0, torch.from_numpy(scene.mask(0, number)).float()[None, None])
        session.obj_with_new_inputs.append(number)
    for frame in range(job.frames):
        yield (peer(session, frame_idx=frame).pred_masks[:, 0] > 0).numpy()


SIDES: dict[str, Callable[[Job], tuple[Clock, Iterator[np.ndarray]]]] = {"masklet": track_ours, "transformers": _peer}


class Side:
    """A side in its process: `step` tracks one more frame, `peak` is its largest resident memory so far, in MB."""

    def __init__(self, name: str, job: Job) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(name, job, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def step(self) -> Step:
        return self._ask("step")

    def peak(self) -> float:
        return self._ask("peak")

    def _ask(self, what: str) -> Any:
        self._pipe.send(what)
        return self._pipe.recv()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pipe.close()
        self._process.join()


def _serve(name: str, job: Job, pipe: Connection) -> None:
    torch.set_num_threads(job.threads)
    clock, masks = SIDES[name](job)
    while True:
        try:
            what = pipe.recv()
        except EOFError:
            return
        if what == "peak":
            pipe.send(peak_memory())
            continue
        clock.seconds.clear()
        begin = time.perf_counter()
        answer = next(masks)
        pipe.send(Step(time.perf_counter() - begin, dict(clock.seconds), answer))
