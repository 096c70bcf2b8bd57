"""Who follows a run: a live line in the terminal, and tensorboard."""

from __future__ import annotations

import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from masklet.train.history import FACTS, History, figures_of
from masklet.train.loop import Record
from masklet.train.wording import duration, rate_text, shown

if TYPE_CHECKING:
    from torch.utils.tensorboard.writer import SummaryWriter

_LINE_EVERY = 30.0
"""Seconds between two lines where there is no terminal to keep one line up to date in."""


class LiveLine:
    """Step, loss, rate, speed, time left and the last validation: one line that changes, and one for each validation.

    Where the console is no terminal (a file, a pipe), a plain line now and then.
    """

    def __init__(self, history: History, console: Console) -> None:
        self._history = history
        self._console = console
        columns = (TextColumn("{task.description}"), BarColumn(bar_width=16), TextColumn("{task.fields[text]}"))
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._progress.add_task(history.recipe.name, total=history.recipe.steps, text="")
        self._said = time.monotonic()

    def step(self, record: Record) -> None:
        """Bring the line up to date."""
        if self._console.is_terminal:
            self._progress.start()
            self._progress.update(self._task, completed=record["step"], text=self._text())
        elif time.monotonic() - self._said >= _LINE_EVERY or record["step"] == self._history.recipe.steps:
            self._say(self._text())

    def judged(self, record: Record) -> None:
        """Say the figures in a line that stays."""
        best = self._history.best()
        mark = " (best)" if best is not None and best["step"] == record["step"] else ""
        self._say(f"step {record['step']}: {shown(figures_of(record))}{mark}")

    def close(self) -> None:
        """Take the line away."""
        self._progress.stop()

    def _say(self, text: str) -> None:
        self._said = time.monotonic()
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _text(self) -> str:
        history = self._history
        parts = [f"{history.done}/{history.recipe.steps}", f"rate {rate_text(history.rate(max(history.done, 1)))}"]
        if history.loss is not None:
            parts.insert(1, f"loss {history.loss:.3f}")
        if history.samples_per_second is not None:
            parts.append(f"{history.samples_per_second:.1f} samples/s")
        if history.left:
            parts.append(f"{duration(history.left)} left")
        if history.validations:
            parts.append(shown(figures_of(history.validations[-1]), 2))
        return "  ".join(parts)


class TensorBoard:
    """Scalars for tensorboard, in the folder `tensorboard` of the run.

    Raises
    ------
    ValueError: tensorboard is not installed.
    """

    def __init__(self, history: History, folder: Path) -> None:
        if find_spec("tensorboard") is None:
            raise ValueError("--tensorboard needs tensorboard: pip install 'masklet[train]'")
        self._history = history
        self._folder = folder / "tensorboard"
        self._writer: SummaryWriter | None = None

    def step(self, record: Record) -> None:
        """Loss and its parts, the gradient's norm, the rate, the speed."""
        step = record["step"]
        writer = self._at(step)
        for name, value in record.items():
            if name not in FACTS:
                writer.add_scalar(f"train/{name}", value, step)
        writer.add_scalar("optimiser/norm", record["norm"], step)
        writer.add_scalar("optimiser/rate", self._history.rate(step), step)
        writer.add_scalar("speed/samples_per_second", record["samples"] / record["seconds"], step)

    def judged(self, record: Record) -> None:
        """The figures."""
        for name, value in figures_of(record).items():
            self._at(record["step"]).add_scalar(f"validation/{name}", value, record["step"])

    def close(self) -> None:
        """Write what is left."""
        if self._writer is not None:
            self._writer.close()

    def _at(self, step: int) -> SummaryWriter:
        """The writer; what an earlier, killed run wrote from its first step on is hidden."""
        if self._writer is None:
            from torch.utils.tensorboard.writer import SummaryWriter

            self._writer = SummaryWriter(str(self._folder), purge_step=step)
        return self._writer
