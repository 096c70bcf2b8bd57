"""What `masklet track` does: run a session, keep a journal, go on with a stopped run.

The journal (`track.jsonl`) is what was found. While a run is unfinished, the state of the session after N of the
journal's frames lies beside it as `state-N`; a run that goes on loads the newest state that the journal covers, cuts the
journal back to it and continues from there. Nothing is kept in memory that grows with the video.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any, Literal

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from masklet import __version__
from masklet.cli.journal import FrameRecord, Journal, read_header, read_records
from masklet.cli.options import Dtype, load, make_folder
from masklet.cli.outputs import OverlayVideo, forget_outputs, write_outputs
from masklet.cli.prompts import Prompt, combine
from masklet.masks import FrameMask, Rle
from masklet.media import Clip, open_clip, read_mask
from masklet.model.sam2 import Sam2
from masklet.session import FrameResult, VideoSession

SAVE_EVERY = 10.0
"""Seconds of tracking between two saved states: what a killed run loses at most."""

STATE = "state-"

SAVE_SHARE = 20
"""A state that took t seconds to save is not followed by another within this many times t."""

Direction = Literal["forward", "backward", "both"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to track, and how. None is what was not said."""

    prompts: tuple[Prompt, ...]
    model: str | None = None
    dtype: Dtype | None = None
    start: int | None = None
    stop: int | None = None
    direction: Direction | None = None

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "prompts": [prompt.to_json() for prompt in self.prompts]}

    @classmethod
    def from_json(cls, header: dict[str, Any]) -> Job:
        """Read the fields of a job from a journal's header, which holds others as well."""
        fields = {name: header[name] for name in ("model", "dtype", "start", "stop", "direction")}
        return cls(prompts=tuple(Prompt.from_json(record) for record in header["prompts"]), **fields)

    def with_defaults(self) -> Job:
        return replace(
            self,
            model=self.model or "nano",
            dtype=self.dtype or "float32",
            direction=self.direction or "forward",
        )

    def passes(self, count: int) -> list[range]:
        """The frames to track in a clip of `count` frames, in order: one range, or two for "both".

        Raises:
            ValueError: a range outside of the clip, or an empty one.
        """
        first = min(prompt.frame for prompt in self.prompts)
        last = max(prompt.frame for prompt in self.prompts)
        low = self.start if self.start is not None else first if self.direction == "forward" else 0
        high = self.stop if self.stop is not None else last + 1 if self.direction == "backward" else count
        if not 0 <= low < high <= count:
            raise ValueError(f"expected a range of frames within 0..{count} (the video's length), not {low}..{high}")
        if self.direction == "backward":
            return [range(high - 1, low - 1, -1)]
        if self.direction == "both":
            middle = min(max(first, low), high - 1)
            return [range(middle, high), range(middle - 1, low - 1, -1)]
        return [range(low, high)]


def mask_prompts(path: Path, frame: int) -> list[Prompt]:
    """One prompt for each object of a picture of labels; black and white (0 and 255) is object 1.

    Raises:
        ValueError: no object in it. OSError: it cannot be read.
    """
    labels = [int(value) for value in np.unique(read_mask(path)) if value]
    if not labels:
        raise ValueError(f"{path} is empty: expected at least one pixel that is not 0")
    if labels == [255]:
        return [Prompt(object_id=1, frame=frame, mask=str(path))]
    return [Prompt(object_id=label, frame=frame, mask=str(path), label=label) for label in labels]


def run(
    source: Path,
    job: Job,
    folder: Path,
    *,
    formats: Sequence[str],
    device: str | None,
    resume: bool,
    overwrite: bool,
) -> int:
    """Track, write the results into `folder`, say where they are. Returns the exit code.

    Raises:
        ValueError: anything wrong with the input. OSError: something cannot be read or written. What was tracked
            before is in the folder nevertheless.
    """
    console = Console(soft_wrap=True, highlight=False)
    path = make_folder(folder) / "track.jsonl"
    if path.exists() and not (resume or overwrite):
        raise ValueError(f"{folder} holds a run already: give --resume, --overwrite or another folder with -o")
    goes_on = resume and path.exists()
    job = _recorded(job, path) if goes_on else job.with_defaults()
    if not job.prompts:
        raise ValueError('nothing to track: give --prompt "1@0:point=420,240", or --mask, or --prompts')
    with ExitStack() as stack:
        clip = stack.enter_context(open_clip(source))
        passes = job.passes(len(clip))
        total = sum(map(len, passes))
        header = {"version": __version__, **_identity(clip), **job.to_json(), "source": str(source), "fps": clip.fps}
        if goes_on:
            _check_same_clip(clip, path)
        model = load(job.model or "nano", device, job.dtype)
        session, done = _resumed(path, model, source) if goes_on else (None, 0)
        if session is None:
            session = VideoSession(model, source, archive=False)
            _prompt(session, job.prompts)
            forget_outputs(folder)
        stack.callback(session.close)
        journal = stack.enter_context(Journal.reopen(path, done) if done else Journal.create(path, header))
        overlay = None
        if "overlay" in formats and job.direction == "forward":
            overlay = stack.enter_context(OverlayVideo(folder, clip, first=passes[0][0]))
            for record in read_records(path):
                overlay.add(record)
        failure: Exception | None = None
        saver = _Saver(session, folder)
        with _interrupt() as interrupted, _progress(done, total) as progress:
            began = time.monotonic()
            try:
                for result in _results(session, passes, done):
                    record = _record(result)
                    journal.append(record)
                    if overlay:
                        overlay.add(record)
                    progress.advance(progress.task_ids[0])
                    if interrupted.is_set():
                        break
                    saver.save_if_due(journal.count)
                if journal.count < total:
                    saver.save(journal.count)
            except (ValueError, OSError) as error:
                failure = error  # raised again when what was tracked before it is written
            seconds = time.monotonic() - began
        if journal.count:
            if overlay:
                overlay.close()
            tracked = journal.count - done
            console.print(f"{tracked} frames in {seconds:.1f} s ({tracked / max(seconds, 1e-9):.1f} frames/s)")
            for what, where in write_outputs(path, clip, formats):
                console.print(f"{what:<14} {where}", markup=False)
        if failure is not None:
            raise failure
        if journal.count < total:
            console.print(f"stopped after {journal.count} of {total} frames; the same command with --resume goes on")
            return 130
    forget_states(folder)
    return 0


def _identity(clip: Clip) -> dict[str, int]:
    return {"frames": len(clip), "height": clip.height, "width": clip.width}


def _check_same_clip(clip: Clip, path: Path) -> None:
    header, found = read_header(path), _identity(clip)
    if any(header[name] != value for name, value in found.items()):
        was = "{frames} frames of {width}x{height}"
        raise ValueError(f"{clip.name} has {was.format(**found)}, but the run in {path} is of {was.format(**header)}")


def _recorded(said: Job, path: Path) -> Job:
    """The job of an older run. Raises ValueError if anything was said now that differs from it."""
    job = Job.from_json(read_header(path))
    for name in Job.__slots__:
        now, then = getattr(said, name), getattr(job, name)
        if now not in (None, ()) and now != then:
            raise ValueError(
                f"the run in {path.parent} has another {name.rstrip('s')}; leave it out, or use --overwrite"
            )
    return job


def _prompt(session: VideoSession, prompts: Sequence[Prompt]) -> None:
    for prompt in prompts:
        mask = None
        if prompt.mask is not None:
            labels = read_mask(prompt.mask)
            mask = labels != 0 if prompt.label is None else labels == prompt.label
        session.prompt(
            prompt.frame,
            prompt.object_id,
            points=prompt.points or None,
            labels=prompt.labels or None,
            box=prompt.box,
            mask=mask,
        )


def _results(session: VideoSession, passes: Sequence[range], done: int) -> Iterator[FrameResult]:
    """The frames of all passes but the first `done`."""
    for frames in passes:
        rest, done = frames[done:], max(done - len(frames), 0)
        if rest:
            yield from session.propagate(rest.start, rest.stop, reverse=rest.step < 0)


def _record(result: FrameResult) -> FrameRecord:
    return FrameRecord(
        result.frame,
        {
            object_id: FrameMask(
                frame=result.frame,
                rle=found.rle(),
                score=found.score,
                iou=found.iou,
                visible=found.visible,
                prompted=found.prompted,
            )
            for object_id, found in result.objects.items()
        },
    )


class _Saver:
    """Saves the state of a session now and then; at most one state is kept."""

    def __init__(self, session: VideoSession, folder: Path) -> None:
        self._session = session
        self._folder = folder
        self._due = time.monotonic() + SAVE_EVERY

    def save_if_due(self, count: int) -> None:
        if time.monotonic() >= self._due:
            self.save(count)

    def save(self, count: int) -> None:
        """Save the state after `count` frames of the journal."""
        began = time.monotonic()
        target = self._folder / f"{STATE}{count}"
        self._session.save(target)
        for old in self._folder.glob(f"{STATE}*"):
            if old != target:
                old.unlink()
        now = time.monotonic()
        self._due = now + max(SAVE_EVERY, SAVE_SHARE * (now - began))


def _resumed(path: Path, model: Sam2, source: Path) -> tuple[VideoSession | None, int]:
    """The session of the newest saved state that the journal covers, and the number of frames before it."""
    count = sum(1 for _ in read_records(path))
    states = {
        int(p.name.removeprefix(STATE)): p for p in path.parent.glob(f"{STATE}*") if p.name[len(STATE) :].isdecimal()
    }
    covered = [done for done in states if done <= count]
    if not covered:
        return None, 0
    done = max(covered)
    return VideoSession.load(states[done], model, source), done


def forget_states(folder: Path) -> None:
    """Remove the states of an unfinished run."""
    for state in folder.glob(f"{STATE}*"):
        state.unlink()


@contextmanager
def _interrupt() -> Iterator[threading.Event]:
    """The first Ctrl-C sets the event, so that the frame at hand is finished; the second one stops at once."""
    event = threading.Event()

    def remember(number: int, frame: FrameType | None) -> None:
        event.set()
        signal.signal(signal.SIGINT, before)

    if threading.current_thread() is not threading.main_thread():
        yield event  # signals reach the main thread only
        return
    before = signal.signal(signal.SIGINT, remember)
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, before)


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:.1f} frames/s")


def _progress(done: int, total: int) -> Progress:
    progress = Progress(
        TextColumn("tracking"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    progress.add_task("tracking", completed=done, total=total)
    return progress
