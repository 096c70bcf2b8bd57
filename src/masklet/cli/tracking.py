"""What `masklet track` does: run a session, keep a journal, go on with a stopped run.

The journal (`track.jsonl`) is what was found. While a run is unfinished, the state of the session lies beside it; a run
that goes on loads the newest state that the journal covers, cuts the journal back to it and continues from there.
Nothing is kept in memory that grows with the video.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from masklet import __version__
from masklet.cli.job import Job
from masklet.cli.journal import FrameRecord, Journal, read_header, read_records
from masklet.cli.options import load, make_folder
from masklet.cli.outputs import OverlayVideo, forget_outputs, write_effects, write_outputs
from masklet.cli.progress import frame_progress, gentle_interrupt
from masklet.cli.prompts import Prompt
from masklet.cli.states import States
from masklet.export import Effect
from masklet.export.effects import check_targets
from masklet.media import Clip, open_clip, read_mask
from masklet.session import FrameResult, VideoSession
from masklet.session.prompts import check_points


def run(
    source: Path,
    job: Job,
    folder: Path,
    *,
    formats: Sequence[str],
    effects: Sequence[Effect] = (),
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
    older = read_header(path) if resume and path.exists() else None
    job = job.with_defaults() if older is None else job.going_on(Job.from_json(older))
    if not job.prompts:
        raise ValueError('nothing to track: give --prompt "1@0:point=420,240", or --mask, or --prompts')
    check_targets(effects, {prompt.object_id for prompt in job.prompts})
    states = States(folder)
    failure = None
    with open_clip(source) as clip:
        passes = job.passes(len(clip))
        total = sum(map(len, passes))
        if older is not None:
            _check_same_clip(clip, older)
        count = 0 if older is None else sum(1 for _ in read_records(path))
        drawn: list[str] = []
        if count < total:
            with ExitStack() as stack:
                session, journal = _begin(source, clip, job, path, device, going_on=older is not None)
                stack.enter_context(journal)
                overlay = None
                if "overlay" in formats and len(passes) == 1 and passes[0].step > 0:
                    drawn.append("overlay")
                    overlay = stack.enter_context(OverlayVideo(folder, clip, passes[0]))
                    for record in read_records(path):
                        overlay.add(record)
                before, began = journal.count, time.monotonic()
                failure = _follow(session, passes, job.corrections(len(clip)), journal, overlay, states)
                count, seconds = journal.count, time.monotonic() - began
            console.print(f"{count - before} frames in {seconds:.1f} s ({(count - before) / seconds:.1f} frames/s)")
        if count:
            for name, where in write_outputs(path, clip, formats, model=job.model or "nano", done=drawn):
                console.print(f"{name:<8} {where}", markup=False)
            if effects:
                console.print(f"{'effects':<8} {write_effects(path, clip, effects)}", markup=False)
        if clip.damage:
            console.print(f"note: {clip.name} is damaged: {clip.damage}", markup=False)
    if failure is not None:
        raise failure
    if count < total:
        console.print(f"stopped after {count} of {total} frames; the same command with --resume goes on")
        return 130
    states.forget()
    return 0


def _check_same_clip(clip: Clip, header: Mapping[str, Any]) -> None:
    then, now = ({name: it[name] for name in ("frames", "height", "width")} for it in (header, _identity(clip)))
    if then != now:
        words = "{frames} frames of {width}x{height}"
        raise ValueError(
            f"{clip.name} has {words.format(**now)}, but the run to go on with is of {words.format(**then)}"
        )


def _identity(clip: Clip) -> dict[str, Any]:
    return {"frames": len(clip), "height": clip.height, "width": clip.width, "fps": clip.fps}


def _begin(
    source: Path, clip: Clip, job: Job, path: Path, device: str | None, *, going_on: bool
) -> tuple[VideoSession, Journal]:
    """A prompted session and a journal at the same frame: at the first, or where an older run's state was saved."""
    model = load(job.model or "nano", device, job.dtype, job.fast or 0)
    states = States(path.parent)
    if going_on:
        state, done = states.newest(sum(1 for _ in read_records(path)))
        if state is not None:
            return VideoSession.load(state, model, clip, archive=False), Journal.reopen(path, done)
    session = VideoSession(model, clip, archive=False)
    later = job.corrections(len(clip))
    for prompt in job.prompts:
        if prompt in later:
            check_points(prompt.points, prompt.labels, clip.height, clip.width)  # now, not when their frame is reached
        else:
            _give(session, prompt)
    forget_outputs(path.parent)
    states.forget()
    header = {"version": __version__, "source": str(source), **_identity(clip), **job.to_json()}
    return session, Journal.create(path, header)


def _give(session: VideoSession, prompt: Prompt) -> FrameResult:
    return session.prompt(
        prompt.frame,
        prompt.object_id,
        points=prompt.points or None,
        labels=prompt.labels or None,
        box=prompt.box,
        mask=_mask(prompt),
    )


def _mask(prompt: Prompt) -> NDArray[np.bool_] | None:
    if prompt.mask is None:
        return None
    labels = read_mask(prompt.mask)
    return labels != 0 if prompt.label is None else labels == prompt.label


def _follow(
    session: VideoSession,
    passes: Sequence[range],
    corrections: Sequence[Prompt],
    journal: Journal,
    overlay: OverlayVideo | None,
    states: States,
) -> ValueError | OSError | None:
    """Track what the journal lacks, up to the end, Ctrl-C or an error, which is returned."""
    total = sum(map(len, passes))
    with gentle_interrupt() as interrupted, frame_progress("tracking", journal.count, total) as progress:
        try:
            for result in _results(session, passes, journal.count):
                record = _record(_corrected(session, result, corrections))
                journal.append(record)
                if overlay:
                    overlay.add(record)
                progress.advance(progress.task_ids[0])
                if interrupted.is_set():
                    break
                states.save_if_due(session, journal.count)
            if journal.count < total:
                states.save(session, journal.count)
            if overlay:
                overlay.finish()
        except (ValueError, OSError) as error:
            return error
    return None


def _results(session: VideoSession, passes: Sequence[range], done: int) -> Iterator[FrameResult]:
    """The frames of all passes but the first `done`."""
    for frames in passes:
        rest, done = frames[done:], max(done - len(frames), 0)
        if rest:
            yield from session.propagate(rest.start, rest.stop, reverse=rest.step < 0)


def _corrected(session: VideoSession, result: FrameResult, corrections: Sequence[Prompt]) -> FrameResult:
    """A frame with the clicks on it put on what was found there, once for each object."""
    for prompt in corrections:
        number = prompt.object_id
        is_found = prompt.frame == result.frame and number in result.objects
        if is_found and prompt.frame not in session.prompts(number):
            result = _give(session, prompt)
    return result


def _record(result: FrameResult) -> FrameRecord:
    return FrameRecord(
        result.frame, {number: found.frame_mask(result.frame) for number, found in result.objects.items()}
    )
