"""The page of a run: one HTML file of curves and validation pictures, written while the run goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from masklet.export.charts import Line, line_chart
from masklet.export.files import atomic_path
from masklet.export.pages import Charts, Page, Section, Strip, Tile, write_page
from masklet.train.history import History, figures_of
from masklet.train.loop import Record
from masklet.train.settings import settings
from masklet.train.wording import axis_percent, duration, loss_text, percent, rate_text, rough_duration

PAGE, PICTURES = "page.html", "pictures.json"
Facts = Sequence[tuple[str, str]]
"""Label and value of what was run, on what."""

_OVERLAPS = ("tracked", "still_first", "still_last")
"""Figures that are IoUs."""
_LEAST_RANGE = 0.01
_NAMES = {"tracked": "tracked", "still_first": "first click", "still_last": "last click"}


class PageWatcher:
    """Writes the page after a validation, at the end, and otherwise at most every so many seconds.

    The pictures of the last validation are kept in the folder too, so that a run that goes on still shows them.

    Parameters
    ----------
    history: of the run, brought up to date before this.
    folder: of the run.
    facts: what is said of it.
    strips: gives the pictures of the validation that has just been made.
    every: seconds; also how often the browser looks for a newer page while the run goes on.
    """

    def __init__(
        self,
        history: History,
        folder: Path,
        facts: Facts,
        strips: Callable[[], Sequence[Strip]],
        *,
        every: float = 30.0,
    ) -> None:
        self._history = history
        self._folder = folder
        self._facts = facts
        self._show = strips
        kept = folder / PICTURES
        self._strips = [Strip(**strip) for strip in json.loads(kept.read_text())] if kept.is_file() else []
        self._every = every
        self._written = float("-inf")

    def step(self, record: Record) -> None:  # noqa: ARG002
        """Write the page if it is time."""
        if time.monotonic() - self._written >= self._every:
            self._write(running=True)

    def judged(self, record: Record) -> None:  # noqa: ARG002
        """Show the new figures."""
        self._strips = list(self._show())
        with atomic_path(self._folder / PICTURES) as temporary:
            temporary.write_text(json.dumps([asdict(strip) for strip in self._strips]))
        self._write(running=True)

    def close(self) -> None:
        """Leave a page that does not wait for another one."""
        self._write(running=False)

    def _write(self, *, running: bool) -> None:
        refresh = max(round(self._every), 1) if running else 0
        write_page(run_page(self._history, self._facts, self._strips, refresh=refresh), self._folder / PAGE)
        self._written = time.monotonic()


def run_page(history: History, facts: Facts, strips: Sequence[Strip], *, refresh: int = 0) -> Page:
    """The page of a run as it is now; `refresh` seconds until the browser is to look again, 0: it has ended."""
    recipe = history.recipe
    return Page(
        kind="masklet training run",
        title=recipe.name,
        facts=[("state", state(history, running=refresh > 0)), *facts],
        tiles=_tiles(history),
        sections=[
            _validation(history),
            Section(
                key="pictures",
                title="Pictures",
                note="What the weights of the last validation make of some clips and pictures.",
                strips=strips,
            ),
            _losses(history),
            _answers(history),
            _optimiser(history),
            _speed(history),
        ],
        manifest=json.dumps(settings(recipe), indent=1),
        refresh=refresh,
    )


def state(history: History, *, running: bool) -> str:
    """How far a run is, in words."""
    steps = f"{history.done} of {history.recipe.steps} steps"
    if history.finished:
        return f"finished, {history.done} steps"
    if history.gave_up:
        return f"ended after {steps}: no better figure any more"
    return f"running, {steps}" if running else f"stopped after {steps}"


def _tiles(history: History) -> list[Tile]:
    recipe = history.recipe
    tiles = [Tile(label="steps", value=str(history.done), note=f"of {recipe.steps}")]
    if recipe.validation is not None and history.validations:
        best = history.best()
        watched, last = recipe.validation.watch, history.validations[-1]
        if best is not None:
            tiles.append(Tile(label=f"best {watched}", value=percent(best[watched]), note=f"% at step {best['step']}"))
        tiles += [
            Tile(label=name, value=percent(value), note=f"% at step {last['step']}")
            for name, value in figures_of(last).items()
        ]
    if history.loss is not None:
        tiles.append(Tile(label="loss", value=loss_text(history.loss), note="mean of the last steps"))
    number, unit = rough_duration(history.seconds)
    tiles.append(Tile(label="time", value=number, note=f"{unit} {_left(history)}"))
    if history.samples_per_second is not None:
        tiles.append(Tile(label="speed", value=f"{history.samples_per_second:.1f}", note="samples/s"))
    return tiles


def _left(history: History) -> str:
    over = history.finished or history.gave_up or history.left is None
    return "of training" if over else f"of training, {duration(history.left or 0)} left"


def _validation(history: History) -> Section:
    drawings: list[str] = []
    for index, name in enumerate(history.judgements()):
        points = [(float(r["step"]), float(r[name])) for r in history.validations if name in r]
        drawings.append(_chart(name, [Line(label=name, points=points, series=index)], axis_percent, near=True))
    return Section(
        key="validation",
        title="Validation",
        note="The averaged weights, judged on data that is not trained on; in percent.",
        charts=_charts(drawings),
    )


def _losses(history: History) -> Section:
    parts = [name for name in history.figures() if name != "loss" and name not in _OVERLAPS]
    drawings = [_chart(name.replace("_", " "), _lines(history, [name]), loss_text) for name in ("loss", *parts)]
    return Section(
        key="loss",
        title="Loss",
        note="The whole loss and its parts without their weights, means of neighbouring steps.",
        charts=_charts(drawings),
    )


def _answers(history: History) -> Section:
    found = [name for name in _OVERLAPS if name in history.figures()]
    drawings = [_chart("IoU of answers", _lines(history, found), axis_percent)] if found else []
    return Section(
        key="answers",
        title="Answers",
        note="IoU with the truth, in percent, of what the model answered while it trained: on tracked frames of clips,"
        " and on stills after the first and the last click.",
        charts=_charts(drawings),
    )


def _optimiser(history: History) -> Section:
    steps = [step for step, _ in history.curve("seconds")]
    drawings = [
        _chart(title, [Line(label=title, points=points)] if points else [], text)
        for title, points, text in (
            ("learning rate, outside of the trunk", [(step, history.rate(round(step))) for step in steps], rate_text),
            ("norm of the gradient", history.curve("norm"), loss_text),
        )
    ]
    return Section(
        key="optimiser",
        title="Optimiser",
        note=f"Gradients are scaled down to a norm of {history.recipe.optimiser.clip_norm:g}.",
        charts=_charts(drawings),
    )


def _speed(history: History) -> Section:
    drawings = [
        _chart(title, [Line(label=title, points=points)] if points else [], text)
        for title, points, text in (
            ("samples (clips and stills) a second", history.ratio("samples", "seconds"), loss_text),
            ("time spent waiting for samples, %", history.ratio("waited", "seconds"), axis_percent),
        )
    ]
    return Section(key="speed", title="Speed", charts=_charts(drawings))


def _lines(history: History, names: Iterable[str]) -> list[Line]:
    curves = [(name, history.curve(name)) for name in names]
    return [
        Line(label=_NAMES.get(name, name.replace("_", " ")), points=points, series=index)
        for index, (name, points) in enumerate(curves)
        if points
    ]


def _chart(title: str, lines: Sequence[Line], text: Callable[[float], str], *, near: bool = False) -> str:
    """A chart over the steps; empty where there is nothing to draw. `near`: not from 0, but where the values are."""
    if not lines:
        return ""
    values = [y for line in lines for _, y in line.points]
    low, high = min(values), max(values)
    room = max(0.15 * (high - low), _LEAST_RANGE)
    return line_chart(
        title,
        lines,
        x_label="step",
        x_text=lambda x: f"{x:.0f}",
        y_text=text,
        y_range=(low - room, high + room) if near else None,
    )


def _charts(drawings: Iterable[str]) -> list[Charts]:
    drawn = [drawing for drawing in drawings if drawing]
    return [Charts(drawings=drawn)] if drawn else []
