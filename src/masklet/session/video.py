"""Promptable video segmentation as a stream: prompts at any time, one frame at a time, bounded memory."""

from __future__ import annotations

import operator
from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from weakref import WeakSet

import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from masklet.masks.masklet import Masklet
from masklet.media.lookahead import Lookahead
from masklet.model.encoder import ImageFeatures
from masklet.model.sam2 import Sam2
from masklet.session.ahead import Ready, ready_ahead
from masklet.session.archive import Archive
from masklet.session.features import FeatureStore
from masklet.session.history import History
from masklet.session.memory import MemoryBank
from masklet.session.objects import ObjectState, ObjectTable, Pending
from masklet.session.packing import Packing
from masklet.session.passes import both_ways
from masklet.session.policy import CORRECT, PUBLISHED, Policy
from masklet.session.prompts import Prompt
from masklet.session.results import FrameResult, ObjectMask, masklet_of, separate
from masklet.session.source import ClipSource, Picture, StreamSource, open_source
from masklet.session.tracker import Tracker


class VideoSession:
    """Follows objects through a video from prompts on any of its frames.

    Parameters
    ----------
    model
        From `masklet.load_model`.
    source
        A video file, a folder of pictures, a glob, arrays or a Clip (all with random access); an iterator of frames
        [H, W, 3] uint8 or a Stream (read once, in order; the last 32 frames can be prompted); or None: frames come by
        `push`.
    policy
        Choices of behaviour, by default the right ones (see `Policy`).
    reference_exact
        Reproduces the numbers of the released SAM 2 code, faults included; excludes `policy`.
    archive
        Keeps the records of tracked frames in a temporary file, so that a correction on any frame sees what the model
        saw there, and `masklets` can be asked for. False: only what can still influence coming frames is kept. A
        folder: where the file is to be. Sources without random access never have an archive.
    features
        Where image features are kept for frames that may be looked at again (see `masklet.session.features`); by
        default those of the last three frames.

    Example
    -------
    >>> from masklet import load_model
    >>> frames = np.zeros((3, 48, 64, 3), np.uint8)
    >>> with VideoSession(load_model("nano", device="cpu"), frames) as session:
    ...     first = session.prompt(0, 1, points=[(32, 24)])
    ...     [(result.frame, sorted(result.objects)) for result in session.propagate()]
    [(0, [1]), (1, [1]), (2, [1])]
    """

    def __init__(
        self,
        model: Sam2,
        source: Any = None,
        *,
        policy: Policy | None = None,
        reference_exact: bool = False,
        archive: bool | str | Path = True,
        features: FeatureStore | None = None,
    ) -> None:
        if policy is not None and reference_exact:
            raise ValueError("expected either a policy or reference_exact=True, got both")
        self.policy = PUBLISHED if reference_exact else policy or CORRECT
        self.model = model
        self.source: ClipSource | StreamSource = open_source(source)
        self._tracker = Tracker(model, self.source, self.policy, features)
        self.archive: Archive | None = None
        if archive is not False and not isinstance(self.source, StreamSource):
            self.archive = Archive(Packing.of(model), model.device, None if archive is True else Path(archive))
        self._history = History(self._tracker.objects)
        self._running: WeakSet[Lookahead[Ready]] = WeakSet()

    # -- what is there ------------------------------------------------------------------------------------------------

    @property
    def object_ids(self) -> tuple[int, ...]:
        """The objects, in the order in which they were first prompted."""
        return tuple(self.objects)

    @property
    def objects(self) -> ObjectTable:
        """The live table of object states, for the rest of this room; users have `object_ids` and `result`."""
        return self._tracker.objects

    @property
    def length(self) -> int | None:
        """Number of frames; None for a stream that has not ended."""
        return self.source.length

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width of the frames; None before a stream's first frame."""
        return self.source.size

    def prompts(self, object_id: int) -> dict[int, Prompt]:
        """An object's prompts by frame."""
        return dict(self._state(object_id).prompts)

    def conditioning_frames(self, object_id: int) -> tuple[int, ...]:
        """Frames that every other frame of the object attends to (prompted ones), in the order of prompting."""
        state = self._state(object_id)
        waiting = (frame for frame, pending in state.pending.items() if pending.conditioning)
        return tuple(dict.fromkeys((*state.bank.conditioning, *waiting)))

    def result(self, frame: int) -> FrameResult:
        """What is known of a frame now, without tracking; objects without a record there are absent."""
        size = self.source.size
        assert size is not None or not self.objects
        objects: dict[int, ObjectMask] = {}
        for object_id, state in self.objects.items():
            record = state.record(frame)
            if record is not None and size is not None:
                objects[object_id] = ObjectMask(record, size, prompted=frame in state.prompts)
        if self.policy.non_overlap:
            separate(objects)
        return FrameResult(frame, objects)

    def masklets(self) -> list[Masklet]:
        """All objects' masks over all frames that have a record, as run lengths; needs the archive.

        Raises ValueError in a session without archive (collect the results of `propagate` there).
        """
        if self.archive is None:
            raise ValueError("this session keeps no archive of its results; collect them from propagate()")
        size = self.source.size
        assert size is not None
        return [masklet_of(object_id, state, size) for object_id, state in self.objects.items()]

    @torch.inference_mode()
    def features(self, frame: int) -> ImageFeatures:
        """A frame's image features; the next prompt on it need not wait for the encoder. ValueError: no such frame."""
        self.source.check(_index("frame", frame))
        return self._tracker.encode(frame)

    # -- prompts ------------------------------------------------------------------------------------------------------

    @torch.inference_mode()
    def prompt(
        self,
        frame: int,
        object_id: int,
        *,
        points: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        box: ArrayLike | None = None,
        mask: NDArray[Any] | None = None,
        replace: bool = True,
    ) -> FrameResult:
        """Points at an object (a new one if the id is new) on any frame, tracked or not.

        Parameters
        ----------
        frame
            Index of the frame.
        object_id
            A whole number of the caller's choice.
        points, labels
            Clicks [P, 2] as x, y in pixels of the video, each 1 (on the object, the default) or 0 (off it).
        box
            x0, y0, x1, y1 in pixels; alone or with clicks.
        mask
            [H, W] of {0, 1}; alone. It is taken as the object's mask of this frame.
        replace
            Whether the prompt takes the place of earlier clicks and box of the object on this frame, or its clicks are
            added to them.

        Returns
        -------
        FrameResult
            All objects on this frame, before any propagation.

        Raises
        ------
        ValueError
            Nothing to point with, or something that does not fit the frame; nothing has changed then.
        """
        frame, object_id = _index("frame", frame), _index("object_id", object_id)
        self.source.check(frame)
        assert self.source.size is not None
        state = self.objects.get(object_id)
        prompt = Prompt.checked(self.source.size, points=points, labels=labels, box=box, mask=mask)
        if not replace:
            prompt = prompt.added_to(None if state is None else state.prompts.get(frame))
        features = self._tracker.encode(frame)
        if state is None:
            state = ObjectState(MemoryBank(self.archive, self.model.config.memory_reach))
        record = self._tracker.decode_prompt(state, frame, prompt, features)
        self._history.remember([object_id], [frame])
        self.objects[object_id] = state
        state.prompts[frame] = prompt
        conditioning = frame not in state.visited or self.policy.corrections_condition
        state.pending[frame] = Pending(record, conditioning)
        return self.result(frame)

    @torch.inference_mode()
    def clear(self, *, frame: int | range | None = None, object_id: int | None = None) -> None:
        """Takes prompts back: of one object or all, on one frame, on some or on all; one step of undo.

        Of a frame, what the prompts led to stays as an ordinary tracked result until the next propagation; of a whole
        object its results go too. Objects stay, without prompts.
        """
        chosen = list(self.objects) if object_id is None else [object_id]
        states = [(number, self._state(number)) for number in chosen]
        frames = () if frame is None else frame if isinstance(frame, range) else (_index("frame", frame),)
        for index in frames:
            self.source.check(index)
        self._history.remember(chosen, frames)
        for number, state in states:
            if frame is None:
                self.objects[number] = ObjectState(MemoryBank(self.archive, self.model.config.memory_reach))
            for index in frames:
                state.prompts.pop(index, None)
                state.pending.pop(index, None)
                record = state.bank.conditioning.pop(index, None)
                if record is not None:
                    state.bank.tracked.put(index, record)
                state.visited.pop(index, None)

    def forget(self, object_id: int, frames: Iterable[int]) -> None:
        """Drops what tracking left of an object on some frames; prompts stay. No step of undo."""
        state = self._state(object_id)
        for frame in frames:
            state.bank.tracked.pop(frame)
            if frame not in state.prompts:
                state.visited.pop(frame, None)

    def remove_object(self, object_id: int) -> None:
        """Forgets an object with all that belongs to it. Raises ValueError for an unknown id."""
        self._state(object_id)
        self._history.remember([object_id], [])
        del self.objects[object_id]

    def undo(self) -> bool:
        """Takes the last prompt, clearing or removal back; False if there is none.

        Frames that were tracked since keep their masks until they are propagated again.
        """
        return self._history.undo()

    def redo(self) -> bool:
        """Does again what `undo` took back; False if there is nothing."""
        return self._history.redo()

    # -- tracking -----------------------------------------------------------------------------------------------------

    def propagate(
        self,
        start: int | None = None,
        stop: int | None = None,
        *,
        reverse: bool = False,
        objects: Collection[int] | None = None,
    ) -> Iterator[FrameResult]:
        """Tracks objects frame by frame; stop whenever you like by leaving the loop.

        Parameters
        ----------
        start
            First frame; by default the earliest prompted frame (the latest if `reverse`).
        stop
            The frame before which to stop; by default after the last frame (the first if `reverse`).
        reverse
            Towards the beginning.
        objects
            The objects to track, by default all; of the others the results tell what is known.

        Yields
        ------
        FrameResult
            Prompted frames come as they are, all others anew. Prompts and objects may be added between two results.

        Raises
        ------
        ValueError
            No object has a prompt, or the range is not within the video. At once, not at the first result.
        """
        chosen = self.objects if objects is None else objects
        prompted = [frame for number in chosen for frame in self.conditioning_frames(number)]
        if not prompted:
            raise ValueError("there is no prompt to propagate: point at something first")
        if start is None:
            start = max(prompted) if reverse else min(prompted)
        self.source.check(_index("start", start))
        length = self.source.length
        if stop is not None and (stop < -1 or (length is not None and stop > length)):
            raise ValueError(f"expected stop within the video of {length} frames, got {stop}")
        return self._walk(start, stop, reverse, objects)

    def propagate_both(
        self, low: int = 0, high: int | None = None, *, objects: Collection[int] | None = None
    ) -> Iterator[FrameResult]:
        """Tracks objects (default: all) over frames `low` .. `high` - 1 (default: all), forward and then backward.

        First forward from the earliest prompt, then backward from where the last object begins, for what lies before
        the objects' first prompts; a frame that is visited twice comes twice, with what is known of it then.

        Raises
        ------
        ValueError
            No object has a prompt, the range is empty or not within the video, or the source is a stream.
        """
        length = self.source.length
        if length is None:
            raise ValueError("both ways needs a source of known length; a stream goes forward only")
        high = length if high is None else high
        if not 0 <= low < high <= length:
            raise ValueError(f"expected a range of frames within 0..{length}, got {low}..{high}")
        chosen = self.objects if objects is None else objects
        begins = [min(frames) for number in chosen if (frames := self.conditioning_frames(number))]
        if not begins:
            raise ValueError("there is no prompt to propagate: point at something first")
        passes = (frames for frames in both_ways(begins, low, high) if frames)
        return chain.from_iterable(
            self._walk(p.start, p.stop if p.stop >= 0 else None, p.step < 0, objects) for p in passes
        )

    def _walk(
        self, start: int, stop: int | None, reverse: bool, objects: Collection[int] | None
    ) -> Iterator[FrameResult]:
        if isinstance(self.source, StreamSource):  # a frame that is not there yet is not waited for
            for frame, _ in self.source.walk(start, stop, reverse=reverse):
                yield self._step(frame, None, reverse, objects)
            return
        ahead = ready_ahead(self.source, start, stop, reverse=reverse, prepare=self._tracker.prepare)
        self._running.add(ahead)
        with ahead:
            for frame, image in ahead:
                yield self._step(frame, image, reverse, objects)

    @torch.inference_mode()
    def _step(
        self, frame: int, image: Tensor | None, reverse: bool, objects: Collection[int] | None = None
    ) -> FrameResult:
        self._tracker.step(frame, image, reverse=reverse, objects=objects)
        return self.result(frame)

    def push(self, picture: Picture) -> FrameResult:
        """Takes the next frame [H, W, 3] uint8 of a live stream and returns all objects on it.

        Prompts may be given on the pushed frame at once, with the index that the result carries.
        """
        if not isinstance(self.source, StreamSource):
            raise ValueError("frames can be pushed to a session without source only: VideoSession(model)")
        frame = self.source.push(picture)
        result = self._step(frame, None, reverse=False)
        for state in self.objects.values():
            for old in [t for t in state.visited if t < self.source.oldest]:
                del state.visited[old]
        return result

    # -- keeping ------------------------------------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Writes the whole state to one file, atomically; `load` goes on bit for bit as if nothing had happened."""
        from masklet.session import snapshot

        snapshot.save(self, Path(path))

    @classmethod
    def load(cls, path: str | Path, model: Sam2, source: Any = None, *, archive: bool | str | Path = True) -> Self:
        """A saved session, with the same model and source as before (undo steps are not kept).

        Raises ValueError where the file is damaged, or the model or source is another one.
        """
        from masklet.session import snapshot

        return snapshot.load(cls, Path(path), model, source, archive)

    def close(self) -> None:
        """Ends decoding and every loop over `propagate`, and removes the archive."""
        for ahead in list(self._running):
            ahead.close()
        self.source.close()
        if self.archive is not None:
            self.archive.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- inside -------------------------------------------------------------------------------------------------------

    def _state(self, object_id: int) -> ObjectState:
        try:
            return self.objects[object_id]
        except KeyError:
            known = ", ".join(str(number) for number in self.objects) or "none"
            raise ValueError(f"there is no object {object_id}; objects: {known}") from None


def _index(name: str, value: Any) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = -1
    if number < 0 or isinstance(value, bool):
        raise ValueError(f"expected {name} as a whole number from 0, got {value!r}")
    return number
