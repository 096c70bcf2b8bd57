"""The training loop: reads from top to bottom, saves atomically, resumes exactly."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import torch

from masklet.model.checkpoints import save
from masklet.model.sam2 import Sam2, build
from masklet.train.ahead import ahead
from masklet.train.batches import Part, Sources, draw_batches
from masklet.train.config import Recipe
from masklet.train.distributed import World
from masklet.train.learner import Learner, State, averaged, new_state

LAST, LOG, WEIGHTS, BEST = "last.pt", "log.jsonl", "weights.safetensors", "best.safetensors"
Record = Mapping[str, Any]
Validate = Callable[[Sam2], Mapping[str, float]]
"""Judges a model: name of a figure -> value, higher is better for the one that is watched."""


class Watcher(Protocol):
    """Someone who follows a run: a live line, a page, tensorboard."""

    def step(self, record: Record) -> None:
        """After every optimiser step: what a line of the log holds."""
        ...

    def judged(self, record: Record) -> None:
        """After every validation: "step" and the figures."""
        ...

    def close(self) -> None:
        """The run has ended, or was interrupted."""
        ...


def train(
    recipe: Recipe,
    sources: Sources,
    folder: Path,
    *,
    prepare: Callable[[Sam2], None],
    validate: Validate | None = None,
    watchers: Sequence[Watcher] = (),
    world: World | None = None,
    stop_after: int | None = None,
    workers: int = 0,
) -> Path:
    """Run `recipe`, or go on with it where `folder` holds its checkpoint; returns the last checkpoint's path.

    SIGTERM and Ctrl-C save and return early. `folder` gets `last.pt` (all that resuming needs), `log.jsonl` (one line a
    step), at the end `weights.safetensors` (the averaged weights) and, with `validate`, `best.safetensors`. On one
    machine the result does not depend on how often a run was interrupted.

    Parameters
    ----------
    prepare: fills the initial weights of a new run.
    validate: judges the averaged weights as `recipe.validation` says.
    world: the processes that train together; each calls this with its own. Default: this one alone.
    stop_after: leave after this step of the schedule, for runs in parts.
    workers: processes that prepare batches, beside this one; 0: a thread of it. The batches are the same.

    Raises
    ------
    FloatingPointError: the loss is not finite; the last checkpoint stays as it is.
    """
    world = world or World()
    folder.mkdir(parents=True, exist_ok=True)
    last = folder / LAST
    state = torch.load(last, weights_only=True) if last.exists() else _first(recipe, prepare)
    end = min(recipe.steps, stop_after or recipe.steps)
    part = Part(world.rank, world.size, recipe.accumulate)
    judge = _Judge(recipe, validate, folder, state.pop("judge", None))
    with _Diary(folder / LOG if world.leads else None, watchers) as diary, _Interrupts() as interrupts:
        while state["step"] < end and not judge.gives_up and not interrupts.requested:
            # One pass a stage: the image size is part of the model, the weights are not.
            step = state["step"]
            stage = recipe.stage_at(step)
            until = min(end, recipe.stage_end(step))
            learner = Learner(recipe, stage, state, world)
            make = partial(draw_batches, sources, stage, recipe.seed, part=part)
            ready = ahead(make, step, until, workers=workers)
            asked = time.monotonic()
            for batches in ready:
                started = time.monotonic()
                update = learner.update(batches)
                times = {"seconds": time.monotonic() - asked, "waited": started - asked}
                samples = stage.clips if batches[0].length > 1 else stage.stills
                counts = {"samples": samples, "frames": sum(len(b.images) for b in batches), "size": stage.size}
                diary.step({"step": learner.step, **counts, **times, "norm": update.norm, **update.figures})
                stop = world.any(here=interrupts.requested)
                due = judge.due(learner.step)
                if stop or due or learner.step == until or learner.step % recipe.save_every == 0:
                    state = learner.state()
                    if due and world.leads:
                        diary.judged({"step": learner.step, **judge(state)})
                    if world.leads:
                        save_atomically({**state, "judge": judge.memory}, last)
                if stop or world.any(here=judge.gives_up):
                    break
                asked = time.monotonic()
            ready.close()
    if world.leads:
        save(averaged(recipe, state), folder / WEIGHTS, notes={"masklet.step": str(state["step"])})
    return last


def _first(recipe: Recipe, prepare: Callable[[Sam2], None]) -> State:
    torch.manual_seed(recipe.seed)
    model = build(recipe.model)
    prepare(model)
    return new_state(recipe, model)


class _Judge:
    """Validates, keeps the best weights, and knows when to give up."""

    def __init__(self, recipe: Recipe, validate: Validate | None, folder: Path, memory: dict[str, Any] | None) -> None:
        self._recipe = recipe
        self._validate = validate
        self._folder = folder
        self.memory: dict[str, Any] = memory or {"best": None, "worse": 0}

    def due(self, step: int) -> bool:
        rules = self._recipe.validation
        return (
            self._validate is not None and rules is not None and (step % rules.every == 0 or step == self._recipe.steps)
        )

    @property
    def gives_up(self) -> bool:
        rules = self._recipe.validation
        return rules is not None and 0 < rules.patience <= self.memory["worse"]

    def __call__(self, state: State) -> Mapping[str, float]:
        assert self._validate is not None
        assert self._recipe.validation is not None
        model = averaged(self._recipe, state)
        figures = self._validate(model)
        watched = self._recipe.validation.watch
        if watched not in figures:
            raise ValueError(f"validation is to watch {watched!r}, but gave {', '.join(figures) or 'nothing'}")
        best = self.memory["best"]
        if best is None or figures[watched] > best:
            self.memory = {"best": figures[watched], "worse": 0}
            notes = {"masklet.step": str(state["step"]), f"masklet.{watched}": f"{figures[watched]:.4f}"}
            save(model, self._folder / BEST, notes=notes)
        else:
            self.memory = {"best": best, "worse": self.memory["worse"] + 1}
        return figures


def save_atomically(state: dict[str, Any], path: Path) -> None:
    """Write a checkpoint so that a crash leaves the old one or the new one, never a part.

    Raises
    ------
    OSError: it cannot be written; the old one stays.
    """
    temporary = path.with_name(path.name + ".part")
    try:
        with temporary.open("wb") as file:
            torch.save(state, file)
        temporary.replace(path)
    except (OSError, RuntimeError) as error:
        cause = error if isinstance(error, OSError) else error.__context__  # behind torch's own words
        if isinstance(cause, OSError):  # that of the disk names no file
            raise OSError(cause.errno, cause.strerror, str(path)) from None
        raise
    finally:
        temporary.unlink(missing_ok=True)


class _Diary:
    """The log, one JSON line a step, and all that watch."""

    def __init__(self, path: Path | None, watchers: Sequence[Watcher]) -> None:
        self._path = path
        self._watchers = watchers if path is not None else ()

    def __enter__(self) -> Self:
        self._file = None if self._path is None else self._path.open("a", buffering=1)
        return self

    def step(self, record: Record) -> None:
        self._write(record)
        for watcher in self._watchers:
            watcher.step(record)

    def judged(self, record: Record) -> None:
        self._write({"step": record["step"], "validation": {k: v for k, v in record.items() if k != "step"}})
        for watcher in self._watchers:
            watcher.judged(record)

    def _write(self, record: Record) -> None:
        if self._file is not None:
            self._file.write(json.dumps(_rounded(record)) + "\n")

    def __exit__(self, *_: object) -> None:
        for watcher in self._watchers:
            watcher.close()
        if self._file is not None:
            self._file.close()


def _rounded(record: Record) -> dict[str, Any]:
    def tidy(value: Any) -> Any:
        return _rounded(value) if isinstance(value, dict) else round(value, 4) if isinstance(value, float) else value

    return {name: tidy(value) for name, value in record.items()}


class _Interrupts:
    """While entered, SIGTERM and Ctrl-C set `requested` instead of ending the process."""

    def __init__(self) -> None:
        self.requested = False

    def __enter__(self) -> Self:
        numbers = (signal.SIGTERM, signal.SIGINT)
        self._previous = {number: signal.signal(number, self._note) for number in numbers}
        return self

    def _note(self, *_: object) -> None:
        self.requested = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
