"""Runs of tracking of one media: one at a time, a frame at a time, every frame stored before the pages hear of it."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable
from concurrent.futures import Future

from masklet.server.job import Job
from masklet.server.live import Live
from masklet.server.messages import Track
from masklet.server.model_side import ModelSide
from masklet.server.worker import Urgency, Worker
from masklet.session.passes import both_ways
from masklet.store import Change, MaskRecord

logger = logging.getLogger("masklet.server")


class Tracking:
    """At most one run under way. All but `stop` and `busy` are for the worker's thread.

    Parameters
    ----------
    live, model
        The media's state, and the model's side of it.
    worker
        Where a run queues again for every frame.
    tracked
        Told of every tracked frame.
    """

    def __init__(self, live: Live, worker: Worker, model: ModelSide, tracked: Callable[[], None]) -> None:
        self._live = live
        self._worker = worker
        self._model = model
        self._tracked = tracked
        self._jobs = itertools.count(1)
        self._job: Job | None = None

    @property
    def busy(self) -> bool:
        """Whether a run is under way."""
        return self._job is not None

    def begin(self, command: Track) -> int:
        """Begins a run, in place of the one under way, and returns its number. Raises ValueError where nothing is to
        be tracked, or the range is not within the video."""
        self.end("stopped")
        state = self._live.state
        if command.objects is None:
            chosen = {number for number, record in state.objects.items() if not record.locked}
        else:
            chosen = {self._live.editable(number).object for number in command.objects}
        session = self._model.ready(state)
        chosen = {number for number in chosen if self._model.knows(number) and session.conditioning_frames(number)}
        if not chosen:
            raise ValueError("there is nothing to track: no object that is not locked has a prompt")
        frames = self._live.media.frames
        if command.direction == "both":
            low, high = (0, frames) if command.stop is None else (command.start, command.stop)
            results = session.propagate_both(low, high, objects=chosen)
            # Frames between the first prompts of two objects are visited twice.
            begins = [min(session.conditioning_frames(number)) for number in chosen]
            total = sum(len(visited) for visited in both_ways(begins, low, high))
        else:
            back = command.direction == "backward"
            results = session.propagate(command.start, command.stop, reverse=back, objects=chosen)
            stop = command.stop if command.stop is not None else -1 if back else frames
            total = max(0, command.start - stop if back else stop - command.start)
        payload = command.model_dump(exclude={"type", "request", "objects"}) | {"objects": sorted(chosen)}
        applied = self._live.commit("track", payload, Change())
        job = Job(
            id=next(self._jobs),
            revision=applied.revision.id,
            objects=frozenset(chosen),
            results=results,
            total=total,
            frame=command.start,
        )
        self._job = job
        self._live.job = job.describe()
        self._go_on(job)
        return job.id

    def stop(self, number: int) -> None:
        """Ends a run before its next frame. Raises ValueError where it is not under way."""
        job = self._job
        if job is None or job.id != number:
            raise ValueError(f"there is no job {number} under way")
        job.stopping = True

    def _go_on(self, job: Job) -> None:
        self._worker.submit(Urgency.TRACKING, lambda: self._step(job)).add_done_callback(
            lambda future: self._stepped(job, future)
        )

    def _step(self, job: Job) -> bool:
        """Tracks one frame. Returns whether there may be more."""
        if self._job is not job:
            return False
        if job.stopping:
            self.end("stopped")
            return False
        result = next(job.results, None)
        if result is None:
            self._keep(job)
            self.end("done")
            return False
        # Prompted frames have their masks already, drawn ones to the pixel.
        for number, found in result.objects.items():
            if number in job.objects and result.frame not in self._live.state.prompts.get(number, {}):
                mask = found.frame_mask(result.frame)
                job.unkept[number, result.frame] = MaskRecord(object=number, frame=result.frame, mask=mask)
        self._model.touch()
        job.done += 1
        job.frame = result.frame
        self._tracked()
        if job.keeping_due():
            self._keep(job)
        return True

    def _stepped(self, job: Job, future: Future[bool]) -> None:
        if future.cancelled():
            return
        error = future.exception()
        if error is not None:
            logger.error("tracking failed", exc_info=error)
            self.end("failed", str(error) if isinstance(error, ValueError | OSError) else "internal error")
        elif future.result():
            self._go_on(job)

    def _keep(self, job: Job) -> None:
        """Stores and sends the masks of the last frames, and tells how far the run has come."""
        began = time.monotonic()
        self._store(job)
        self._live.job = job.describe()
        self._live.tell({"type": "progress", **self._live.job})
        if job.lanes_due():
            job.lanes_took(self._live.tell_lanes(job.objects))
        job.keeping_took(time.monotonic() - began)

    def _store(self, job: Job) -> None:
        records, job.unkept = job.unkept, {}
        if records:
            self._live.add_masks(job.revision, list(records.values()))

    def end(self, state: str, error: str | None = None) -> None:
        """Ends the run under way, if there is one, and tells the pages how: "done", "stopped" or "failed"."""
        job, self._job = self._job, None
        if job is None:
            return
        close = getattr(job.results, "close", None)
        if close is not None:
            close()
        try:
            self._store(job)
        finally:
            self._live.job = None
            self._live.tell_lanes(job.objects)
            self._live.tell({"type": "finished", "job": job.id, "state": state, "error": error})
